"""What can be asked of the statements about waves and rings: letters, whole numbers, exact values, sizes."""

import inspect

import numpy as np
import pytest
import sympy as sp

from carleman_ssm.formulas.statements import Identity, unfold
from carleman_ssm.formulas.verification import Evidence, verify
from carleman_ssm.theory.couplings import circulant, coupling_sum, skew_circulant
from carleman_ssm.theory.dispersion import (
    MODE_NUMBER,
    Dispersion,
    bilinear_dispersion,
    held_dispersion,
    s4d_inv_dispersion,
    s4d_lin_dispersion,
)
from carleman_ssm.theory.held_input import held_kick
from carleman_ssm.theory.initialisations import s4d_lin, s4d_real
from carleman_ssm.theory.krylov import krylov_frame, unit_hop_characteristic
from carleman_ssm.theory.localisation import jittered_peak, participation_ratio_formula
from carleman_ssm.theory.polynomials import exact_without, require_count, require_integer
from carleman_ssm.theory.rigidity import (
    multiplied_order,
    real_spectrum_contents,
    rigid_hops,
    rigid_spectrum,
    rigidity_conditions,
    shift_matrix,
)
from carleman_ssm.theory.ring import ring_embedding
from carleman_ssm.theory.ring_modes import regauged, sampled_order
from carleman_ssm.theory.ssm import DiscreteSSM, bilinear_transform, zero_order_hold
from carleman_ssm.theory.wave_profile import (
    MAX_WRITTEN,
    MODE,
    NODES,
    checked_nodes,
    interpolation_sum,
    mode_frequency,
    periodic_sinc,
)
from carleman_ssm.theory.wave_readout import (
    MAX_TAPS,
    deleted_share,
    edited_kernel,
    impulse_response,
    readout_weights,
    tap_design,
)
from carleman_ssm.theory.waves import MAX_LAGS, node_contents, rigid_step, visiting_lags, wave_propagator

x = sp.Symbol("x", real=True)
half = sp.Rational(1, 2)
mode = sp.Symbol("n", integer=True)

# --- a letter of the statement is never an argument -------------------------------------------------------------------

BUILDERS = (
    deleted_share,
    held_kick,
    impulse_response,
    jittered_peak,
    node_contents,
    participation_ratio_formula,
    readout_weights,
    real_spectrum_contents,
    rigid_spectrum,
    rigid_step,
    unit_hop_characteristic,
    wave_propagator,
)
OWN = {"nodes": {"N"}, "first": {"N", "f_0"}, "hop": {"N", "delta"}}
KINDS = {"nodes": {"integer": True, "positive": True}, "first": {"integer": True}, "hop": {"real": True}}


def letters_of(form):
    """Every symbol of the expression, the definitions and the certificates, bound or free."""
    sides = [side for statement in form.certificates for side in (statement.left, statement.right)]
    parts = [form.expression, *form.where, *form.where.values(), *sides]
    return set().union(*(part.atoms(sp.Symbol) for part in parts))


def captures():
    for build in BUILDERS:
        letters = letters_of(build())
        for name in OWN.keys() & inspect.signature(build).parameters.keys():
            for letter in sorted(letters, key=str):
                if str(letter) not in OWN[name]:
                    yield pytest.param(build, name, letter, id=f"{build.__name__}-{name}-{letter}")


@pytest.mark.parametrize(("build", "name", "letter"), sorted(captures(), key=lambda case: case.id))
def test_no_argument_contains_a_letter_of_its_statement(build, name, letter):
    """A hop called n would be bound by the sum over the modes n, and the certificates would speak of something else."""
    alike = sp.Symbol(str(letter), **KINDS[name])
    for value in (alike, 2 * alike + 1, letter + sp.Symbol("g", **KINDS[name])):
        with pytest.raises(ValueError, match=r"has a meaning of its own|must be"):
            build(**{name: value})
    with pytest.raises(ValueError, match=f"{letter} has a meaning of its own in this statement: rename it"):
        build(**{name: alike})


def test_a_captured_letter_would_be_seen():
    assert {MODE, *sp.symbols("j q", integer=True)} <= letters_of(rigid_spectrum())
    assert len([*captures()]) > 80


