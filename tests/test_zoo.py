"""The checks of the zoo on families made for the purpose: a true one, and ones with one fault each."""

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
import sympy as sp

from carleman_ssm.experiments import zoo
from carleman_ssm.experiments.eigenvector_costs import eigenvector_costs
from carleman_ssm.experiments.float_lifts import (
    lift_of_point,
    lift_of_products,
    ordered_product_error,
    step_maps,
)
from carleman_ssm.experiments.measured_degree import measured_degree
from carleman_ssm.experiments.statement_checks import Tally, degree_in_inputs, kernel_error, tally
from carleman_ssm.experiments.zoo import TOLERANCE, Degree, certified_piece, examine, measure
from carleman_ssm.families import registry
from carleman_ssm.families.family import Family
from carleman_ssm.families.registry import Entry
from carleman_ssm.families.s4 import S4
from carleman_ssm.families.scans import (
    InvariantDenseScan,
    InvariantDiagonalScan,
    VaryingDiagonalScan,
    VaryingRankOneScan,
)
from carleman_ssm.formulas.statements import Identity
from carleman_ssm.recurrences.affine import InvariantDiagonal
from carleman_ssm.recurrences.lift import lift_of_affine_map
from carleman_ssm.recurrences.statement import FamilyStatement, read_output
from carleman_ssm.theory.activations import activation

RNG = np.random.default_rng(3)


def leaky_statement(states=2, steps=3, *, power=0):
    """A leaky integrator with symbols; `power` spoils the claimed output."""
    rates, weights = sp.symbols(f"lambda_:{states}"), sp.symbols(f"c_:{states}")
    inputs = sp.symbols(f"u_1:{steps + 1}")
    recurrence = InvariantDiagonal(rates, [[u] * states for u in inputs])
    output = read_output(
        recurrence,
        lambda z: sum(c * x for c, x in zip(weights, z, strict=True)),
        symbol=sp.Symbol("y"),
        reference="THEORY T10",
    )
    if power:
        output = dataclasses.replace(output, expression=output.expression + rates[0] ** power * inputs[0])
    law = Identity(recurrence.propagator(2, 0), recurrence.propagator(1, 0) ** 2, name="powers")
    twin = Identity(recurrence.propagator(2, 0), recurrence.propagator(1, 0), name="one power is lost")
    return FamilyStatement("leaky", recurrence, output, (law,), (twin,), 1, False)


@dataclass(frozen=True, eq=False, repr=False)
class Leaky(Family):
    family: ClassVar[str] = "leaky"
    dialect: ClassVar[str] = "leaky"
    multipliers: np.ndarray
    fault: float = 0.0

    @property
    def channels(self):
        return 1

    def scan(self, inputs):
        scan = InvariantDiagonalScan(self.multipliers, inputs * np.ones(self.multipliers.shape))
        return _Spoiled(scan.multipliers, scan.drives, self.fault) if self.fault else scan

    def readout(self, states, inputs):
        return states.sum(axis=-1, keepdims=True).real

    @classmethod
    def initialise(cls, rng, **sizes):
        return cls(0.9 * np.exp(1j * rng.uniform(size=3)))

    statement = staticmethod(leaky_statement)

    @classmethod
    def from_tensors(cls, tensors, config):
        return cls(tensors["multipliers"])

    def tensors(self):
        return {"multipliers": self.multipliers}


@dataclass(frozen=True, eq=False, repr=False)
class _Spoiled(InvariantDiagonalScan):
    """A scan whose closed form is off."""

    fault: float = 0.0

    def _closed(self):
        return super()._closed() * (1 + self.fault)


def test_the_routes_of_a_true_layer_agree():
    found = measure(Leaky.initialise(np.random.default_rng(0)), leaky_statement())
    assert found.agree
    assert found.product_degree == 2
    assert found.layer_degree == 1


def test_further_statements_are_judged_too_and_what_they_share_counts_once(monkeypatch):
    """A wrong degree, a false law and a true "twin" of a further statement show."""

    def other(states, steps, **changes):
        true = leaky_statement(states, steps)
        output = dataclasses.replace(true.output, expression=true.output.expression**2)
        return dataclasses.replace(true, output=output, **({"input_degree": 2} | changes))

    monkeypatch.setattr(zoo, "ENTRIES", {"leaky": Entry({}, 6, "the layer")})
    monkeypatch.setattr(registry, "ENTRIES", {"leaky": Entry({}, 6, "the layer")})
    plain = examine(Leaky, steps=2)

    def examined(**changes):
        built = {"squared": lambda states, steps: other(states, steps, **changes)}
        monkeypatch.setattr(Leaky, "further_statements", built)
        return examine(Leaky, steps=2)

    found = examined()
    assert (found.exact, found.proved, found.twins) == (True, plain.proved, plain.twins)
    assert (found.degree, found.further_degrees) == (Degree(1, 1), {"squared": Degree(2, 2)})
    assert examined(input_degree=3).further_degrees == {"squared": Degree(3, 2)}
    true = leaky_statement(2, 2)
    assert not examined(laws=true.twins).proved.all_proved
    assert not examined(twins=true.laws).twins.all_refuted


