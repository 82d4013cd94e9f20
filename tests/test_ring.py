"""The ring is the model: outputs stepped on the nodes and in the modes, certificates, false twins, refusals."""

import dataclasses

import numpy as np
import pytest
import scipy.linalg
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from carleman_ssm.formulas.numerics import compile_kernel
from carleman_ssm.formulas.statements import Identity
from carleman_ssm.formulas.verification import Evidence, verify
from carleman_ssm.theory import ring_equivalence as ring_equivalence_module
from carleman_ssm.theory.initialisations import s4d_inv, s4d_legs, s4d_lin, s4d_real
from carleman_ssm.theory.ring import RingEmbedding, ring_embedding
from carleman_ssm.theory.ring_equivalence import ring_equivalence
from carleman_ssm.theory.ring_modes import regauged, unit_input
from carleman_ssm.theory.ssm import DiagonalSSM, DiscreteSSM, bilinear_transform, zero_order_hold
from tests.strategies_rings import mode_output, ring_output, rings
from tests.strategies_ssm import planted, small

DELTA = sp.Symbol("Delta", positive=True)
HALF = sp.Rational(1, 2)
CLOSURES = ("complex", "real", "antiperiodic")
inputs = st.lists(small, min_size=1, max_size=3)


def symbolic(kind, states, closure="complex", pairs=False):
    """All entries symbols; mode 0 and its input real where the closure needs that."""
    model = kind.symbolic(states, feedthrough=True, conjugate_pairs=pairs or closure != "complex")
    if closure != "real":
        return model
    names = [field.name for field in dataclasses.fields(model)][:2]
    real = {name: getattr(model, name) for name in names}
    real = {name: (sp.Symbol(str(first), real=True), *rest) for name, (first, *rest) in real.items()}
    return dataclasses.replace(model, **real)


SYMBOLIC = [
    *[(kind, n, "complex", pairs) for kind in (DiagonalSSM, DiscreteSSM) for n in (1, 2, 3, 4) for pairs in (0, 1)],
    *[(kind, m, closure, 1) for kind in (DiagonalSSM, DiscreteSSM) for m in (1, 2) for closure in CLOSURES[1:]],
]


def refuted(identity):
    verdict = verify(identity)
    return verdict.evidence is Evidence.REFUTED and verdict.witness is not None


# --- equivalence ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gauge", ["unit-input", "textbook"])
@pytest.mark.parametrize(("kind", "states", "closure", "pairs"), SYMBOLIC)
def test_up_to_four_nodes_every_certificate_is_proved_and_its_false_twin_refuted(kind, states, closure, pairs, gauge):
    ring = ring_embedding(symbolic(kind, states, closure, bool(pairs)), closure=closure, gauge=gauge)
    assert ring.nodes <= 4
    form = ring_equivalence(ring)
    real = closure != "complex"
    assert form.reference == ("derivations/05_real_rings" if real else "derivations/01_ring_equivalence")
    assert len(form.certificates) == 8
    for certificate in form.certificates:
        verdict = verify(certificate)
        assert verdict.proved, (certificate.name, str(verdict))
        assert refuted(planted(certificate)), certificate.name


@given(ring=rings(), inputs=inputs)
def test_nodes_and_modes_have_one_output_exactly(ring, inputs):
    on_nodes, in_modes = ring_output(ring, inputs), mode_output(ring.model, inputs)
    assert verify(Identity(on_nodes, in_modes)).proved
    assert refuted(Identity(on_nodes, in_modes + 1))


@given(ring=rings(closures=("complex",)), inputs=inputs, data=st.data())
def test_the_order_of_the_modes_changes_the_picture_and_not_the_output(ring, inputs, data):
    order = data.draw(st.permutations(range(ring.model.states)))
    other = dataclasses.replace(ring, order=tuple(order))
    assert verify(Identity(ring_output(ring, inputs), ring_output(other, inputs))).proved