@pytest.mark.parametrize(
    "ask",
    [
        lambda: wave_propagator(time=sp.Symbol("z", real=True)),
        lambda: wave_propagator(time=sp.Symbol("n", real=True)),
        lambda: wave_propagator(distance=mode),
        lambda: edited_kernel(3, node=1, hop=sp.Symbol("m", real=True)),
        lambda: edited_kernel(3, node=1, first=mode),
        lambda: tap_design(3, first=sp.Symbol("m", integer=True)),
        lambda: interpolation_sum(mode, 3),
        lambda: coupling_sum("one-sided", mode),
        lambda: held_dispersion(s4d_lin_dispersion(), sp.Symbol("n", positive=True)),
        lambda: bilinear_dispersion(s4d_lin_dispersion(), 1 + MODE_NUMBER),
        lambda: s4d_inv_dispersion(size=sp.Symbol("n", integer=True, positive=True)),
    ],
)
def test_letters_in_other_places_are_refused_too(ask):
    with pytest.raises(ValueError, match="has a meaning of its own in this statement: rename it"):
        ask()


RENAMED = {
    "nodes": lambda: node_contents(2 * sp.Symbol("M", integer=True, positive=True) - 1),
    "hop": lambda: node_contents(3, hop=sp.Symbol("v", real=True)),
    "hop of a step": lambda: node_contents(hop=NODES * sp.Symbol("Delta", positive=True) / 2),
    "first": lambda: node_contents(3, first=sp.Symbol("g", real=True)),
    "first of weights": lambda: readout_weights(4, first=sp.Symbol("g", integer=True)),
    "first of a kick": lambda: held_kick(first=sp.Symbol("g", real=True)),
    "first of an edit": lambda: edited_kernel(3, node=1, first=sp.Symbol("g", integer=True)),
    "first of taps": lambda: tap_design(2, first=sp.Symbol("g", integer=True)),
    "time of k steps": lambda: wave_propagator(time=sp.Symbol("k", integer=True) * sp.Symbol("Delta", positive=True)),
    "distance of two nodes": lambda: wave_propagator(distance=sp.Symbol("j", integer=True) - 3),
    "numbers": lambda: wave_propagator(4, time=1, distance=2),
    "at the peak": lambda: wave_propagator(4, time=1, distance=2, first=0),
    "the peak of any ring": lambda: wave_propagator(time=2 * sp.Symbol("d", integer=True) / NODES),
}


@pytest.mark.parametrize("build", RENAMED.values(), ids=RENAMED)
def test_other_letters_and_numbers_are_taken_and_every_free_letter_is_an_argument(build):
    form = build()
    for certificate in form.certificates:
        assert verify(certificate).proved, certificate.name
    free = {s for s in unfold(form).expression.free_symbols if isinstance(s, sp.Symbol)}
    assert free <= {argument if argument.is_Symbol else argument.label for argument in form.arguments}


@pytest.mark.parametrize("start", [None, 0, -2, half])
@pytest.mark.parametrize("nodes", [1, 2, 3, 4])
@pytest.mark.parametrize("turns", [0, 1, -1, 2])
def test_the_profile_has_its_value_where_the_quotient_has_none(nodes, start, turns):
    value = periodic_sinc(turns * nodes, nodes, first=start)
    summed = interpolation_sum(turns * nodes, nodes, first=start).doit()
    assert verify(Identity(value, summed)).proved
    assert verify(Identity(value, -summed)).evidence is Evidence.REFUTED


# --- what is no number, no whole number, no real number ---------------------------------------------------------------

