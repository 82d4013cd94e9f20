"""Hypothesis profiles, and the ambient state that no test may leave changed."""

import os
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy: workers share the cores

import flint
import mpmath
import numpy as np
import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("dev", max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile(
    "ci", max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))

ROOMS = (Path(__file__).parent.parent / "carleman_ssm" / room for room in ("formulas", "theory"))
SYMBOLIC = {"test_derivations", *(f"test_{path.stem}" for room in ROOMS for path in room.glob("*.py"))}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of the symbolic rooms: these run with both ground types of SymPy."""
    for item in items:
        if item.path.stem in SYMBOLIC:
            item.add_marker(pytest.mark.symbolic)


@pytest.fixture(autouse=True)
def _no_ambient_precision_is_left_changed() -> Iterator[None]:
    before = (mpmath.mp.dps, flint.ctx.prec, np.geterr())
    yield
    after = (mpmath.mp.dps, flint.ctx.prec, np.geterr())
    mpmath.mp.dps, flint.ctx.prec = before[0], before[1]
    assert after == before, "a test left precision or error state of a library changed"