@given(ring=rings(closures=("antiperiodic",), max_nodes=4), inputs=st.lists(small, min_size=1, max_size=2))
def test_the_closures_of_one_model_have_one_output(ring, inputs):
    other = ring_embedding(ring.model, gauge="textbook")
    assert verify(Identity(ring_output(ring, inputs), ring_output(other, inputs))).proved


@pytest.mark.parametrize("closure", CLOSURES)
def test_a_ring_turned_the_wrong_way_has_another_output(closure):
    ring = ring_embedding(symbolic(DiscreteSSM, 2, closure, True), closure=closure, gauge="textbook")
    contents = ring.node_contents(ring.modes.input_vector)
    u = sp.Symbol("u", real=True)
    right = Identity(ring.readout(contents, u), ring.modes.readout(ring.modes.input_vector, u))
    assert verify(right).proved
    if ring.nodes > 2:
        turned = tuple(contents[-j] for j in range(ring.nodes))
        assert refuted(Identity(ring.readout(turned, u), right.right))
    late = (*contents[-1:], *contents[:-1])
    assert refuted(Identity(ring.readout(late, u), right.right))


@pytest.mark.parametrize("size", [3, 4])
def test_couplings_of_another_order_than_the_weights_are_no_ring_of_the_model(size):
    ring = ring_embedding(DiscreteSSM.symbolic(size))
    reversed_ = ring_embedding(DiscreteSSM.symbolic(size), order=tuple(reversed(range(size))))
    k0, k1 = (sp.Add(*(ring.output_vector[n] * m**p for n, m in enumerate(ring.spectrum))) for p in (0, 1))
    kicked = sp.Matrix(ring.kick)
    assert verify(Identity(ring.readout(tuple(kicked), 0), k0)).proved
    assert verify(Identity(ring.readout(tuple(ring.coupling_matrix * kicked), 0), k1)).proved
    assert refuted(Identity(ring.readout(tuple(reversed_.coupling_matrix * kicked), 0), k1))


@pytest.mark.parametrize(("states", "closure"), [(2, "complex"), (3, "complex"), (2, "antiperiodic")])
def test_the_hold_samples_the_ring_and_the_bilinear_rule_is_its_rational_function(states, closure):
    model = DiagonalSSM.symbolic(states, conjugate_pairs=closure != "complex")
    W = ring_embedding(model, closure=closure).coupling_matrix
    held = ring_embedding(zero_order_hold(model, DELTA), closure=closure).coupling_matrix
    tustin = ring_embedding(bilinear_transform(model, DELTA), closure=closure).coupling_matrix
    one = sp.eye(W.rows)
    assert verify(Identity(held.subs(DELTA, 0), one)).proved
    assert verify(Identity(held.diff(DELTA), W * held)).proved
    assert verify(Identity((one - DELTA * W / 2) * tustin, one + DELTA * W / 2)).proved
    assert refuted(Identity(tustin.diff(DELTA), W * tustin))


# --- the transform, gauges, closures -------------------------------------------------------------------------------


@pytest.mark.parametrize("closure", CLOSURES)
def test_the_transform_is_inverted_and_keeps_the_energy(closure):
    ring = ring_embedding(symbolic(DiagonalSSM, 2, closure), closure=closure)
    x = sp.symbols(f"x_:{ring.nodes}")
    h = ring.node_contents(x)
    assert verify(Identity(sp.Matrix(ring.mode_amplitudes(h)), sp.Matrix(x))).proved
    energy = ring.nodes * sum(sp.Abs(content) ** 2 for content in h)
    assert verify(Identity(energy, sum(sp.Abs(amplitude) ** 2 for amplitude in x))).proved
    doubled = Identity(2 * energy, sum(sp.Abs(amplitude) ** 2 for amplitude in x))
    assert refuted(doubled)


@given(ring=rings())
def test_in_the_unit_gauge_the_input_enters_node_0_alone(ring):
    if ring.gauge == "unit-input":
        assert ring.kick == (1, *[0] * (ring.nodes - 1))
    else:
        assert ring.kick == ring.node_contents(ring.modes.input_vector)