INTEGER = "must be an integer"
FLOAT = "give finite exact numbers"
REFUSED = {
    "conditions, half a node": (lambda: rigidity_conditions([1, sp.I, -1, -sp.I], 0.5), TypeError, INTEGER),
    "conditions, text": (lambda: rigidity_conditions([1, sp.I, -1, -sp.I], "1"), TypeError, INTEGER),
    "conditions, bool": (lambda: rigidity_conditions([1, -1], True), TypeError, INTEGER),
    "conditions, one number": (lambda: rigidity_conditions(5, 1), TypeError, "sequence of exact numbers"),
    "hops of a number": (lambda: rigid_hops(5), TypeError, "sequence of exact numbers"),
    "hops of a text": (lambda: rigid_hops("12"), TypeError, "sequence of exact numbers"),
    "circulant of texts": (lambda: circulant(["1 + 1"]), TypeError, "text is never evaluated"),
    "skew-circulant of texts": (lambda: skew_circulant(["1 + 1"]), TypeError, "text is never evaluated"),
    "circulant of floats": (lambda: circulant([0.5, 1]), ValueError, FLOAT),
    "gauge of texts": (lambda: regauged(DiscreteSSM.symbolic(1), ["2"]), TypeError, "text is never evaluated"),
    "gauge of floats": (lambda: regauged(DiscreteSSM.symbolic(1), [0.5]), ValueError, FLOAT),
    "hops of floats": (lambda: rigid_hops([1.0, 0.5]), ValueError, FLOAT),
    "shift by half a node": (lambda: shift_matrix(3, 0.5), TypeError, INTEGER),
    "shift by an exact half": (lambda: shift_matrix(3, half), TypeError, INTEGER),
    "shift by True": (lambda: shift_matrix(3, True), TypeError, INTEGER),
    "shift of 3.0 nodes": (lambda: shift_matrix(3.0, 1), TypeError, INTEGER),
    "order of a float": (lambda: multiplied_order(5, 2.0), TypeError, INTEGER),
    "order of 5.0 modes": (lambda: multiplied_order(5.0, 2), TypeError, INTEGER),
    "lags of half a hop": (lambda: visiting_lags(1, 3, 0.5, 5), TypeError, INTEGER),
    "lags of half a node": (lambda: visiting_lags(0.5, 3, 1, 5), TypeError, INTEGER),
    "lags of True": (lambda: visiting_lags(True, 3, 1, 5), TypeError, INTEGER),
    "lags of 5.0 steps": (lambda: visiting_lags(1, 3, 1, 5.0), TypeError, INTEGER),
    "lags of -1 steps": (lambda: visiting_lags(1, 3, 1, -1), ValueError, "negative"),
    "edited node 0.0": (lambda: edited_kernel(3, node=0.0), TypeError, INTEGER),
    "edited node True": (lambda: edited_kernel(3, node=True), TypeError, INTEGER),
    "edited node '1'": (lambda: edited_kernel(3, node="1"), TypeError, INTEGER),
    "imaginary hop": (lambda: node_contents(hop=sp.I), ValueError, "must be real"),
    "complex hop": (lambda: edited_kernel(3, node=0, hop=sp.Symbol("v")), ValueError, "must be real"),
    "hop as a float": (lambda: node_contents(hop=0.5), ValueError, FLOAT),
    "imaginary frequency": (lambda: wave_propagator(first=sp.I), ValueError, "must be real"),
    "imaginary frequency of a kick": (lambda: held_kick(first=sp.I), ValueError, "must be real"),
    "imaginary time": (lambda: wave_propagator(time=sp.I), ValueError, "must be real"),
    "time as a float": (lambda: wave_propagator(time=0.5), ValueError, FLOAT),
    "time as a Float": (lambda: wave_propagator(time=sp.Float(0.5)), ValueError, FLOAT),
    "time as a text": (lambda: wave_propagator(time="1"), TypeError, "text is never evaluated"),
    "distance between nodes": (lambda: wave_propagator(distance=half), ValueError, "whole number of nodes"),
    "distance as a text": (lambda: wave_propagator(distance="d"), TypeError, "text is never evaluated"),
    "profile at a float": (lambda: periodic_sinc(0.5, 3), ValueError, FLOAT),
    "coupling at a float": (lambda: coupling_sum("one-sided", 0.5), ValueError, FLOAT),
    "nodes as a bool": (lambda: checked_nodes(True), TypeError, "scalar is needed"),
    "nodes as a float": (lambda: checked_nodes(3.0), ValueError, FLOAT),
    "frequency as a float": (lambda: mode_frequency(0.5, NODES), ValueError, FLOAT),
    "step as a float": (lambda: held_dispersion(s4d_lin_dispersion(), 0.5), ValueError, FLOAT),
    "step of any sign": (lambda: bilinear_dispersion(s4d_lin_dispersion(), x), ValueError, "must be positive"),
    "step back": (lambda: bilinear_dispersion(s4d_lin_dispersion(), sp.Integer(-1)), ValueError, "must be positive"),
    "decay with n": (
        lambda: bilinear_dispersion(Dispersion(-(MODE_NUMBER**2) + sp.I, 1, -(MODE_NUMBER**2), 0)),
        ValueError,
        "must decay alike",
    ),
    "imaginary step": (lambda: sampled_order(s4d_lin(2), sp.I), ValueError, "step must be positive"),
    "a law of another class": (lambda: held_dispersion(5), TypeError, "Dispersion"),
    "another n": (lambda: Dispersion(sp.I * mode, mode, 0, 1), ValueError, "another symbol n"),
}