@pytest.mark.parametrize("fault", [None, "law", "twin", "output", "scan"])
def test_a_family_with_one_fault_loses_the_tick_it_stands_for(fault, monkeypatch):
    """A false law, a true "twin", a wrong output and a wrong scan each show in the finding, and nothing else does."""

    class Faulty(Leaky):
        @classmethod
        def initialise(cls, rng, **sizes):
            return Leaky(0.9 * np.exp(1j * rng.uniform(size=3)), fault=1e-3 if fault == "scan" else 0.0)

        @staticmethod
        def statement(states=2, steps=3):
            true = leaky_statement(states, steps)
            changed = {
                "law": {"laws": (*true.laws, *true.twins)},
                "twin": {"twins": (*true.twins, *true.laws)},
                "output": {"output": with_wrong_output(true.output)},
            }
            return dataclasses.replace(true, **changed.get(fault, {}))

    monkeypatch.setattr(zoo, "ENTRIES", {"leaky": Entry({}, 6, "the layer", ("gelu",))})
    monkeypatch.setattr(registry, "ENTRIES", {"leaky": Entry({}, 6, "the layer")})
    found = examine(Faulty, states=2, steps=2)
    assert found.exact is (fault not in ("law", "twin", "output"))
    assert found.proved.all_proved is (fault not in ("law", "output"))
    assert found.twins.all_refuted is (fault != "twin")
    assert found.measured.agree is (fault not in ("scan", "output"))
    assert found.lift_monomials() == 28
    assert found.spectrum_as_stated
    assert not found.waves.real


def with_wrong_output(output):
    first = output.certificates[-1]
    wrong = dataclasses.replace(first, left=2 * first.left)
    return dataclasses.replace(output, expression=2 * output.expression, certificates=(*output.certificates, wrong))


def test_a_wrong_closed_form_of_the_states_gets_no_tick():
    found = measure(Leaky(np.array([0.5 + 0.1j, 0.3]), fault=1e-6), leaky_statement())
    assert found.routes > TOLERANCE
    assert found.product > TOLERANCE
    assert not found.agree


def test_a_wrong_symbolic_output_shows_in_the_compiled_kernel():
    rng = np.random.default_rng(1)
    assert kernel_error(leaky_statement(), rng) < 1e-13
    assert kernel_error(leaky_statement(power=4), rng) > 1e-3


def test_the_degree_is_read_off_the_closed_form():
    assert degree_in_inputs(leaky_statement(2, 2), leaky_statement(2, 3)) == 1
    squared = leaky_statement(2, 3)
    output = dataclasses.replace(squared.output, expression=squared.output.expression**2)
    assert degree_in_inputs(leaky_statement(2, 2), dataclasses.replace(squared, output=output)) == 2
    rates = sp.symbols("lambda_:2")
    quotient = 1 / (1 + sp.exp(rates[0]) * rates[1]) ** 9 / (rates[0] + rates[1]) - sp.Abs(rates[1])
    output = dataclasses.replace(squared.output, expression=quotient * squared.output.expression**3)
    assert degree_in_inputs(leaky_statement(2, 2), dataclasses.replace(squared, output=output)) == 3
    divided = dataclasses.replace(squared.output, expression=quotient / (1 + squared.output.expression))
    assert degree_in_inputs(leaky_statement(2, 2), dataclasses.replace(squared, output=divided)) is None
    wrong = dataclasses.replace(squared.output, expression=sp.exp(squared.output.expression))
    assert degree_in_inputs(leaky_statement(2, 2), dataclasses.replace(squared, output=wrong)) is None
    with pytest.raises(ValueError, match="does not depend on the number of steps"):
        degree_in_inputs(leaky_statement(2, 2), leaky_statement(2, 2))


def test_verdicts_are_counted_by_what_they_are():
    statement = leaky_statement()
    assert tally(statement.laws) == Tally(proved=1)
    assert tally(statement.twins) == Tally(refuted=1)
    everything = tally((*statement.laws, *statement.twins))
    assert everything == Tally(proved=1) + Tally(refuted=1)
    assert not everything.all_proved
    assert not everything.all_refuted
    assert not Tally().all_proved  # nothing was claimed: no tick
    assert not Tally().all_refuted


def test_support_by_numbers_is_no_proof():
    assert not Tally(proved=3, supported=1).all_proved
    assert not Tally(refuted=1, undecided=1).all_refuted


