"""The couplings of S4D-Lin against the sum, the ring, floating point and textbook differentiation; false twins."""

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from carleman_ssm.formulas.numerics import compile_kernel
from carleman_ssm.formulas.statements import Identity, unfold
from carleman_ssm.formulas.verification import Evidence, verify
from carleman_ssm.theory.couplings import (
    circulant,
    coupling_strength,
    coupling_sum,
    s4d_lin_couplings,
    s4d_lin_self_coupling,
    skew_circulant,
)
from carleman_ssm.theory.initialisations import s4d_lin
from carleman_ssm.theory.ring import ring_embedding
from carleman_ssm.theory.roots_of_unity import root_of_unity, weighted_roots
from carleman_ssm.theory.ssm import DiagonalSSM
from carleman_ssm.theory.wave_profile import RANGES
from tests.strategies_ssm import planted

N, M = (sp.Symbol(name, integer=True, positive=True) for name in "NM")
d, n = sp.symbols("d n", integer=True)
SIZES = {"one-sided": N, "centred": 2 * M, "symmetric": 2 * M - 1}
FIRST = {"one-sided": sp.S.Zero, "centred": -M, "symmetric": 1 - M}


def apart(frequencies):
    """The condition under which the geometric sum closes: d is no multiple of N."""
    return (sp.exp(-2 * sp.pi * sp.I * d / SIZES[frequencies]) - 1,)


def formula(frequencies):
    return unfold(s4d_lin_couplings(frequencies)).expression


def couplings(frequencies, count):
    """w_0 … w_{N-1} of the closed form at N = count, exactly."""
    size, symbol = SIZES[frequencies], N if frequencies == "one-sided" else M
    value = sp.solve(size - count, symbol)[0]
    first = s4d_lin_self_coupling(frequencies).expression.subs(symbol, value)
    roots = formula(frequencies).rewrite(sp.exp)  # SymPy writes sin(pi/5) with nested radicals
    return [first, *(roots.subs({symbol: value, d: e}) for e in range(1, count))]


FORMS = [*map(s4d_lin_couplings, RANGES), *map(s4d_lin_self_coupling, RANGES), coupling_strength()]


@pytest.mark.parametrize("form", FORMS)
def test_every_certificate_is_proved_for_symbolic_size_and_distance_and_its_false_twin_refuted(form):
    assert form.certificates
    assert form.reference == "derivations/02_s4d_lin_couplings"
    for certificate in form.certificates:
        verdict = verify(certificate)
        assert verdict.proved, (certificate.name, str(verdict))
        assert verify(planted(certificate)).evidence is Evidence.REFUTED, certificate.name


@pytest.mark.parametrize("frequencies", RANGES)
def test_the_sum_is_the_definition_written_by_hand(frequencies):
    size, first = SIZES[frequencies], FIRST[frequencies]
    summand = (-sp.Rational(1, 2) + sp.I * sp.pi * n) * sp.exp(-2 * sp.pi * sp.I * n * d / size) / size
    by_hand = sp.Sum(summand, (n, first, first + size - 1))
    assert verify(Identity(coupling_sum(frequencies), by_hand)).proved
    assert verify(Identity(by_hand, formula(frequencies), nonzero=apart(frequencies))).proved


TWINS = {
    r"$W + \frac12$ is skew-Hermitian": lambda right: -right,  # Hermitian
    "Fourier differentiation": lambda right: -right,  # the other direction
    "modulus": lambda right: right / 4,  # half as strong
}


@pytest.mark.parametrize("frequencies", RANGES)
def test_no_certificate_compares_a_thing_with_itself(frequencies):
    """Statements about the transform of the spectrum: wrong ones about skewness, slope and modulus are refuted."""
    certificates = {c.name: c for c in s4d_lin_couplings(frequencies).certificates}
    assert set(TWINS) < set(certificates)
    for certificate in (*certificates.values(), *coupling_strength().certificates):
        assert certificate.left != certificate.right, certificate.name
    for name, falsify in TWINS.items():
        true = certificates[name]
        twin = Identity(true.left, falsify(true.right), nonzero=true.nonzero)
        assert verify(twin).evidence is Evidence.REFUTED, name


def wrong_sign(frequencies):
    return coupling_sum(frequencies), -formula(frequencies)


def wrong_direction(frequencies):
    return coupling_sum(frequencies), formula(frequencies).subs(d, -d)


def range_too_long(frequencies):
    total = coupling_sum(frequencies)
    (found,) = total.atoms(sp.Sum)
    index, first, last = found.limits[0]
    return total.xreplace({found: sp.Sum(found.function, (index, first, last + 1))}), formula(frequencies)


def range_one_further(frequencies):
    total = coupling_sum(frequencies)
    (found,) = total.atoms(sp.Sum)
    index, first, last = found.limits[0]
    return total.xreplace({found: sp.Sum(found.function, (index, first + 1, last + 1))}), formula(frequencies)


def alternation_lost_or_added(frequencies):
    return coupling_sum(frequencies), formula(frequencies) * (-1) ** d


