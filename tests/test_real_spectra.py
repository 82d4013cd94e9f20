"""Real multipliers carry no wave: proofs for symbolic and written-out sizes, counterexamples, and rings run by hand."""

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from carleman_ssm.formulas.statements import Identity
from carleman_ssm.formulas.verification import Evidence, verify
from carleman_ssm.theory.real_spectra import (
    COMPLEX_WEIGHTS,
    WEIGHTS,
    alternating_hop,
    complex_twins,
    excess_at_the_kick,
    standing_contents,
)
from carleman_ssm.theory.wave_profile import DISTANCE, MODE, NODES

FORMS = [standing_contents(), *(standing_contents(nodes) for nodes in (2, 3, 4)), alternating_hop()]


@pytest.mark.symbolic
@pytest.mark.parametrize("form", FORMS, ids=["N", "2", "3", "4", "alternating"])
def test_every_certificate_is_proved(form):
    assert form.certificates
    for certificate in form.certificates:
        assert verify(certificate).proved, certificate.name


@pytest.mark.symbolic
@pytest.mark.parametrize("nodes", [NODES, 3, 4], ids=["N", "3", "4"])
def test_no_certificate_survives_complex_weights(nodes):
    """The hypothesis is used: with complex letters in the place of the weights every certificate is refuted."""
    twins, certificates = complex_twins(nodes), standing_contents(nodes).certificates
    assert [twin.name for twin in twins] == [certificate.name for certificate in certificates]
    for twin, certificate in zip(twins, certificates, strict=True):
        assert verify(twin).evidence is Evidence.REFUTED, twin.name
        for claimed, proved in ((twin.left, certificate.left), (twin.right, certificate.right)):
            carried_out = proved.replace(sp.conjugate, sp.conjugate)
            assert claimed.subs(COMPLEX_WEIGHTS, WEIGHTS) == carried_out  # nothing else is changed


@pytest.mark.symbolic
def test_a_rigid_wave_breaks_each_law():
    """Weights i^n of four modes, the shift by one node: the witness, by hand."""
    shift = {n: sp.I**n for n in range(4)}
    for twin in complex_twins(4):
        sides = [side.subs(DISTANCE, 1).doit() for side in (twin.left, twin.right)]
        left, right = [s.xreplace({a: shift[int(a.indices[0])] for a in s.atoms(sp.Indexed)}) for s in sides]
        assert verify(Identity(left, right)).evidence is Evidence.REFUTED, twin.name


def written(nodes, distance, weights):
    """Contents with explicit roots of unity: no sum is left."""
    root = sp.exp(2 * sp.pi * sp.I / nodes)
    return sum(v * root ** (-n * distance) for n, v in enumerate(weights)) / nodes


@pytest.mark.symbolic
@pytest.mark.parametrize("nodes", [1, 2, 3, 4])
def test_the_excess_is_the_one_of_explicit_roots_of_unity(nodes):
    weights = sp.symbols(f"v_:{nodes}", real=True)
    for distance in range(nodes):
        gap = written(nodes, 0, weights) ** 2 - written(nodes, distance, weights) * written(nodes, -distance, weights)
        formula = excess_at_the_kick(sp.Integer(nodes)).doit().subs(DISTANCE, distance)
        formula = formula.subs({WEIGHTS[n]: v for n, v in enumerate(weights)})
        assert verify(Identity(gap, formula)).proved
        assert verify(
            Identity(written(nodes, -distance, weights), sp.conjugate(written(nodes, distance, weights)))
        ).proved