@pytest.mark.parametrize("kind", [DiagonalSSM, DiscreteSSM])
def test_every_gauge_keeps_the_output_and_half_a_gauge_does_not(kind):
    """T1′ with letters; false twins: the output, or the input, left as it was."""
    model, factors = symbolic(kind, 2, "complex", True), sp.symbols("q_:2")
    other = regauged(model, factors)
    assert (other.input_vector, other.output_vector) == (
        tuple(g * b for g, b in zip(factors, model.input_vector, strict=True)),
        tuple(c / g for g, c in zip(factors, model.output_vector, strict=True)),
    )
    form = ring_equivalence(ring_embedding(model))
    (certificate,) = (one for one in form.certificates if one.name == "every gauge")
    assert verify(certificate).proved
    for half in ("input_vector", "output_vector"):
        wrong = dataclasses.replace(other, **{half: getattr(model, half)})
        left = ring_equivalence(ring_embedding(wrong, gauge="textbook"))
        (output,) = (one for one in left.certificates if one.name in ("output of the model", "kernel of the model"))
        assert refuted(Identity(output.right, certificate.right, nonzero=factors)), half
    with pytest.raises(ValueError, match="one factor for each of the 2 modes, none of them 0"):
        regauged(model, (sp.S.One, sp.S.Zero))
    assert unit_input(model) == regauged(model, [1 / b for b in model.input_vector])


def test_in_the_textbook_gauge_unequal_inputs_enter_many_nodes():
    ring = ring_embedding(DiscreteSSM.symbolic(3), gauge="textbook")
    assert refuted(Identity(sp.Matrix(ring.kick), sp.Matrix([ring.kick[0], 0, 0])))


@given(ring=rings(closures=("real", "antiperiodic")))
def test_real_rings_are_real(ring):
    for entries in (ring.couplings, ring.kick, ring.readout_weights):
        matrix = sp.ImmutableMatrix(entries)
        assert verify(Identity(matrix.conjugate(), matrix)).proved


def test_a_complex_ring_of_pairs_is_not_real():
    ring = ring_embedding(s4d_lin(3))
    matrix = sp.ImmutableMatrix(ring.couplings)
    assert refuted(Identity(matrix.conjugate(), matrix))


@pytest.mark.parametrize("modes", [1, 2, 5, 32])
def test_frequencies_and_sizes_of_the_three_closures(modes):
    assert ring_embedding(s4d_lin(modes)).frequencies == tuple(range(modes))
    assert ring_embedding(s4d_lin(modes), closure="real").frequencies == tuple(range(1 - modes, modes))
    halves = ring_embedding(s4d_lin(modes), closure="antiperiodic").frequencies
    assert halves == tuple(HALF + n for n in range(-modes, modes))
    assert [ring_embedding(s4d_lin(modes), closure=closure).nodes for closure in CLOSURES] == [
        modes,
        2 * modes - 1,
        2 * modes,
    ]


def test_conjugates_stand_at_opposite_frequencies():
    for closure in CLOSURES[1:]:
        ring = ring_embedding(symbolic(DiagonalSSM, 3, closure), closure=closure)
        assert ring.spectrum == tuple(map(sp.conjugate, reversed(ring.spectrum)))
        assert ring.frequencies == tuple(-f for f in reversed(ring.frequencies))
        assert ring.spectrum[-1] == ring.model.eigenvalues[-1]


def test_a_ring_is_a_value():
    ring = ring_embedding(s4d_lin(2))
    assert ring == ring_embedding(s4d_lin(2))
    assert hash(ring) == hash(ring_embedding(s4d_lin(2)))
    with pytest.raises(dataclasses.FrozenInstanceError):
        ring.gauge = "textbook"
    assert ring.feedthrough == 0
    assert ring_embedding(s4d_lin(1, feedthrough=sp.Integer(3))).feedthrough == 3


# --- orders --------------------------------------------------------------------------------------------------------