@pytest.mark.parametrize(("ask", "error", "words"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_number_of_the_needed_kind_is_refused_with_a_remedy(ask, error, words):
    with pytest.raises(error, match=words):
        ask()


ring = ring_embedding(DiscreteSSM.symbolic(2))


@pytest.mark.parametrize("method", [ring.node_contents, ring.mode_amplitudes, lambda h: ring.readout(h, 0)])
def test_contents_of_an_exact_ring_are_exact(method):
    with pytest.raises(TypeError, match="text is never evaluated"):
        method(["a", "b"])
    with pytest.raises(ValueError, match=FLOAT):
        method([0.1, 0.2])
    with pytest.raises(ValueError, match="2 nodes"):
        method([1])
    assert method([1, 2]) == method([sp.Integer(1), sp.Integer(2)])


def test_the_input_of_an_exact_readout_is_exact():
    with pytest.raises(ValueError, match=FLOAT):
        ring.readout([1, 2], 0.5)


@pytest.mark.parametrize("value", [True, 1.0, "1", None, half, sp.Symbol("p", integer=True), np.True_, [1]], ids=repr)
def test_whole_numbers_are_told_from_what_looks_like_them(value):
    for ask in (require_integer, require_count):
        with pytest.raises(TypeError, match="the count must be an integer"):
            ask(value, "the count")


def test_whole_numbers_of_any_kind_become_int():
    for value in (3, np.int64(3), sp.Integer(3)):
        found = require_integer(value, "the count", least=3, most=3)
        assert (type(found), found) == (int, 3)
    for bounds, words in (({"least": 4}, "at least 4"), ({"most": 2}, "at most 2")):
        with pytest.raises(ValueError, match=f"the count must be {words}, got 3"):
            require_integer(3, "the count", **bounds)


def test_letters_are_told_by_their_name():
    assert exact_without(x + 1, "it", mode) == x + 1
    for value in (mode, sp.Symbol("n"), sp.Sum(mode, (mode, 1, 3)), sp.IndexedBase("n")[x]):
        with pytest.raises(ValueError, match=r"it is .* but n has a meaning of its own .* for example to n_0"):
            exact_without(value, "it", mode)


def test_sequences_of_any_kind_are_multipliers():
    for multipliers in ([1, -1], (1, -1), sp.Matrix([1, -1]), iter([1, -1]), sp.Tuple(1, -1)):
        assert rigid_hops(multipliers) == (1,)


def test_multipliers_that_are_proved_equal_make_the_krylov_frame_singular():
    y = sp.Symbol("y")
    for pair in ((sp.cos(y) ** 2, 1 - sp.sin(y) ** 2), (sp.exp(y) * sp.exp(1), sp.exp(y + 1))):
        with pytest.raises(ValueError, match="singular"):
            krylov_frame(DiscreteSSM(pair, (1, 1), (1, 1)))
    with pytest.raises(ValueError, match="singular"):
        krylov_frame(DiscreteSSM((1, 2), (1, sp.cos(y) ** 2 + sp.sin(y) ** 2 - 1), (1, 1)))
    frame = krylov_frame(DiscreteSSM((sp.cos(y) ** 2, sp.sin(y) ** 2), (1, 1), (1, 1)))  # equal for some y only
    assert all(verify(certificate).proved for certificate in frame.certificates)


# --- sizes ------------------------------------------------------------------------------------------------------------

TOO_LARGE = {
    "taps": (lambda: tap_design(60), f"at most {MAX_TAPS}, got 60: for any N `readout_weights`"),
    "taps of N": (lambda: tap_design(NODES), "got N: for any N `readout_weights`"),
    "edited": (
        lambda: edited_kernel(10**5, node=0),
        f"at most {MAX_WRITTEN}, got 100000: for any N use `deleted_share`",
    ),
    "shift": (lambda: shift_matrix(100000, 1), f"at most {MAX_WRITTEN}, got 100000"),
    "characteristic": (lambda: unit_hop_characteristic(10**6), "got 1000000: give the symbol N"),
    "lags": (lambda: visiting_lags(1, 3, 1, 10**9), f"333333333 lags are more than {MAX_LAGS}: they are 1 [+] 3 q"),
    "endless lags": (lambda: visiting_lags(0, 1, 0, 10**30), "lags are more than"),
}


@pytest.mark.parametrize(("ask", "words"), TOO_LARGE.values(), ids=TOO_LARGE)
def test_what_would_be_too_large_to_write_out_is_refused_at_once(ask, words):
    with pytest.raises(ValueError, match=words):
        ask()


def test_the_largest_sizes_are_taken():
    assert len(tap_design(MAX_TAPS).certificates[0].right) == MAX_TAPS
    assert shift_matrix(MAX_WRITTEN, 1)[0, MAX_WRITTEN - 1] == 1
    assert visiting_lags(0, 10**12, 1, 10**13) == tuple(10**12 * q for q in range(10))


@pytest.mark.parametrize("nodes", range(1, 7))
def test_visiting_lags_are_those_of_the_definition(nodes):
    for hop in range(-2 * nodes, 2 * nodes + 1):
        for node in range(-1, nodes + 1):
            for steps in (0, 1, nodes, 3 * nodes + 1):
                expected = tuple(m for m in range(steps) if (hop * m - node) % nodes == 0)
                assert visiting_lags(node, nodes, hop, steps) == expected


# --- what the prose says ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hop", [half, sp.Rational(2, 3), sp.Rational(-3, 2), sp.Integer(2), sp.Integer(0)], ids=str)
@pytest.mark.parametrize("nodes", [3, 4])
def test_zeroing_a_node_takes_all_nothing_or_a_part_of_a_lag_for_every_hop(nodes, hop):
    """All if δm is whole and ≡ j, nothing if it is another whole number, a part of it otherwise."""
    weights, lag = sp.IndexedBase("C"), sp.Symbol("m", integer=True, nonnegative=True)
    kept = [unfold(edited_kernel(nodes, node=j, first=0, hop=hop)).expression for j in range(nodes)]
    for m in range(7):
        place, rho = hop * m, float(sp.exp(-hop * m / nodes))
        shares = [rho * interpolation_sum(place - j, nodes, first=0).doit() for j in range(nodes)]
        for node in range(nodes):
            left = kept[node].subs(lag, m).doit().subs({weights[j]: 2**j for j in range(nodes)})
            taken = complex(sp.Add(*(share * 2**j for j, share in enumerate(shares))) - left)
            if not place.is_integer:
                assert abs(taken) > 1e-3
            else:
                expected = rho * 2**node if (place - node) % nodes == 0 else 0
                assert abs(taken - expected) < 1e-12 * rho
    assert verify(Identity(kept[0].subs(lag, 0).doit(), 0)).proved  # lag 0 goes with node 0, whatever the hop


def test_at_half_a_node_per_step_two_steps_later_the_whole_lag_is_deleted():
    kept = unfold(edited_kernel(3, node=1, hop=half)).expression.subs(sp.Symbol("m", integer=True, nonnegative=True), 2)
    others = {sp.IndexedBase("C")[0]: 0, sp.IndexedBase("C")[2]: 0}
    assert verify(Identity(kept.doit(), sp.S.Zero)).proved
    assert verify(Identity(kept.doit().xreplace(others), sp.S.One)).evidence is Evidence.REFUTED


def test_the_first_lag_of_a_node_is_not_always_its_travel_time():
    assert visiting_lags(1, 5, 2, 10) == (3, 8)  # not 1/2
    assert visiting_lags(1, 4, 2, 100) == ()
    assert visiting_lags(4, 5, 2, 10) == (2, 7)  # here δ divides j


def test_real_multipliers_can_carry_a_wave_and_real_eigenvalues_cannot():
    assert rigid_hops([1, -1]) == (1,)  # the kick changes nodes at every step
    law = s4d_real(2)
    assert all(a.is_real for a in law.eigenvalues)
    held, bilinear = (rule(law, sp.Rational(3, 2)).multipliers for rule in (zero_order_hold, bilinear_transform))
    assert min(held) > 0 > min(bilinear)  # |a|Δ > 2 for one of them
    for multipliers, travels in ((held, False), (bilinear, True)):
        at_source, away = ((multipliers[0] + sign * multipliers[1]) / 2 for sign in (1, -1))
        assert bool(abs(away) > abs(at_source)) is travels


def test_equal_moduli_and_an_affine_phase_are_no_shift_unless_the_slope_is_that_of_whole_nodes():
    def spectrum(hop):
        return [sp.exp(2 * sp.pi * sp.I * hop * n / 3) for n in range(3)]

    assert rigid_hops(spectrum(sp.Integer(1))) == (1,)
    assert rigid_hops(spectrum(half)) == ()
