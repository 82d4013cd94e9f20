"""The page of the families: its tables are what the checks find now, and every number in its prose is checked."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import sympy as sp

from carleman_ssm.experiments.float_lifts import relative_difference
from carleman_ssm.experiments.layer_checks import check_layer, eigenvalues
from carleman_ssm.experiments.measured_degree import measured_degree
from carleman_ssm.experiments.zoo import FIT_BOUND, FIT_DEGREE
from carleman_ssm.families.dss import DSS
from carleman_ssm.families.registry import FAMILIES, family_named, ring_layer, small_layer
from carleman_ssm.families.s4_parts import EPSILON
from carleman_ssm.families.scans import VaryingRankOneScan
from carleman_ssm.formulas.statements import Identity
from carleman_ssm.formulas.verification import verify
from carleman_ssm.report.markdown import with_tables
from carleman_ssm.report.sections import Grid, Section
from carleman_ssm.report.zoo import update_page
from carleman_ssm.rings.family_rings import family_waves
from carleman_ssm.rings.waves import participation_ratio

PAGE = Path(__file__).parent.parent / "docs" / "families.md"
REAL = ("s4", "linear-attention", "mamba", "mamba2", "gla", "rg-lru", "s7")
PRODUCTS_TURN = ("delta-net", "gated-delta-net")
COMPLEX = ("s4d", "s4-block", "dss", "s5", "lru", "h3", "retnet")


@pytest.fixture(scope="module")
def page():
    return PAGE.read_text(encoding="utf-8")


def prose(text):
    """The page without tables, formulas and names."""
    text = re.sub(r"<!-- table: .*?<!-- end -->", "", text, flags=re.DOTALL)
    text = re.sub(r"\$\$.*?\$\$|\$.*?\$", "", text, flags=re.DOTALL)
    return re.sub(r"\bS[4-7]D?\b|\bH3\b|Mamba-2|float64", "", text)


def test_the_tables_are_what_the_checks_find(page, tmp_path):
    """After a change of the families: `carleman_ssm.report.zoo.update_page(Path("docs/families.md"))`."""
    copy = tmp_path / "families.md"
    copy.write_text(page, encoding="utf-8")
    update_page(copy)
    assert copy.read_text(encoding="utf-8") == page


def test_a_table_that_is_out_of_date_would_be_seen():
    found = [Section("families", (Grid(("a",), (("1",),)),))]
    old = "x <!-- table: families -->\n| a |\n|---|\n| 2 |\n<!-- end --> y"
    assert with_tables(old, found) == old.replace("2", "1") != old
    with pytest.raises(ValueError, match="there is no table 'other'"):
        with_tables("<!-- table: other --><!-- end -->", found)


CHECKED = {
    "of degree 2 at the reference's default size": 2,
    "close to 1.": 1,  # the modulus of a multiplier
    "by ε = 1e-7": 1e-7,
    "Of 64 modes as drawn, with Δ = 0.001, the slowest loses half on one step, 1e-4 on 100 and 2e-6 on 1000": {
        1: 0.5,
        100: 1e-4,
        1000: 2e-6,
    },
    "polynomial of degree 3": 3,
    "(degree 5 with a feature map of degree 2)": (5, 2),
    "kernel of order 3": 3,
    "between 0 and 1": (0, 1),
    "from -1 to 1": (-1, 1),
    "with strength 1 and a key of length 1": (1, 1),
    "strengths up to 2": 2,
    "eigenvalue of -1": -1,
    "turn only if it is above 1": 1,
    "1 if it is all on one node": 1,
    "at degree 16": 16,
    "≤ 4": 4,
}


def test_every_number_in_the_prose_is_a_checked_one(page):
    text = " ".join(prose(page).split())
    for sentence in sorted(CHECKED, key=len, reverse=True):
        assert sentence in text, sentence
        text = text.replace(sentence, "")
    assert re.findall(r"\d+", text) == []


def test_what_is_approximated_is_fitted_as_stated():
    assert (CHECKED["≤ 4"], CHECKED["at degree 16"]) == (FIT_BOUND, FIT_DEGREE)


def test_what_the_bound_of_dss_takes_is_as_stated():
    """One leading digit each, from the layer's gains and the quotient without its bound."""
    drawn = DSS.initialise(np.random.default_rng(0), channels=1, d_state=64)
    layer = replace(drawn, log_dt=np.full((1, 2), np.log(0.001)))
    slowest = np.abs(layer.eigenvalues).argmin()
    rate, sampled = layer.eigenvalues[slowest], layer.rates[0, slowest]
    (losses,) = (stated for stated in CHECKED.values() if isinstance(stated, dict))
    for length, loss in losses.items():
        quotient = np.expm1(sampled) / (rate * np.expm1(sampled * length))
        found = 1 - abs(layer.input_vector(length)[0, slowest] / quotient)
        assert float(f"{found:.0e}") == loss
    assert CHECKED["by ε = 1e-7"] == EPSILON