def test_by_angle_equal_modes_keep_their_index_and_zero_has_the_angle_0():
    multipliers = (sp.I / 2, -HALF, sp.S.Zero, sp.I / 2, -sp.I, sp.Rational(1, 3))
    model = DiscreteSSM(multipliers, (1,) * 6, (1,) * 6)
    assert ring_embedding(model, order="angle").order == (4, 2, 5, 0, 3, 1)
    continuous = DiagonalSSM(multipliers, (1,) * 6, (1,) * 6)
    assert ring_embedding(continuous, order="angle").order == (4, 1, 2, 5, 0, 3)


def test_an_angle_that_has_wrapped_sorts_the_modes_out_of_their_index_order():
    # with dt = 1/3 mode n has the angle n pi/3: modes 6 and 7 stand where 0 and 1 do
    slow, fast = (zero_order_hold(s4d_lin(8), sp.Rational(1, q)) for q in (10, 3))
    assert ring_embedding(slow, order="angle").order == tuple(range(8))
    assert ring_embedding(fast, order="angle").order == (4, 5, 0, 6, 1, 7, 2, 3)
    assert ring_embedding(fast).order == tuple(range(8))


def test_a_real_ring_puts_its_real_mode_at_frequency_0():
    model = DiagonalSSM((sp.I, 3 - sp.I, -1), (1, 1, 1), (1, 1, 1), conjugate_pairs=True)
    for order in ("index", "angle"):
        ring = ring_embedding(model, closure="real", order=order)
        assert ring.order[0] == 2
        assert ring.spectrum[ring.frequencies.index(0)] == -1
    assert ring_embedding(model, closure="real", order="angle").order == (2, 1, 0)


# --- refusals ------------------------------------------------------------------------------------------------------

PAIR = DiagonalSSM((sp.I,), (1,), (1,), conjugate_pairs=True)
TWO_REAL = DiagonalSSM((-1, -2), (1, 1), (1, 1), conjugate_pairs=True)
COMPLEX_INPUT = DiagonalSSM((-1,), (sp.I,), (1,), conjugate_pairs=True)


@pytest.mark.parametrize(
    ("model", "options", "error", "words"),
    [
        ("ring", {}, TypeError, "DiagonalSSM or a DiscreteSSM, got str"),
        (PAIR, {"closure": "moebius"}, ValueError, "unknown closure 'moebius': use 'complex'"),
        (PAIR, {"gauge": "b=1"}, ValueError, "unknown gauge"),
        (PAIR, {"order": "sorted"}, ValueError, "unknown order 'sorted': use 'index' or 'angle'"),
        (PAIR, {"closure": "real"}, ValueError, "no mode is: use closure='antiperiodic'"),
        (TWO_REAL, {"closure": "real"}, ValueError, "modes 0, 1 are"),
        (COMPLEX_INPUT, {"closure": "real", "gauge": "textbook"}, ValueError, "use gauge='unit-input'"),
        (s4d_real(2), {"closure": "real"}, ValueError, "stores no pairs: use closure='complex'"),
        (s4d_real(2), {"closure": "antiperiodic"}, ValueError, "stores no pairs"),
        (DiagonalSSM((1, 2), (1, 0), (1, 1)), {}, ValueError, "mode 1 has the input entry 0.*gauge='textbook'"),
        (DiagonalSSM.symbolic(2), {"order": "angle"}, ValueError, "angle of mode 0, a_0, is not known"),
        (s4d_lin(2), {"order": (0, 0)}, ValueError, "each of the modes 0 to 1 once"),
        (s4d_lin(2), {"order": (0,)}, ValueError, "each of the modes 0 to 1 once"),
        (s4d_lin(2), {"order": 1}, TypeError, "tuple of integers"),
        (s4d_lin(2), {"order": (0.0, 1.0)}, TypeError, "tuple of integers"),
        (s4d_lin(2), {"order": (False, True)}, TypeError, "tuple of integers"),
        (s4d_lin(2), {"closure": "real", "order": (1, 0)}, ValueError, "begin the order with 0"),
    ],
)
def test_what_is_no_ring_is_refused_with_the_remedy(model, options, error, words):
    with pytest.raises(error, match=words):
        ring_embedding(model, **options)


