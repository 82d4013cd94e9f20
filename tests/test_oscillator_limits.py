"""Oscillators at the limits of float64 and of their phases: refused with the true reason, masked, never NaN."""

import numpy as np
import pytest

from carleman_ssm.rings import oscillations
from carleman_ssm.rings.kuramoto_runs import (
    PhaseOscillators,
    kuramoto_phases,
    linear_states,
    phase_distance,
    projected_phases,
    ring_adjacency,
)
from carleman_ssm.rings.oscillations import REMEDIES, integrate_oscillators
from carleman_ssm.rings.oscillators import Oscillators, exact_states, polar_recurrence, polar_velocity
from carleman_ssm.rings.phases import SingularPhaseError, masked_phases

still, damped, growing = (Oscillators([[rate]], [1.0]) for rate in (0.0, -0.5, 1000.0))
recurrence = Oscillators([[0.5, 1.0], [1.0, 0.2]], [1.0, 0.0], discrete=True)
pair = PhaseOscillators([0.0, 0.0], [[0.0, 1.0], [1.0, 0.0]])
nan, inf = np.nan, np.inf


def constant(value):
    return lambda t: value


# A run that stops early is refused


@pytest.mark.parametrize("remedy", REMEDIES)
def test_a_state_that_outgrows_float64_is_no_shorter_trajectory_and_no_singular_phase(remedy):
    with pytest.raises(ValueError, match=r"stopped after t = 0\.5.*leaves the range of float64") as refused:
        integrate_oscillators(growing, [0, 0.5, 1.0], [1.0], remedy=remedy)
    assert not isinstance(refused.value, SingularPhaseError)
    whole = integrate_oscillators(growing, [0, 0.25, 0.5], [1.0], remedy=remedy)
    assert len(whole.times) == len(whole.states) == 3


@pytest.mark.parametrize("remedy", REMEDIES)
@pytest.mark.parametrize("value", [nan, inf, 1j, "1", [1.0]])
def test_an_input_that_is_no_finite_real_number_is_refused_at_once_with_its_time(remedy, value):
    """NaN once kept the integrator looking for a first step for ever; 'signed' dropped an imaginary part."""
    with pytest.raises((ValueError, TypeError), match="u at t = 0: expected"):
        integrate_oscillators(still, [0, 1], [1.0], constant(value), remedy=remedy)
    with pytest.raises((ValueError, TypeError), match=r"u at t = 0\.[5-9]"):
        integrate_oscillators(still, [0, 1], [1.0], lambda t: value if t > 0.5 else 1.0, remedy=remedy)


@pytest.mark.parametrize("remedy", REMEDIES)
def test_times_and_tolerances_that_are_no_numbers_are_refused(remedy):
    def run(times=(0, 1), start=(1.0,), **more):
        return integrate_oscillators(damped, times, start, remedy=remedy, **more)

    for times in ([0, inf], [nan, 1], [0, 1j], "01", [[0, 1]], [0, 0], [0]):
        with pytest.raises((ValueError, TypeError), match="times"):
            run(times)
    for name in ("tolerance", "rtol", "atol"):
        for value in (nan, -1.0, inf, "1", 1j):
            with pytest.raises((ValueError, TypeError), match=name):
                run(**{name: value})
    for name in ("rtol", "atol"):
        with pytest.raises(ValueError, match="must be positive"):
            run(**{name: 0.0})
    with pytest.raises(TypeError, match="u must be a function"):
        run(u=1.0)
    with pytest.raises((ValueError, TypeError), match="states"):
        run(start=["1"])


def test_a_run_that_would_not_end_is_refused(monkeypatch):
    monkeypatch.setattr(oscillations, "MOST_EVALUATIONS", 500)
    with pytest.raises(ValueError, match="more than 500 evaluations up to t = "):
        integrate_oscillators(damped, [0, 1e9], [1.0], remedy="state")


@pytest.mark.parametrize("remedy", ["signed", "complexified"])
def test_an_offset_that_is_no_number_and_one_that_does_not_avoid_the_zero_are_refused(remedy):
    if remedy == "signed":
        assert integrate_oscillators(still, [0, 1], [1.0], constant(-2.0), remedy=remedy).states[-1].real < 0
        return
    for offset in ([nan], ["1"], [1j]):
        with pytest.raises((ValueError, TypeError), match="offset"):
            integrate_oscillators(still, [0, 1], [1.0], remedy=remedy, offset=offset)
    with pytest.raises(SingularPhaseError, match=r"t = 0\.5, where the amplitude of z vanishes.*another offset"):
        integrate_oscillators(still, [0, 1], [1.0], constant(-2.0), remedy=remedy, offset=[0.0])


# Which phases exist


def test_at_eternal_rest_no_remedy_but_a_sign_shows_a_phase():
    for remedy in ("masked", "complexified"):
        found = integrate_oscillators(Oscillators([[0.0]], [1.0]), [0, 0.5, 1], [0.0], remedy=remedy)
        assert found.phases.mask.all()
        assert np.abs(found.states).max() < 1e-15


