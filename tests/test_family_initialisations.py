"""Initial spectra of the S4 kind against published values, certified enclosures, reference draws and exact matrices."""

import json
from pathlib import Path

import numpy as np
import pytest
import sympy as sp

from carleman_ssm.families.initialisations import (
    DIAGONALS,
    MEASURES,
    DiagonalOptions,
    diagonal_spectrum,
    hippo,
    legs_positive_frequencies,
    low_rank_spectrum,
)
from carleman_ssm.families.s4 import S4
from carleman_ssm.families.s4_block import S4Block
from carleman_ssm.families.s4_initialisation import COMBINATIONS, drawn_s4
from carleman_ssm.families.s4_options import S4Options
from carleman_ssm.recurrences.dense_laws import hippo_legs

ZOO = Path(__file__).parent / "data" / "zoo"


def rng():
    return np.random.default_rng(0)


def test_frequencies_of_legs_are_the_published_ones():
    assert np.allclose(legs_positive_frequencies(4), [19.857, 5.354, 1.958, 0.428], atol=6e-4)  # published to 3 digits
    assert abs(legs_positive_frequencies(32)[0] - 1303) < 1  # published as 1303 for N = 64


@pytest.mark.parametrize("size", [4, 16, 64])
def test_eigenvectors_and_enclosures_give_the_same_frequencies(size):
    found = -low_rank_spectrum("legs", size).eigenvalues.imag
    assert np.allclose(found, legs_positive_frequencies(size // 2), rtol=1e-12, atol=1e-12 * found.max())


def test_the_float_matrix_of_legs_is_the_exact_one():
    exact = np.array(hippo_legs(6).evalf(30).tolist(), dtype=float)
    assert np.allclose(hippo("legs", 6)[0], exact, rtol=1e-15, atol=0)


@pytest.mark.parametrize("measure", MEASURES)
def test_a_measure_plus_its_low_rank_is_normal(measure):
    matrix, _, low_rank = hippo(measure, 8)
    normal = matrix + low_rank.T @ low_rank
    symmetric = (normal + normal.T) / 2
    assert np.allclose(symmetric, np.mean(np.diag(normal)) * np.eye(8), atol=1e-13)
    assert low_rank.shape[0] == (2 if measure == "legt" else 1)
    broken = matrix - low_rank.T @ low_rank  # false twin: the low rank with the other sign
    assert not np.allclose((broken + broken.T) / 2, np.mean(np.diag(broken)) * np.eye(8), atol=1e-3)


@pytest.mark.parametrize("measure", MEASURES)
def test_real_coordinates_have_the_markov_parameters_of_the_matrix(measure):
    matrix, _, low_rank = hippo(measure, 8)
    drawn = low_rank_spectrum(measure, 8)
    real = S4(
        D=np.ones((1, 1)),
        inv_dt=np.zeros((1, 1)),
        C=np.ones((1, 1, 4)),
        B=drawn.B[None],
        A_real=np.maximum(-drawn.eigenvalues.real, 1e-300)[None],
        A_imag=-drawn.eigenvalues.imag[None],
        P=drawn.P[:, None],
        output=S4.initialise(rng(), channels=1).output,
        options=S4Options(disc="bilinear", real_transform="none"),
    ).matrices[0]
    low = np.concatenate([drawn.P.real, drawn.P.imag], axis=1)
    for power in range(5):
        expected = low_rank @ np.linalg.matrix_power(matrix, power) @ low_rank.T
        found = 2 * low @ np.linalg.matrix_power(real, power) @ low.T
        assert np.allclose(found, expected, rtol=1e-10, atol=1e-10 * np.abs(expected).max())


def test_reference_draws_have_the_same_spectrum():
    with np.load(ZOO / "s4-dplr__legs.npz") as archive:
        stored = {key.removeprefix("layer.kernel."): archive[key] for key in archive.files if "kernel" in key}
        assert json.loads(str(archive["config"]))["d_state"] == 8
    drawn = drawn_s4(rng(), channels=4, d_state=8, init="legs", low_rank=True)
    # drawn in float32 by the reference
    assert np.allclose(drawn["A_real"], stored["A_real"], rtol=1e-5)
    assert np.allclose(drawn["A_imag"], stored["A_imag"], rtol=1e-4)
    modulus = np.hypot(stored["P"][..., 0], stored["P"][..., 1])
    assert np.allclose(np.abs(drawn["P"]), modulus, rtol=1e-4)  # phases of eigenvectors are free


def test_b_of_legs_is_p_times_the_root_of_two_until_it_is_cut():
    drawn = low_rank_spectrum("legs", 8)
    ratio = drawn.B / drawn.P[0]
    uncut = np.abs(drawn.B.imag) < 2
    assert uncut.any()
    assert np.allclose(ratio[uncut], np.sqrt(2), atol=1e-12)
    assert np.abs(drawn.B.imag).max() <= 2


@pytest.mark.parametrize("size", [2, 8])
def test_diagonal_spectra_follow_their_formulas(size):
    n, modes = np.arange(size // 2), size // 2
    expected = {
        "diag-lin": np.pi * n,
        "diag-inv": size / np.pi * (size / (2 * n + 1) - 1),
        "diag-inv2": size / np.pi * (size / (n + 1) - 1),
        "diag-quad": (1 + 2 * n) ** 2 / np.pi,
        "diag-legs": legs_positive_frequencies(modes),
        "diag-real": np.zeros(modes),
    }
    for init, frequencies in expected.items():
        drawn = diagonal_spectrum(init, size, rng())
        assert np.allclose(-drawn.eigenvalues.imag, frequencies, rtol=1e-12, atol=1e-12), init
        real = n + 1 if init == "diag-real" else np.full(modes, 0.5)
        assert np.allclose(-drawn.eigenvalues.real, real, atol=1e-12), init
        assert not drawn.P.any()
    assert (diagonal_spectrum("diag-rand", size, rng()).eigenvalues.imag < 0).all()
    assert set(expected) | {"diag-rand"} == set(DIAGONALS)


def test_frequencies_that_vanish_are_stored_as_the_reference_stores_them():
    assert drawn_s4(rng(), channels=2, d_state=4, init="diag-lin")["A_imag"][0, 0] == 1e-4
    assert np.allclose(np.exp(drawn_s4(rng(), d_state=4, init="fourier")["A_real"]), 1e-4)


def reference():
    with np.load(ZOO.parent / "s4_initialisations.npz") as archive:
        return {key: archive[key] for key in archive.files}


def test_matrices_are_those_of_the_reference():
    stored = reference()
    for measure in MEASURES:
        matrix, drive, low_rank = hippo(measure, 8)
        assert np.allclose(matrix, stored[f"matrix {measure}"], rtol=0, atol=1e-13), measure
        assert np.allclose(drive, stored[f"drive {measure}"], rtol=1e-7), measure
        assert np.allclose(low_rank, stored[f"rank {measure}"], rtol=1e-7), measure  # built in float32 in part


def test_diagonal_models_are_those_of_the_reference():
    stored = reference()
    for init in set(DIAGONALS) - {"diag-rand"}:
        drawn = diagonal_spectrum(init, 8, rng())
        assert np.allclose(drawn.eigenvalues, stored[f"A {init}"], rtol=2e-6), init  # pi and LegS are float32 there
        assert init == "diag-legs" or np.allclose(drawn.B, stored[f"B {init}"], rtol=0, atol=1e-12), init
    for name in ("alternating", "unit-cw", "unit-ccw"):
        drawn = diagonal_spectrum("diag-lin", 8, rng(), DiagonalOptions(B_init=name))
        assert np.allclose(drawn.B, stored[f"B diag-lin {name}"], rtol=0, atol=1e-6), name
    scaled = DiagonalOptions(real_scale=0.7, imag_scale=1.3, B_scale=2.0, normalize=True)
    drawn = diagonal_spectrum("diag-inv", 8, rng(), scaled)
    assert np.allclose(drawn.eigenvalues, stored["A diag-inv scaled"], rtol=2e-6)
    assert np.allclose(drawn.B, stored["B diag-inv scaled"], rtol=2e-6)


def test_random_parts_lie_where_the_reference_draws_them():
    options = DiagonalOptions(real_random=True, imag_random=True, B_init="random")
    for init in DIAGONALS:
        drawn = diagonal_spectrum(init, 32, rng(), options)
        bound = 16 if init == "diag-real" else 1
        assert (drawn.eigenvalues.real <= 0).all()
        assert (drawn.eigenvalues.real >= -bound).all()
    lin = -diagonal_spectrum("diag-lin", 32, rng(), options).eigenvalues.imag / np.pi
    assert ((lin >= 0) & (lin <= 16)).all()
    assert np.abs(lin - np.round(lin)).max() > 0.1


def test_combinations_share_the_copies():
    fields = drawn_s4(rng(), channels=4, d_state=8, init="all", copies=4, low_rank=True)
    for row, init in enumerate(COMBINATIONS["all"]):
        single = drawn_s4(rng(), channels=1, d_state=8, init=init, copies=1, low_rank=True)
        assert np.allclose(fields["A_imag"][row], single["A_imag"][0])
        assert np.allclose(np.abs(fields["P"][:, row]), np.abs(single["P"][:, 0]))
    with pytest.raises(ValueError, match="shared equally"):
        drawn_s4(rng(), channels=3, init="hippo")


def test_real_modes_are_drawn_in_full_number():
    layer = S4Block.initialise(rng(), channels=2, d_state=6, init="diag-real", real=True, disc="bilinear")
    assert layer.A_imag is None
    assert np.allclose(-layer.eigenvalues.real, np.arange(1, 7))
    x = rng().normal(size=(1, 9, 2))
    assert np.allclose(layer(x), layer(x, "recurrence"), rtol=0, atol=1e-12)
    with pytest.raises(ValueError, match="low-rank"):
        drawn_s4(rng(), init="diag-real", real=True, low_rank=True)


def test_unknown_names_and_sizes_are_refused():
    with pytest.raises(ValueError, match="legs"):
        hippo("chebyshev", 4)
    with pytest.raises(ValueError, match="even size"):
        hippo("legs", 5)
    with pytest.raises(ValueError, match="diag-lin"):
        diagonal_spectrum("diag", 4, rng())
    with pytest.raises(ValueError, match="divide"):
        drawn_s4(rng(), channels=4, copies=3)
    with pytest.raises(ValueError, match="B_init"):
        DiagonalOptions(B_init="turned")
    with pytest.raises(ValueError, match="no options"):
        drawn_s4(rng(), init="legs", real_scale=2.0)
    with pytest.raises(TypeError, match="modes"):
        drawn_s4(rng(), modes=3)


def test_eigenvalues_of_the_exact_matrix_are_whole_numbers():
    assert sorted(hippo_legs(5).eigenvals()) == [sp.Integer(-n) for n in range(5, 0, -1)]