def test_the_class_checks_what_the_function_checks():
    with pytest.raises(ValueError, match="each of the modes"):
        RingEmbedding(s4d_lin(2), "complex", "unit-input", (0, 2))
    with pytest.raises(ValueError, match="unknown gauge"):
        RingEmbedding(s4d_lin(2), "complex", "none", (0, 1))
    with pytest.raises(TypeError, match="RingEmbedding, got DiagonalSSM"):
        ring_equivalence(s4d_lin(2))


def test_contents_and_amplitudes_are_one_for_each_node():
    ring = ring_embedding(s4d_lin(2), closure="real")
    for method in (ring.node_contents, ring.mode_amplitudes, lambda values: ring.readout(values, 0)):
        with pytest.raises(ValueError, match="3 nodes"):
            method((1, 2))


@pytest.mark.parametrize("kind", [DiagonalSSM, DiscreteSSM])
@pytest.mark.parametrize(
    "letter",
    [
        sp.Symbol("h_0"),
        sp.Symbol("h_0", real=True),
        sp.Symbol("g_0"),
        sp.Symbol("tau", integer=True, positive=True),  # would be bound by the sums over the inputs
        sp.Symbol("k", integer=True, positive=True),
        sp.Symbol("t", real=True),
        sp.Symbol("u"),
    ],
    ids=str,
)
def test_a_model_that_uses_a_letter_of_the_statement_is_refused(kind, letter):
    ring = ring_embedding(kind((letter,), (1,), (1,)))
    with pytest.raises(ValueError, match=f"{letter} has a meaning of its own in this statement: rename it"):
        ring_equivalence(ring)
    renamed = ring_equivalence(ring_embedding(kind((sp.Symbol(f"{letter}0"),), (1,), (1,))))
    assert all(verify(certificate).proved for certificate in renamed.certificates)


@pytest.mark.parametrize("limits", [(0, 0), (-7, 0), (1, 3)], ids=["from 0", "from -7", "up to k + 3"])
@pytest.mark.parametrize("model", [DiscreteSSM.symbolic(2), DiscreteSSM((0, 2), (1, 1), (1, 1))], ids=["symbols", "0"])
def test_at_rest_is_a_statement_about_the_limits_of_the_sums(monkeypatch, model, limits):
    """Sums that begin before the first input, or go on after the last one, are not at rest for k = 0."""
    states = ring_equivalence_module._states

    def wrong(model, sequence, steps):
        return tuple(
            x.replace(
                lambda e: isinstance(e, sp.Sum),
                lambda e: e.func(e.function, (e.limits[0][0], limits[0], e.limits[0][2] + limits[1])),
            )
            for x in states(model, sequence, steps)
        )

    def at_rest():
        (found,) = (c for c in ring_equivalence(ring_embedding(model)).certificates if c.name.startswith("at rest"))
        return verify(found)

    assert at_rest().proved
    monkeypatch.setattr(ring_equivalence_module, "_states", wrong)
    assert at_rest().evidence is Evidence.REFUTED


# --- kernels and measured errors -----------------------------------------------------------------------------------


@pytest.mark.parametrize("gauge", ["unit-input", "textbook"])
def test_the_compiled_formula_is_the_stepped_model(gauge):
    model = DiscreteSSM.symbolic(3)
    form = ring_equivalence(ring_embedding(model, gauge=gauge))
    rng = np.random.default_rng(7)
    values = {str(p): complex(*rng.normal(size=2)) / 2 for p in model.parameters}
    u = rng.normal(size=6)
    vector = {stem: np.array([values[f"{stem}_{n}"] for n in range(3)]) for stem in ("lambda", "bbar", "c")}
    x = np.zeros(3)
    for sample in u:
        x = vector["lambda"] * x + vector["bbar"] * sample
    (k,) = [s for s in form.arguments if isinstance(s, sp.Symbol) and s.is_integer]
    taken = [u if isinstance(a, sp.IndexedBase) else len(u) if a == k else values[str(a)] for a in form.arguments]
    assert abs(compile_kernel(form, origin=1)(*taken) - vector["c"] @ x) < 1e-13


