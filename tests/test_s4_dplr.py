"""S4 with its low rank: references, the generating function, the stored readout, N = 64, the price of eigenvectors."""

import dataclasses
import json
from pathlib import Path

import flint
import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carleman_ssm.families.block_output import BlockOutput
from carleman_ssm.families.diagonal_form import diagonal_form
from carleman_ssm.families.enclosed_dense import s4_kernel
from carleman_ssm.families.initialisations import hippo
from carleman_ssm.families.s4 import S4
from carleman_ssm.families.s4_options import S4Options
from carleman_ssm.networks.enclosures import ball_matrix

ZOO = Path(__file__).parent / "data" / "zoo"
NAMES = sorted(path.name.removesuffix(".reference.npz") for path in ZOO.glob("s4-dplr__*.reference.npz"))


def stored(name):
    with np.load(ZOO / f"{name}.npz") as archive:
        tensors = {key: archive[key] for key in archive.files}
    with np.load(ZOO / f"{name}.reference.npz") as archive:
        reference = {key: archive[key] for key in archive.files}
    return tensors, json.loads(str(tensors.pop("config"))), reference


def layer_and_reference(name):
    tensors, config, reference = stored(name)
    return S4.from_tensors(tensors, config), reference


def gap(left, right):
    return float(np.max(np.abs(left - right)))


def legs(size, seed=0):
    return S4.initialise(np.random.default_rng(seed), channels=1, d_state=size)


def test_there_are_four_reference_layers():
    assert len(NAMES) == 4


@pytest.mark.parametrize("name", NAMES)
def test_layers_compute_what_their_references_do(name):
    layer, reference = layer_and_reference(name)
    x = reference["x"]
    # the reference takes its kernel from an inverse Fourier transform of length l_kernel
    assert gap(layer(x), reference["y"]) < 1e-12
    assert gap(layer(x, "recurrence"), reference["y"]) < 1e-12
    assert gap(layer.preactivation(layer.scan(x).states(), x), reference["preactivation"]) < 1e-12
    assert gap(layer.kernel(x.shape[1]), reference["kernel"]) < 1e-12


@pytest.mark.parametrize("name", NAMES)
def test_tensors_come_back_as_they_were_stored(name):
    tensors, config, _ = stored(name)
    returned = S4.from_tensors(tensors, config).tensors()
    assert returned.keys() == tensors.keys()
    assert all(np.array_equal(returned[key], tensors[key]) for key in tensors)
    assert all(returned[key].shape == tensors[key].shape for key in tensors)