@pytest.mark.parametrize("name", COMPLEX)
def test_complex_families_turn(name):
    assert check_layer(small_layer(family_named(name), np.random.default_rng(0))).complex_share > 0


@pytest.mark.parametrize("name", [*REAL, *PRODUCTS_TURN])
def test_real_families_do_not_turn(name):
    assert check_layer(small_layer(family_named(name), np.random.default_rng(0))).complex_share == 0


@pytest.mark.parametrize("name", PRODUCTS_TURN)
def test_products_of_real_steps_of_the_delta_rule_turn(name):
    """Each step of a layer as its reference initialises it is real; runs of three steps have complex eigenvalues."""
    layer = small_layer(family_named(name), np.random.default_rng(0))
    scan = layer.scan(np.random.default_rng(1).standard_normal((1, 64, layer.channels)))
    decays, strengths, keys = (np.asarray(part)[0] for part in (scan.decays, scan.strengths, scan.keys))
    decays, strengths = (part.reshape(64, -1)[:, 0] for part in (decays, strengths))
    keys = keys.reshape(64, -1, keys.shape[-1])[:, 0]
    outer = keys[:, :, None] * keys[:, None, :]
    steps = decays[:, None, None] * (np.eye(keys.shape[-1]) - strengths[:, None, None] * outer)
    assert np.abs(np.linalg.eigvals(steps).imag).max() == 0
    products = steps[2:] @ steps[1:-1] @ steps[:-2]
    assert (np.abs(np.linalg.eigvals(products).imag) > 1e-4).any()
    assert layer.statement(2, 2).recurrence.commuting is False


def test_all_families_are_named_once_as_real_or_complex():
    assert sorted((*REAL, *COMPLEX, *PRODUCTS_TURN)) == sorted(family.family for family in FAMILIES)


@pytest.mark.parametrize("name", ["mamba", "mamba2", "gla"])
def test_multipliers_of_selective_layers_lie_between_0_and_1(name):
    for seed in range(3):
        found = check_layer(small_layer(family_named(name), np.random.default_rng(seed)), seed=seed)
        assert found.negative_share == 0
        assert 0 < found.modulus[0] <= found.modulus[1] < 1


def test_the_decay_of_s7_can_be_negative():
    s = sp.Symbol("s", real=True)
    decay = 1 - 1 / (s**2 + sp.Rational(1, 2))
    assert decay.subs(s, 0) == -1
    assert sp.limit(decay, s, sp.oo) == 1
    assert sp.diff(decay, s).subs(s, 1) > 0


def test_linear_layers_superpose_and_products_do_not():
    """The recurrence of S5 adds; that of linear attention does not."""
    rng = np.random.default_rng(0)
    for name, adds in (("s5", True), ("lru", True), ("linear-attention", False), ("mamba", False)):
        layer = small_layer(family_named(name), np.random.default_rng(1))
        u, v = rng.standard_normal((2, 1, 8, layer.channels))
        summed = layer.scan(u + v).states()
        parts = layer.scan(u).states() + layer.scan(v).states()
        assert (relative_difference(summed, parts) < 1e-12) is adds, name


def test_h3_is_a_polynomial_of_degree_3():
    layer = small_layer(family_named("h3"), np.random.default_rng(0))
    inputs = np.random.default_rng(1).standard_normal((1, 8, layer.channels))
    assert measured_degree(layer, inputs) == 3
    assert [family_named(name).statement(2, 2).input_degree for name in ("h3", "linear-attention", "retnet")] == [3] * 3