def numbers(entries):
    """Exact entries as float64, through 20 digits."""
    return np.array([complex(sp.N(entry, 20)) for entry in entries])


def random_ring(size, seed):
    """A ring of random decimal fractions, off the circle, and its spectrum, input and output in float64."""
    rng = np.random.default_rng(seed)
    raw = rng.integers(-1000, 1000, (3, size, 2)) / 1000
    raw[0] = raw[0] * [0.5, 20] - [0.6, 0]
    exact = [
        [sp.Rational(round(1000 * x), 1000) + sp.I * sp.Rational(round(1000 * y), 1000) for x, y in row] for row in raw
    ]
    model = DiagonalSSM(*map(tuple, exact))
    return ring_embedding(model, gauge="textbook"), numbers(model.eigenvalues), *map(numbers, exact[1:])


def test_measured_the_float_transform_has_the_errors_of_theory_t1():
    """THEORY T1: W 8.7e-14, propagator 2.4e-15, states and outputs over 300 steps 5.5e-14; here 100 times that."""
    worst = np.zeros(3)
    for size in (5, 8, 16, 64):
        ring, a, b, c = random_ring(size, size)
        W = scipy.linalg.circulant(np.fft.fft(a) / size)
        exact_W = scipy.linalg.circulant(numbers(ring.couplings))
        F = np.exp(2j * np.pi * np.outer(range(size), range(size)) / size) / np.sqrt(size)
        by_product = F.conj().T @ np.diag(a) @ F
        step = 0.01
        one_step = scipy.linalg.circulant(np.fft.fft(np.exp(a * step)) / size)
        lam, kick, weights = np.exp(a * step), np.fft.fft(b) / size, size * np.fft.ifft(c)
        h, x, difference = np.zeros(size, complex), np.zeros(size, complex), 0.0
        for u in np.random.default_rng(1).normal(size=300):
            h, x = one_step @ h + kick * u, lam * x + b * u
            difference = max(difference, np.abs(np.fft.ifft(h) * size - x).max(), abs(weights @ h - c @ x))
        found = [
            max(np.abs(W - exact_W).max(), np.abs(by_product - exact_W).max()),
            np.abs(one_step - scipy.linalg.expm(exact_W * step)).max(),
            difference,
        ]
        worst = np.maximum(worst, found)
    assert (worst <= 100 * np.array([8.7e-14, 2.4e-15, 5.5e-14])).all(), worst


def test_measured_the_exact_weights_and_kick_are_the_float_transforms():
    ring, _, b, c = random_ring(16, 3)
    assert np.abs(numbers(ring.kick) - np.fft.fft(b) / 16).max() < 1e-14
    assert np.abs(numbers(ring.readout_weights) - 16 * np.fft.ifft(c)).max() < 1e-13
    assert np.abs(numbers(ring.readout_weights) - np.fft.fft(c)).max() > 1  # the other direction is another vector


def test_measured_the_anti_periodic_ring_has_the_error_of_theory_t5b():
    """THEORY T5b: 8.5e-14 between the skew-circulant of learned pairs and the doubled modes; here 100 times that."""
    rng, pairs = np.random.default_rng(5), 16
    stored = -0.5 + 0.1 * rng.normal(size=pairs) + 1j * rng.uniform(0.2, 50, size=pairs)
    a = np.concatenate([stored.conj()[::-1], stored])
    frequencies = np.arange(-pairs, pairs) + 0.5
    phases = np.exp(2j * np.pi * np.outer(frequencies, np.arange(2 * pairs)) / (2 * pairs))
    w = phases.conj().T @ a / (2 * pairs)
    waves = phases.conj().T
    matrix = scipy.linalg.toeplitz(w, np.concatenate([w[:1], -w[:0:-1]]))
    assert np.abs(matrix @ waves - waves * a).max() < 100 * 8.5e-14
    assert np.abs(w.imag).max() < 100 * 8.5e-14
    periodic = scipy.linalg.circulant(w)
    assert np.abs(periodic @ waves - waves * a).max() > 1  # without the change of sign it is no ring of the model