@pytest.mark.symbolic
@pytest.mark.parametrize("nodes", [3, 4])
def test_complex_weights_are_refuted(nodes):
    """The false twins: both laws claimed of a complex spectrum."""
    weights = sp.symbols(f"v_:{nodes}")
    ahead, behind = written(nodes, 1, weights), written(nodes, -1, weights)
    mirrored = Identity(ahead * sp.conjugate(ahead), behind * sp.conjugate(behind), name="both directions alike")
    assert verify(mirrored).evidence is Evidence.REFUTED
    size = written(nodes, 0, weights)
    gap = size * sp.conjugate(size) - ahead * sp.conjugate(ahead)
    formula = excess_at_the_kick(sp.Integer(nodes)).doit().subs(DISTANCE, 1)
    formula = formula.subs({WEIGHTS[n]: v for n, v in enumerate(weights)})
    assert verify(Identity(gap, formula)).evidence is Evidence.REFUTED


@pytest.mark.symbolic
def test_a_rigid_wave_is_largest_where_it_went():
    form = standing_contents(4)
    shift = {WEIGHTS[n]: sp.exp(2 * sp.pi * sp.I * n / 4) for n in range(4)}
    at = [form.expression.doit().subs(shift).subs(DISTANCE, d) for d in range(4)]
    assert [verify(Identity(value, sp.Integer(d == 1))).proved for d, value in enumerate(at)] == [True] * 4


def ring_after(steps):
    """A kick of node 0, moved step by step by the circulant matrices of the multipliers: no closed form."""
    nodes = steps.shape[1]
    contents = np.eye(nodes)[0].astype(complex)
    for multipliers in steps:
        column = [sum(multipliers * np.exp(-2j * np.pi * np.arange(nodes) * d / nodes)) / nodes for d in range(nodes)]
        matrix = np.array([[column[(j - l) % nodes] for l in range(nodes)] for j in range(nodes)])
        contents = matrix @ contents
    return contents


sizes = st.integers(1, 7)
steps = st.integers(1, 5)
kept = st.one_of(st.just(0.0), st.just(1.0), st.floats(0, 1.2))


@given(st.data(), sizes, steps)
def test_the_kick_stays_largest_at_node_0_whatever_the_input_does(data, nodes, length):
    multipliers = np.array([[data.draw(kept) for _ in range(nodes)] for _ in range(length)])
    contents = ring_after(multipliers)
    amplitude = np.abs(contents)
    assert (amplitude <= contents[0].real + 1e-13).all()  # sums of seven numbers up to 1.2^5
    assert np.allclose(amplitude, amplitude[-np.arange(nodes)], atol=1e-13)
    weights = multipliers.prod(axis=0)
    pairs = weights[:, None] * weights[None]
    mode = np.arange(nodes)
    for d in range(nodes):
        excess = 2 / nodes**2 * (pairs * np.sin(np.pi * (mode[:, None] - mode) * d / nodes) ** 2).sum()
        assert abs(contents[0].real ** 2 - amplitude[d] ** 2 - excess) <= 1e-12


@given(st.integers(1, 4), st.floats(0.1, 1.0), st.integers(1, 5))
def test_alternating_signs_hop_by_half_of_the_ring(half, size, length):
    nodes = 2 * half
    multipliers = np.tile(size * (-1.0) ** np.arange(nodes), (length, 1))
    contents = ring_after(multipliers)
    expected = np.zeros(nodes)
    expected[half * (length % 2)] = size**length
    assert np.allclose(contents, expected, atol=1e-13)


def test_the_bilinear_rule_makes_a_fast_real_mode_negative():
    """Why "real A" is not enough: aΔ = -3 gives the multiplier -1/5, and a kick is then larger at another node."""
    fast = (1 - sp.Rational(3, 2)) / (1 + sp.Rational(3, 2))
    assert fast == -sp.Rational(1, 5)
    contents = ring_after(np.array([[0.2, float(fast)]]))
    assert abs(contents[1]) > abs(contents[0]) + 0.1


def test_the_contents_are_a_function_of_the_named_letters():
    assert set(map(str, standing_contents().arguments)) == {"N", "v", "d"}
    assert MODE not in standing_contents().expression.free_symbols
    with pytest.raises(ValueError, match="nodes"):
        standing_contents(0)