def test_linear_attention_has_both_degrees_in_the_table(page):
    """By the feature map: the layer with the identity has degree 3, with the product map (the default) degree 5."""
    row = next(line for line in page.splitlines() if line.startswith("| linear-attention | ✓"))
    assert "| ✓ 3, 5 |" in row
    rng = np.random.default_rng(1)
    inputs = rng.standard_normal((1, 6, 4))
    for kind, degree in (("identity", 3), ("elementwise_product", 5)):
        layer = family_named("linear-attention").initialise(
            rng, hidden_size=4, feature_map=kind, output_norm="identity"
        )
        assert measured_degree(layer, inputs) == layer.core_degree == degree


def test_linear_attention_never_decays():
    layer = small_layer(family_named("linear-attention"), np.random.default_rng(0))
    values = eigenvalues(layer.scan(np.ones((1, 4, layer.channels))))
    assert (values == 1).all()


def test_the_delta_rule_overwrites_one_key_and_reflects():
    """Strength 1 and a key of length 1: its row is replaced, the orthogonal rows stay; strength 2: eigenvalue -1."""
    rng = np.random.default_rng(0)
    key = np.array([0.6, 0.8])
    across = np.array([-0.8, 0.6])
    old = rng.standard_normal((2, 3))
    drives = np.stack([old, np.outer(key, [1.0, 2.0, 3.0])])[None]
    scan = VaryingRankOneScan(np.ones((1, 2)), np.array([[0.0, 1.0]]), np.stack([key, key])[None], drives)
    after = scan.states()[0, 1]
    np.testing.assert_allclose(key @ after, [1.0, 2.0, 3.0], atol=1e-14)
    np.testing.assert_allclose(across @ after, across @ old, atol=1e-14)
    reflection = VaryingRankOneScan(np.ones((1, 1)), np.full((1, 1), 2.0), key[None, None], drives[:, :1])
    assert np.isclose(eigenvalues(reflection).min(), -1)


def test_two_steps_of_the_delta_rule_commute_only_on_orthogonal_or_parallel_keys():
    a, b, c, d, p, q = sp.symbols("a b c d p q")
    one, other = (sp.eye(2) - s * k * k.T for s, k in ((p, sp.Matrix([a, b])), (q, sp.Matrix([c, d]))))
    commutator = one * other - other * one
    factor = p * q * (a * c + b * d) * (a * d - b * c)
    assert verify(Identity(commutator, sp.Matrix([[0, factor], [-factor, 0]]))).proved


def test_the_sign_of_a_wave_is_that_of_the_order_and_half_of_the_modes_that_are_stored():
    """DSS and the S4 block start from conjugate halves; modes in reverse, or conjugate, move the other way."""
    dss, block = (ring_layer(family_named(name), np.random.default_rng(0)) for name in ("dss", "s4-block"))
    np.testing.assert_allclose(
        dss.eigenvalues, np.conj(block.eigenvalues[0]), rtol=1e-12
    )  # one spectrum, computed twice
    found = family_waves(dss)
    for other in (
        block,
        replace(dss, Lambda_im=-dss.Lambda_im),
        replace(dss, Lambda_re=dss.Lambda_re[::-1], Lambda_im=dss.Lambda_im[::-1], W=dss.W[..., ::-1]),
    ):
        assert np.isclose(family_waves(other).hop, -found.hop, rtol=1e-6)  # a median of a fit
        assert np.isclose(family_waves(other).residual, found.residual, rtol=1e-6)
    assert np.isclose(participation_ratio(np.eye(1, 16))[0], CHECKED["1 if it is all on one node"])
    assert np.isclose(participation_ratio(np.ones((1, 16)))[0], 16)


def test_what_selective_layers_store_leaves_no_other_sign():
    """A is minus an exponential and a decay a sigmoid, whatever numbers are stored."""
    rng = np.random.default_rng(5)
    for name, fields in (
        ("mamba", ("A_log",)),
        ("mamba2", ("A_log",)),
        ("gla", ("gk_proj_1_weight", "gk_proj_1_bias")),
    ):
        layer = small_layer(family_named(name), rng)
        wild = replace(layer, **{field: rng.normal(0, 3, getattr(layer, field).shape) for field in fields})
        found = check_layer(wild)
        assert found.complex_share == found.negative_share == 0
        assert found.modulus[1] <= 1


def test_a_clock_that_stands_still_keeps_the_state_and_a_long_step_empties_it():
    rate, state = -1.0, 3.0
    assert np.exp(rate * 0.0) * state == state
    assert np.exp(rate * 50.0) * state < 1e-20