# --- claims that sound true and are false (derivations/THEORY.md) ---------------------------------------------------


@pytest.mark.parametrize("make", [s4d_lin, s4d_inv, s4d_legs, s4d_real])
def test_naive_claim_1_a_ring_is_special_to_one_spectrum_is_false(make):
    """Any spectrum has a ring; here every initial one, exactly, and the symbolic one above."""
    form = ring_equivalence(ring_embedding(make(2, output_vector=(1, 2))))
    by_name = {certificate.name: certificate for certificate in form.certificates}
    for name in ("circulant couplings", "motion of the ring", "kernel of the model"):
        verdict = verify(by_name[name])
        assert verdict.proved, (name, str(verdict))


def test_naive_claim_3_sixty_four_states_are_sixty_four_real_nodes_is_false():
    """63 at initialisation, 64 with a change of sign once around for trained pairs, or 32 complex ones."""
    initial = s4d_lin(32, output_vector=(1,) * 32)
    assert ring_embedding(initial, closure="real").nodes == 63
    trained = dataclasses.replace(initial, eigenvalues=tuple(a + sp.I / 7 for a in initial.eigenvalues))
    with pytest.raises(ValueError, match="exactly one mode"):
        ring_embedding(trained, closure="real")
    assert ring_embedding(trained, closure="antiperiodic").nodes == 64
    assert ring_embedding(trained).nodes == 32


def test_pairs_without_a_real_mode_are_on_no_real_periodic_ring():
    """A real circulant has the real eigenvalue sum(w); two pairs off the real axis have none, whatever the order."""
    pairs = (HALF + sp.I, -HALF + 2 * sp.I)
    spectrum = [*pairs, *map(sp.conjugate, pairs)]
    model = DiagonalSSM(tuple(spectrum), (1,) * 4, (1,) * 4)
    for order in sp.utilities.iterables.multiset_permutations(range(4)):
        couplings = sp.ImmutableMatrix(ring_embedding(model, order=tuple(order)).couplings)
        assert couplings.conjugate().expand() != couplings.expand()
        assert verify(Identity(sum(couplings), spectrum[order[0]])).proved


def test_naive_claim_13_a_non_normal_model_is_diagonalised_first_is_false():
    """Eigenvectors of HiPPO-LegS in float64 against its matrix exponential; the normal part beside it."""
    conditions, errors, normal = [], [], []
    for size in (8, 16, 24):
        root = np.sqrt(2 * np.arange(size) + 1)
        A = -np.tril(np.outer(root, root), -1) - np.diag(np.arange(size) + 1.0)
        values, vectors = np.linalg.eig(A)
        conditions.append(np.linalg.cond(vectors))
        errors.append(eigenvector_error(A, values, vectors, root))
        normal_part = A + np.outer(root, root) / 2
        normal.append(eigenvector_error(normal_part, *unitary(normal_part), root))
    assert (np.array(conditions) > [1e4, 1e9, 1e14]).all()  # THEORY T1: 7.7e4, 8.3e10, 9.9e16 (8.5e16 in float64)
    assert (np.array(errors[1:]) > [1e-7, 1e-3]).all()
    assert max(normal) < 1e-11


def unitary(normal_part):
    """Eigenvalues and a unitary basis of a normal matrix -1/2 + a skew-symmetric one."""
    frequencies, vectors = np.linalg.eigh(1j * (normal_part + np.eye(len(normal_part)) / 2))
    return -0.5 - 1j * frequencies, vectors


def eigenvector_error(A, values, vectors, start):
    """The largest error of exp(At) b through the eigenvectors, over a few times."""
    return max(
        np.abs(
            vectors @ (np.exp(t * values) * np.linalg.solve(vectors, start)) - scipy.linalg.expm(t * A) @ start
        ).max()
        for t in (0.01, 0.05, 0.1)
    )