def test_a_node_that_only_decays_keeps_its_phase_where_the_phase_itself_is_integrated():
    """The state is known to atol only, its phase is lost there; psi falls to 2e-22 and stays accurate."""
    network, times = Oscillators([[-0.5 + 2j]], [0.0]), np.array([0, 60.0, 100.0])
    exact = np.exp((-0.5 + 2j) * times)
    found = integrate_oscillators(network, times, [1.0])
    assert np.abs(found.states[:, 0] / exact - 1).max() < 1e-9  # rtol 1e-12 times |psi| of 200
    assert integrate_oscillators(network, times, [1.0], remedy="masked").phases.mask[:, 0].tolist() == [0, 1, 1]
    with pytest.raises(SingularPhaseError, match=r"t = 60, where its amplitude is lost: .* largest met so far, 1;"):
        integrate_oscillators(network, times, [1.0], remedy="state")


def test_what_the_integrator_does_not_resolve_is_no_phase():
    """Far below atol the integrated state is noise, however it compares with the largest amplitude."""
    network = Oscillators([[-1 + 2j]], [0.0])
    assert integrate_oscillators(network, [0, 30.0], [1e-6], remedy="masked").phases.mask[:, 0].tolist() == [0, 1]
    fine = integrate_oscillators(network, [0, 8.0], [1e-6], remedy="masked", atol=1e-24)
    assert not fine.phases.mask.any()
    assert abs(np.angle(fine.states[-1, 0]) - np.angle(np.exp(16j))) < 1e-6


def test_a_neighbour_that_grows_does_not_take_the_phase_of_the_past():
    network = Oscillators(np.diag([0.0, 40.0]), [0.0, 0.0])
    times = [0.0, 0.5, 1.0]
    direct = integrate_oscillators(network, times, [1.0, 1.0])
    assert not direct.phases.mask.any()
    assert np.allclose(direct.amplitudes[:, 0], 1.0, rtol=1e-9)
    masked = integrate_oscillators(network, times, [1.0, 1.0], remedy="masked")
    assert masked.phases.mask.tolist() == [[False, False], [False, False], [True, False]]  # 1 beside 2e17
    with pytest.raises(SingularPhaseError, match=r"node 0 has no phase at t = 1, where its amplitude is lost: 1, at"):
        integrate_oscillators(network, times, [1.0, 1.0], remedy="state")


def test_the_reason_of_a_refusal_names_remedies_that_the_network_allows():
    with pytest.raises(SingularPhaseError, match=r"t = 1, where its amplitude vanishes.*'signed' or 'complexified'"):
        integrate_oscillators(still, [0, 2], [1.0], constant(-1.0))
    with pytest.raises(SingularPhaseError, match=r"t = 0, where its amplitude is 0; use remedy='masked'$"):
        integrate_oscillators(Oscillators([[1j]], [1.0]), [0, 1], [0.0])


def test_masks_look_back_only_and_never_hide_a_number_that_is_none():
    sizes = np.array([[1.0, 1e-3], [1e20, 1.0], [1.0, 1e20]])
    assert masked_phases(sizes, np.zeros((3, 2))).mask.tolist() == [[False, False], [False, True], [True, False]]
    assert masked_phases([1.0, 0.0], [0.5, nan]).filled(7.0).tolist() == [0.5, 7.0]
    for amplitudes, phases in (([nan, 1], [0, 0]), ([inf, 1], [0, 0]), ([1, 1], [0, nan]), ([1, 1], [0])):
        with pytest.raises(ValueError, match=r"amplitudes|phases"):
            masked_phases(amplitudes, phases)
    for tolerance in (nan, -1.0, 1.0):
        with pytest.raises(ValueError, match="tolerance"):
            masked_phases([1.0], [0.0], tolerance)


# No NaN in, no NaN out