def scans():
    batch, length = 1, 5
    drives = RNG.standard_normal((batch, length, 2, 2)) + 0j
    yield InvariantDiagonalScan(RNG.standard_normal((2, 2)) + 1j * RNG.standard_normal((2, 2)), drives)
    yield InvariantDenseScan(RNG.standard_normal((2, 2, 2)), drives)
    yield VaryingDiagonalScan(RNG.standard_normal((batch, length, 2, 2)), drives)
    per_step = RNG.uniform(0.2, 1, (2, batch, length))
    yield VaryingRankOneScan(per_step[0], per_step[1], RNG.standard_normal((batch, length, 2)), drives.real)


@pytest.mark.parametrize("scan", list(scans()), ids=lambda scan: type(scan).__name__)
def test_steps_are_recovered_from_impulses(scan):
    matrices, shifts = step_maps(scan)
    state = np.zeros(shifts.shape[1], dtype=complex)
    states = scan.states("recurrence")[0].reshape(len(shifts), -1)
    for k, (matrix, shift) in enumerate(zip(matrices, shifts, strict=True)):
        state = matrix @ state + shift
        np.testing.assert_allclose(state, states[k], atol=1e-12)  # five steps in float64
    error, degree = ordered_product_error(scan)
    assert error < 1e-12
    assert degree == 2


def test_large_states_are_lifted_to_degree_one():
    scan = InvariantDiagonalScan(np.full(30, 0.5), RNG.standard_normal((1, 3, 30)))
    error, degree = ordered_product_error(scan)
    assert degree == 1
    assert error < 1e-13


def test_small_states_are_compared_with_their_own_size():
    """Beside the constant monomial 1 a wrong state of 1e-12 would not show."""
    scan = _Spoiled(np.array([0.5]), np.full((1, 4, 1), 1e-12), 1e-3)
    assert ordered_product_error(scan)[0] > 5e-4


def test_a_batch_is_refused():
    with pytest.raises(ValueError, match="batch of 2"):
        step_maps(InvariantDiagonalScan(np.ones(1), np.ones((2, 3, 1))))


def test_the_float_lift_is_the_exact_one():
    """Two routes: products in homogeneous coordinates, and the multinomials of the exact lift; its order is graded."""
    matrix, shift = [[1, -2], [3, 5]], [2, -1]
    exact = np.array(lift_of_affine_map(sp.Matrix(matrix), [sp.Integer(s) for s in shift], 2)).astype(float)
    ours = lift_of_products(np.array(matrix, dtype=float), np.array(shift, dtype=float), 2)
    assert sorted(exact.ravel()) == sorted(ours.ravel())
    point = np.array([0.5, -3.0])
    image = np.array(matrix) @ point + shift
    np.testing.assert_allclose(ours @ lift_of_point(point, 2), lift_of_point(image, 2), rtol=1e-14)


@pytest.mark.parametrize(
    ("layer", "degree"),
    [
        (lambda u: u, 1),
        (lambda u: 2 - u + u**3, 3),
        (lambda u: u**5, 5),
        (lambda u: 0 * u + 1, 0),
        (np.tanh, None),
        (lambda u: np.exp(0.01 * u), None),
        (lambda u: u / np.sqrt(u**2 + 1e-6), None),
        (lambda u: u**3 / (u**2).sum(), None),  # on a ray from 0 this is linear
        (lambda u: u / np.sqrt(1e-12 * u**2 + 1e-5), None),  # a norm whose ε hides it at small inputs
    ],
)
def test_the_degree_of_a_layer_is_measured(layer, degree):
    assert measured_degree(layer, RNG.standard_normal((1, 6, 2))) == degree


@pytest.mark.parametrize("name", ["gelu", "gelu_tanh", "sigmoid", "silu"])
def test_the_certified_error_of_a_piece_holds_on_a_grid(name):
    piece = certified_piece(name)
    assert 0 < piece.bound < 1e-3
    grid = np.linspace(-4, 4, 4001)
    values = activation(name)(grid)
    best = np.polynomial.Chebyshev.fit(grid, values, piece.degree)  # least squares cannot beat the supremum by far
    assert piece.bound < 20 * np.abs(best(grid) - values).max()


def test_the_condition_of_s4_is_bounded_above_what_float64_finds():
    """At N = 8 float64 still finds the eigenvectors: their condition in the Frobenius norm is below the bound."""
    (cost,) = eigenvector_costs((8,))
    layer = S4.initialise(np.random.default_rng(0), channels=1, d_state=8)
    scan = layer.scan(np.zeros((1, 1, 1)))
    matrix = scan.matrices.reshape(8, 8)
    vectors = np.linalg.eig(matrix)[1]
    found = np.linalg.norm(vectors) * np.linalg.norm(np.linalg.inv(vectors))
    assert found * 0.999 < cost.condition < 10 * found
    assert 0 < cost.relative_error < 1e-9