def generating_function(tensors, length):
    """The kernel of the stored readout at the roots of unity: Woodbury over the completed modes (rank 1)."""
    part = {key.removeprefix("layer.kernel."): value for key, value in tensors.items()}
    pair = {key: part[key][0, ..., 0] + 1j * part[key][0, ..., 1] for key in "BCP"}
    rates = -np.exp(part["A_real"]) - 1j * part["A_imag"]
    omega = np.exp(-2j * np.pi * np.arange(length // 2) / length)  # without -1, a pole of the map to z
    z = 2 * (1 - omega) / (1 + omega)
    rows = []
    for h in range(4):
        step = np.exp(part["inv_dt"][h, 0])
        full = {key: np.concatenate([v[h % len(v)], np.conj(v[h % len(v)])]) for key, v in {**pair, "A": rates}.items()}

        def cauchy(weights, full=full, step=step):
            return np.sum(weights * step / (z[:, None] - step * full["A"]), axis=1)

        low, conjugate = full["P"], np.conj(full["P"])
        inner = cauchy(full["C"] * full["B"])
        correction = cauchy(full["C"] * low) * cauchy(conjugate * full["B"]) / (1 + cauchy(conjugate * low))
        rows.append(2 / (1 + omega) * (inner - correction))
    return rows


def test_the_generating_function_of_the_stored_readout_is_the_kernel():
    tensors, config, _ = stored("s4-dplr__legs")
    length = int(tensors["layer.kernel.l_kernel"])
    kernel = S4.from_tensors(tensors, config).kernel(length)[0]
    spectrum = np.fft.rfft(kernel, axis=-1)
    for h, values in enumerate(generating_function(tensors, length)):
        assert gap(spectrum[h, :-1], values) < 1e-11


def test_false_readings_of_the_stored_tensors_give_other_values():
    layer, reference = layer_and_reference("s4-dplr__legs")
    x, y = reference["x"], reference["y"]
    assert gap(dataclasses.replace(layer, l_kernel=0)(x), y) > 1e-2  # the stored readout taken for the readout
    assert gap(dataclasses.replace(layer, l_kernel=48)(x), y) > 1e-3
    assert gap(dataclasses.replace(layer, A_imag=-layer.A_imag)(x), y) > 1e-3
    assert gap(dataclasses.replace(layer, P=0 * layer.P)(x), y) > 1e-3
    assert gap(dataclasses.replace(layer, P=np.conj(layer.P))(x), y) > 1e-3


@pytest.mark.parametrize("size", [2, 8, 64])
def test_no_step_expands_a_state(size):
    layer = legs(size)
    matrices = layer.matrices
    symmetric = matrices[0] + matrices[0].T
    assert np.linalg.eigvalsh(symmetric).max() < 0  # A + A^T = -1 - 4 p p^T
    assert np.linalg.norm(layer.discretised()[0][0], 2) < 1


def dense_kernel_in_balls(layer, length):
    matrices, drive = layer.discretised()
    row = layer.output_vectors()[0]
    with flint.ctx.workprec(256):
        matrix, state = ball_matrix(matrices[0]), ball_matrix(drive[0][:, None])
        read, values = ball_matrix(row), []
        for _ in range(length):
            values.append(float((read * state)[0, 0].mid()))
            state = matrix * state
    return np.array(values)


def exact_kernel(layer, length):
    """The stored parameters in complex balls over completed modes: another basis than that of the layer."""
    with flint.ctx.workprec(700):
        pick = {name: [complex(z) for z in getattr(layer, name)[0].ravel()] for name in "BCP"}
        full = {name: [*values, *np.conj(values)] for name, values in pick.items()}
        decay = [-flint.arb(v).exp() for v in layer.A_real[0].tolist()]
        rates = [flint.acb(re, -im) for re, im in zip(decay, layer.A_imag[0].tolist(), strict=True)]
        rates += [flint.acb(re, im) for re, im in zip(decay, layer.A_imag[0].tolist(), strict=True)]
        n, step = len(rates), flint.arb(float(layer.inv_dt[0, 0])).exp()
        matrix = flint.acb_mat(n, n, [rates[i] if i == j else 0 for i in range(n) for j in range(n)])
        matrix = matrix - flint.acb_mat(n, 1, full["P"]) * flint.acb_mat(1, n, list(np.conj(full["P"])))
        one = flint.acb_mat(n, n, [int(i == j) for i in range(n) for j in range(n)])
        half = matrix * (step / 2)
        power, state = (one - half).solve(one + half), (one - half).solve(flint.acb_mat(n, 1, full["B"]) * step)
        row = flint.acb_mat(n, 1, full["C"])
        if layer.l_kernel:
            row = (one - power**layer.l_kernel).transpose().solve(row)
        values = []
        for _ in range(length):
            values.append(float((row.transpose() * state)[0, 0].real.mid()))
            state = power * state
    return np.array(values)


def test_64_states_agree_with_the_dense_recurrence():
    layer = legs(64)
    x = np.random.default_rng(1).normal(size=(2, 300, 1))
    assert gap(layer(x), layer(x, "recurrence")) < 1e-9
    exact = dense_kernel_in_balls(layer, 100)
    assert gap(layer.kernel(100)[0, 0], exact) < 1e-9
    longer = dataclasses.replace(layer, l_kernel=300)
    y = longer.preactivation(longer.scan(x).states("recurrence"), x)
    assert gap(longer.preactivation(longer.scan(x).states(), x), y) < 1e-9 * max(1, np.abs(y).max())


@pytest.mark.parametrize(("size", "l_kernel"), [(2, 0), (8, 24), (64, 0), (64, 300)])
def test_the_dense_kernel_is_enclosed_through_contraction(size, l_kernel):
    layer = dataclasses.replace(legs(size), l_kernel=l_kernel)
    enclosed = s4_kernel(layer, 100)
    assert enclosed.error.max() < 1e-9
    exact = exact_kernel(layer, 100)
    exact[0] += layer.D[0, 0]
    assert (np.abs(enclosed.value[0] - exact) <= enclosed.error[0] + 1e-16).all()
    assert gap(layer.kernel(100)[0, 0, 1:], enclosed.value[0, 1:]) < 1e-9  # the float route, measured


def test_a_wrong_kernel_leaves_the_enclosure():
    layer = legs(8)
    enclosed = s4_kernel(layer, 50)
    for change in ({"A_imag": layer.A_imag * (1 + 1e-9)}, {"P": layer.P * (1 + 1e-9)}, {"l_kernel": 50}):
        other = dataclasses.replace(layer, **change).kernel(50)[:, 0]
        assert (np.abs(other[:, 1:] - enclosed.value[:, 1:]) > enclosed.error[:, 1:]).any()


def test_layers_without_an_enclosed_kernel_say_why():
    layer = legs(4)
    several = {"D": np.ones((2, 1)), "C": np.tile(layer.C, (2, 1, 1)), "output": BlockOutput("id")}
    both = {"C": np.tile(layer.C, (2, 1, 1)), "options": S4Options(disc="bilinear", bidirectional=True)}
    for change, words in (
        (several, "several readouts"),
        (both, "both directions"),
        ({"inv_dt": np.zeros((1, 2))}, "step for each mode"),
        ({"options": S4Options(disc="bilinear", dt_transform="softplus")}, "transforms"),
    ):
        with pytest.raises(ValueError, match=words):
            s4_kernel(dataclasses.replace(layer, **change), 5)
    with pytest.raises(ValueError, match="at least one lag"):
        s4_kernel(layer, 0)


def test_eigenvectors_at_raised_precision_give_the_dense_kernel_within_their_bound():
    layer = legs(64)
    form = layer.diagonal_form(length=48)
    assert gap(form.kernel.value, dense_kernel_in_balls(layer, 48)) <= form.kernel.error.max() + 1e-15
    assert form.kernel.error.max() < 1e-12
    assert form.bits > 128
    assert form.condition > 1e12
    with mpmath.workdps(60):
        modes = [(mpmath.mpc(w), mpmath.mpc(v)) for w, v in zip(form.weights[0], form.multipliers, strict=True)]
        rounded = [float(mpmath.re(mpmath.fsum(w * v**lag for w, v in modes))) for lag in range(0, 48, 6)]
    found = gap(np.array(rounded), form.kernel.value[0, ::6])
    assert 1e-9 < found <= form.float64_error  # the rounded modes are not good enough, and the bound says so


def test_eigenvectors_in_float64_are_wrong_where_the_condition_number_says_so():
    small, large = legs(8), legs(24)
    forms = [layer.diagonal_form() for layer in (small, large)]
    assert forms[0].condition < 1e6 < 1e13 < forms[1].condition
    assert forms[0].float64_error < 1e-12 < 1e-9 < forms[1].float64_error
    for layer, form, least, most in ((small, forms[0], 0, 1e-11), (large, forms[1], 1e-8, 1)):
        matrices, drive = layer.discretised()
        multipliers, vectors = np.linalg.eig(matrices[0])
        weights = (layer.output_vectors()[0] @ vectors) * np.linalg.solve(vectors, drive[0])
        naive = np.array([(weights * multipliers**lag).sum().real for lag in range(64)])
        assert least <= gap(naive, form.kernel.value[0]) <= most


def test_the_error_of_rounded_modes_is_that_of_the_real_part():
    """These rounded modes are no exact conjugate pair: their sum has an imaginary part beyond the bound."""
    matrix = np.array([[0.5154523218444909, -0.22798092025979433], [0.6023135387829408, -0.16204264514309671]])
    drive, readout = np.array([1.5, 0.5]), np.array([[-0.5, 0.75]])
    form = diagonal_form(matrix, drive, readout, 3)
    with mpmath.workdps(60):
        modes = [(mpmath.mpc(w), mpmath.mpc(v)) for w, v in zip(form.weights[0], form.multipliers, strict=True)]
        through = [mpmath.fsum(w * v**lag for w, v in modes) for lag in range(3)]
        exact = [(mpmath.matrix(readout) * mpmath.matrix(matrix) ** lag * mpmath.matrix(drive))[0] for lag in range(3)]
        real = max(abs(mpmath.re(a) - b) for a, b in zip(through, exact, strict=True))
        whole = max(abs(a - b) for a, b in zip(through, exact, strict=True))
    assert real <= form.float64_error < whole


def test_rounding_makes_the_real_spectrum_complex():
    exact = hippo("legs", 24)[0]
    assert np.array_equal(np.diag(exact), -np.arange(1, 25))
    assert (exact == np.tril(exact)).all()  # triangular: the eigenvalues are -1, ..., -24
    assert np.abs(legs(24).diagonal_form().multipliers.imag).max() > 1e-4
    assert np.abs(legs(8).diagonal_form().multipliers.imag).max() < 1e-8


def test_matrices_without_eigenvectors_are_refused():
    shift = np.diag(np.ones(2), -1)
    with pytest.raises(ArithmeticError, match="full set of eigenvectors"):
        diagonal_form(shift, np.ones(3), np.ones((1, 3)), 4)
    with pytest.raises(ValueError, match="at least one lag"):
        diagonal_form(shift, np.ones(3), np.ones((1, 3)), 0)


@settings(max_examples=20)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([1, 2, 7, 16]),
    st.sampled_from(["legs", "legt", "fourier"]),
    st.booleans(),
)
def test_the_closed_form_is_the_recurrence(seed, steps, measure, both):
    rng = np.random.default_rng(seed)
    drawn = S4.initialise(rng, channels=2, d_state=4, init=measure, copies=1)
    layer = dataclasses.replace(
        drawn,
        C=np.tile(drawn.C, (1 + both, 1, 1)),
        options=S4Options(disc="bilinear", bidirectional=both),
        output=BlockOutput("id"),
    )
    x = np.ones((2, steps, 2))
    x[1] = rng.normal(size=(steps, 2))
    assert gap(layer(x), layer(x, "recurrence")) < 1e-11 * max(1, np.abs(layer(x)).max())


def test_layers_that_are_something_else_are_refused():
    tensors, config, _ = stored("s4-dplr__legs")
    without = {key: value for key, value in tensors.items() if key != "layer.kernel.l_kernel"}
    with pytest.raises(ValueError, match=r"missing layer\.kernel\.l_kernel"):
        S4.from_tensors(without, config)
    with pytest.raises(ValueError, match="mode"):
        S4.from_tensors(tensors, config | {"mode": "diag"})
    with pytest.raises(ValueError, match="band limit"):
        S4.from_tensors(tensors, config | {"bandlimit": 0.5})
    layer = S4.from_tensors(tensors, config)
    with pytest.raises(ValueError, match="copies"):
        dataclasses.replace(layer, A_real=np.ones((3, 4)))
    with pytest.raises(ValueError, match="l_kernel"):
        dataclasses.replace(layer, l_kernel=-1)