def phase_lost_or_added(frequencies):
    return coupling_sum(frequencies), formula(frequencies) * sp.exp(sp.I * sp.pi * d / SIZES[frequencies])


def nearest_neighbours(frequencies):
    """Couplings ± N/4 between neighbours, as of a centred difference."""
    return coupling_sum(frequencies).subs(d, 2), sp.S.Zero


FALSE = [
    wrong_sign,
    wrong_direction,
    range_too_long,
    range_one_further,
    alternation_lost_or_added,
    phase_lost_or_added,
    nearest_neighbours,
]


@pytest.mark.parametrize("twin", FALSE)
@pytest.mark.parametrize("frequencies", RANGES)
def test_a_false_twin_of_the_sum_is_refuted_with_a_witness(frequencies, twin):
    verdict = verify(Identity(*twin(frequencies), nonzero=apart(frequencies)))
    assert verdict.evidence is Evidence.REFUTED
    assert verdict.witness is not None


@pytest.mark.parametrize("frequencies", RANGES[1:])
def test_ranges_around_zero_alternate_where_the_one_sided_range_does_not(frequencies):
    """One more step of the range turns w_d by one root of unity, so M of them by (-1)^d up to half a root."""
    size = SIZES[frequencies]
    one_sided = formula("one-sided").subs(N, size)
    turned = one_sided * sp.exp(-2 * sp.pi * sp.I * FIRST[frequencies] * d / size)
    assert verify(Identity(turned, formula(frequencies))).proved
    assert verify(Identity(one_sided, formula(frequencies))).evidence is Evidence.REFUTED


@pytest.mark.parametrize(
    ("closure", "frequencies", "modes"),
    [("complex", "one-sided", m) for m in (1, 2, 3, 4, 5, 6)] + [("real", "symmetric", m) for m in (1, 2, 3, 4)],
)
def test_the_ring_of_s4d_lin_has_these_couplings_exactly(closure, frequencies, modes):
    ring = ring_embedding(s4d_lin(modes), closure=closure)
    expected = couplings(frequencies, ring.nodes)
    verdict = verify(Identity(sp.ImmutableMatrix(ring.couplings), sp.ImmutableMatrix(expected)))
    assert verdict.proved, str(verdict)


def test_the_centred_range_is_that_of_a_ring_with_negative_frequencies_first():
    """An even number of frequencies from -N/2: the complex ring of these modes, node for node turned by (-1)^d."""
    spectrum = tuple(-sp.Rational(1, 2) + sp.I * sp.pi * f for f in range(-2, 2))
    ring = ring_embedding(DiagonalSSM(spectrum, (1,) * 4, (1,) * 4))
    turned = [w * sp.S.NegativeOne**e for e, w in enumerate(ring.couplings)]
    assert verify(Identity(sp.ImmutableMatrix(turned), sp.ImmutableMatrix(couplings("centred", 4)))).proved


# --- measured ------------------------------------------------------------------------------------------------------