REFUSED = {
    "a phase": (lambda: polar_velocity(still, [nan], [1.0], 0.0), "phases"),
    "an amplitude": (lambda: polar_velocity(still, [0.1], [nan], 0.0), "amplitudes"),
    "an infinite amplitude": (lambda: polar_velocity(still, [0.1], [inf], 0.0), "amplitudes"),
    "an input of a velocity": (lambda: polar_velocity(still, [0.1], [1.0], inf), "u: expected"),
    "shapes that would be broadcast": (lambda: polar_velocity(Oscillators(np.eye(2), [0, 0]), [0.1], [1.0], 0.0), "2"),
    "the velocity of a recurrence": (lambda: polar_velocity(recurrence, [0.1, 0.2], [1.0, 1.0], 0.0), "continuous"),
    "an overflowing velocity": (lambda: polar_velocity(still, [0.1], [1e-320], 1.0), "range of float64"),
    "NaN inputs": (lambda: polar_recurrence(recurrence, [1, nan]), "inputs"),
    "infinite inputs": (lambda: polar_recurrence(recurrence, [1, inf]), "inputs"),
    "complex inputs": (lambda: polar_recurrence(recurrence, [1j]), "inputs"),
    "inputs of rows": (lambda: polar_recurrence(recurrence, np.ones((2, 3))), "inputs"),
    "one input": (lambda: polar_recurrence(recurrence, 1.0), "inputs"),
    "an overflowing recurrence": (
        lambda: polar_recurrence(Oscillators([[1e3]], [1.0], True), np.ones(400)),
        "range of float64",
    ),
    "the tolerance of a recurrence": (lambda: polar_recurrence(recurrence, [0, 0], tolerance=nan), "tolerance"),
    "a time": (lambda: exact_states(still, [nan], [1.0]), "times"),
    "one number as times": (lambda: exact_states(still, 1.0, [1.0]), "times"),
    "an infinite term": (lambda: exact_states(still, [1.0], [1.0], [(inf, 0)]), "terms"),
    "half a term": (lambda: exact_states(still, [1.0], [1.0], [(1.0,)]), "terms"),
    "overflowing states": (lambda: exact_states(still, [1.0], [1.0], [(1, 1000)]), "range of float64"),
    "an overflowing exponent": (lambda: exact_states(Oscillators([[1e300]], [0.0]), [1e300], [1.0]), "float64"),
    "text in W": (lambda: Oscillators([["1"]], [1.0]), "W: expected"),
    "rows of different lengths": (lambda: Oscillators([[1.0], [1.0, 2.0]], [1.0]), "different lengths"),
    "the numbers of no network": (lambda: Oscillators.of_network(5), "class OscillatorNetwork"),
    "the numbers of no model": (lambda: PhaseOscillators.of_model(5), "class KuramotoModel"),
    "the integration of no network": (lambda: integrate_oscillators(5, [0, 1], [1.0]), "class Oscillators"),
    "a discrete that is no bool": (lambda: Oscillators([[1.0]], [1.0], "yes"), "discrete must be"),
    "Kuramoto's phases": (lambda: pair.kuramoto_velocity([nan, 0.0]), "phases"),
    "Kuramoto's single time": (lambda: kuramoto_phases(pair, [0.0], [0.0, 1.0]), "at least two"),
    "Kuramoto's descending times": (lambda: kuramoto_phases(pair, [1.0, 0.0], [0.0, 1.0]), "ascending"),
    "Kuramoto's infinite time": (lambda: kuramoto_phases(pair, [0.0, inf], [0.0, 1.0]), "times"),
    "Kuramoto's start": (lambda: kuramoto_phases(pair, [0.0, 1.0], [nan, 1.0]), "initial"),
    "another number of phases": (lambda: linear_states(pair, [0, 1], [1.0]), "initial"),
    "overflowing linear states": (lambda: linear_states(pair, [0, 1e4], [0.0, 0.0]), "range of float64"),
    "a state of the gap": (lambda: pair.gap([nan, 1]), "states"),
    "too many states of the gap": (lambda: pair.gap([1, 1, 1]), "states"),
    "an overflowing gap": (lambda: pair.gap([1e-320, 1j]), "range of float64"),
    "an infinite step": (lambda: projected_phases(pair, inf, 2, [0.0, 1.0]), "step: expected"),
    "a start of the projection": (lambda: projected_phases(pair, 0.1, 2, [nan, 1.0]), "initial"),
    "half a step": (lambda: projected_phases(pair, 0.1, 2.5, [0.0, 1.0]), "number of steps"),
    "a projection of nothing": (
        lambda: projected_phases(PhaseOscillators([0.0], [[-1.0]], 1e5), 1.0, 1, [0.3]),
        "step 1 an amplitude vanishes",
    ),
    "a projection of infinity": (
        lambda: projected_phases(PhaseOscillators([0.0], [[1.0]], 1e5), 1.0, 1, [0.3]),
        "step 1 an amplitude vanishes or leaves float64",
    ),
    "no oscillator": (lambda: PhaseOscillators([], np.zeros((0, 0))), "at least one"),
    "a reach between neighbours": (lambda: ring_adjacency(5, 1.5), "reach must be an integer"),
    "nodes that are no whole number": (lambda: ring_adjacency(5.0, 1), "nodes must be an integer"),
    "a distance of nothing": (lambda: phase_distance([nan], [0.0]), "phases"),
    "a distance of two shapes": (lambda: phase_distance([0.0, 1.0], [0.0]), "phases"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_number_or_leaves_float64_is_refused(name):
    build, words = REFUSED[name]
    with pytest.raises((ValueError, TypeError), match=words):
        build()


def test_the_frequencies_of_a_checkpoint_are_not_meant():
    """The remedy of a message belongs to the thing: no checkpoint is repaired for a NaN frequency."""
    with pytest.raises(ValueError, match="frequencies") as refused:
        PhaseOscillators([nan], [[0.0]])
    assert "checkpoint" not in str(refused.value)