def spectrum_and_frequencies(frequencies, size):
    first = {"one-sided": 0, "centred": -(size // 2), "symmetric": -((size - 1) // 2)}[frequencies]
    f = np.arange(first, first + size)
    return -0.5 + 1j * np.pi * f, f


@pytest.mark.parametrize("frequencies", RANGES)
def test_measured_the_compiled_couplings_are_the_float_transform(frequencies):
    """THEORY T2: error / N at most 5.3e-15 for N up to 127; here 100 times that."""
    kernel = compile_kernel(s4d_lin_couplings(frequencies))
    for size in {"one-sided": (2, 3, 16, 63, 127), "centred": (2, 4, 16, 126), "symmetric": (3, 5, 63, 127)}[
        frequencies
    ]:
        a, f = spectrum_and_frequencies(frequencies, size)
        distance = np.arange(1, size)
        argument = size if frequencies == "one-sided" else (size + 1) // 2
        found = np.array([kernel(argument, int(e)) for e in distance])
        direct = np.exp(-2j * np.pi * np.outer(distance, f) / size) @ a / size
        assert np.abs(found - direct).max() <= 100 * 5.3e-15 * size
        assert np.abs(found - direct.conj()).max() > 0.1 or size == 2 or frequencies == "symmetric"


def test_measured_size_and_phase_of_the_one_sided_couplings():
    """THEORY T2: arg w_d = pi + pi d/N with error 7e-15, and |w_d| = (N/2)/chord; here 100 times that."""
    kernel = compile_kernel(coupling_strength())
    for size in (2, 5, 32, 127):
        a, _ = spectrum_and_frequencies("one-sided", size)
        distance = np.arange(1, size)
        direct = np.fft.fft(a)[1:] / size
        phase = np.angle(direct * np.exp(-1j * np.pi * (1 + distance / size)))
        strength = np.array([kernel(size, int(e)) for e in distance])
        assert np.abs(phase).max() <= 100 * 7e-15
        assert np.abs(np.abs(direct) - strength).max() <= 100 * 5.3e-15 * size
        chords = np.abs(1 - np.exp(2j * np.pi * distance / size)) * size / (2 * np.pi)
        assert np.abs(strength * chords - size / 2).max() < 1e-11


def test_measured_the_symmetric_ring_differentiates_as_the_textbook_fourier_matrix():
    """Trefethen (2000), ch. 3: D_{jl} = (-1)^{j-l}/(2 sin(pi (j-l)/N)) on the nodes 2 pi j/N, N odd."""
    size = 17
    W = np.array(circulant(couplings("symmetric", size)).evalf(20).tolist(), complex).real
    j = np.arange(size)
    angle = 2 * np.pi * (j[:, None] - j) / size
    with np.errstate(divide="ignore"):
        D = 0.5 * (-1.0) ** (j[:, None] - j) / np.sin(angle / 2)
    np.fill_diagonal(D, 0)
    assert np.abs(W + np.eye(size) / 2 + np.pi * D).max() < 1e-12
    profile = np.exp(np.sin(2 * np.pi * j / size))
    slope = np.cos(2 * np.pi * j / size) * profile * 2 * np.pi / size
    spectral = -2 / size * (W + np.eye(size) / 2) @ profile
    centred = (np.roll(profile, -1) - np.roll(profile, 1)) / 2
    assert np.abs(spectral - slope).max() < 1e-6  # the 8 harmonics of 17 nodes; exp(sin) has little beyond
    assert np.abs(centred - slope).max() > 1e-3  # nearest neighbours do not


def test_measured_a_smooth_profile_is_carried_along_undamped_but_for_the_decay():
    """THEORY T2: the ring advects a smooth profile at N/2 nodes per unit time, error 1.6e-11; here 100 times that."""
    size, time = 63, 0.37
    a, f = spectrum_and_frequencies("symmetric", size)
    j = np.arange(size)

    def profile(z):
        return np.exp(3 * np.cos(2 * np.pi * z / size))

    amplitudes = np.exp(2j * np.pi * np.outer(f, j) / size) @ profile(j)
    moved = np.exp(-2j * np.pi * np.outer(j, f) / size) @ (np.exp(a * time) * amplitudes) / size
    ahead, back = (np.exp(-time / 2) * profile(j + sign * size * time / 2) for sign in (-1, 1))
    assert np.abs(moved - ahead).max() <= 100 * 1.6e-11
    assert np.abs(moved - back).max() > 1


# --- builders ------------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=6))
def test_circulants_commute_with_the_shift_and_skew_circulants_with_its_anti_periodic_form(column):
    size = len(column)
    first = [sp.S.Zero] * size
    first[1 % size] = sp.S.One
    shift, anti = circulant(first), skew_circulant(first)
    W, S = circulant(column), skew_circulant(column)
    assert W * shift == shift * W
    assert list(W[:, 0]) == list(S[:, 0]) == column
    if size > 1:
        assert S * anti == anti * S
        assert anti**size == -sp.eye(size)
        assert shift**size == sp.eye(size)
        assert all(S[j, l] == -S[j + size - l, 0] for l in range(1, size) for j in range(l))


@given(
    st.lists(st.integers(-3, 3), min_size=1, max_size=8),
    st.lists(
        st.builds(sp.Rational, st.integers(-24, 24), st.sampled_from([1, 2, 3, 4, 5, 6, 12])), min_size=8, max_size=8
    ),
)
def test_sums_of_roots_are_added_without_loss(weights, turns):
    turns = turns[: len(weights)]
    plain = sp.Add(*(w * sp.exp(2 * sp.pi * sp.I * t) for w, t in zip(weights, turns, strict=True)))
    found = weighted_roots(list(map(sp.Integer, weights)), turns)
    assert verify(Identity(found, plain)).proved
    assert abs(complex(sp.N(found - plain, 20))) < 1e-15


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 12, 63])
def test_all_roots_of_unity_add_to_zero_and_all_but_one_to_minus_one(size):
    a = sp.Symbol("a")
    turns = [sp.Rational(j, size) for j in range(size)]
    assert weighted_roots([a] * size, turns) == (a if size == 1 else 0)
    if size > 1:
        assert weighted_roots([a] * (size - 1), turns[1:]) == -a


def test_roots_of_unity_are_exact_and_whole_turns_are_dropped():
    assert [root_of_unity(sp.Rational(k, 4)) for k in range(-1, 5)] == [-sp.I, 1, sp.I, -1, -sp.I, 1]
    assert root_of_unity(sp.Rational(100, 3)) == root_of_unity(sp.Rational(1, 3)) != 1
    assert root_of_unity(d / N) == sp.exp(2 * sp.pi * sp.I * d / N)


@pytest.mark.parametrize("make", [s4d_lin_couplings, s4d_lin_self_coupling, coupling_sum])
def test_an_unknown_range_is_refused_with_the_known_ones(make):
    with pytest.raises(
        ValueError, match=r"unknown range of frequencies 'odd': use 'one-sided', 'centred', 'symmetric'"
    ):
        make("odd")
