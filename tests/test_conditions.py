"""Conditions of proofs: only those divisors that a statement needs, and no false statement loses its own."""

import pytest
import sympy as sp

from carleman_ssm.formulas.special import phi
from carleman_ssm.formulas.statements import Identity
from carleman_ssm.formulas.verification import verify

pytestmark = pytest.mark.symbolic

r, s, x = sp.symbols("r s x")
i, j, d, q = sp.symbols("i j d q", integer=True)
k, p = sp.symbols("k p", integer=True, nonnegative=True)
N = sp.Symbol("N", integer=True, positive=True)
u = sp.IndexedBase("u")


def turns(whole):
    return sp.exp(2 * sp.pi * sp.I * whole / N)


WITHOUT = {
    "both sides vanish with the divisor": ((turns(d) - 1) * sp.Sum(turns(d * i), (i, 0, N - 1)), sp.S.Zero),
    "a sum term by term": (sp.Sum((-1) ** (j * i) * r**i, (i, 0, k)), sp.Sum(((-1) ** j * r) ** i, (i, 0, k))),
    "an element of a sequence": (sp.Sum(sp.binomial(p, q) * u[j] ** q * s ** (p - q), (q, 0, p)), (u[j] + s) ** p),
    "beside a whole number that is not 0": (r / N * phi(1, r / N), sp.exp(r / N) - 1),
}
WITH = {
    "a quotient of the sum": (sp.Sum(turns(d * i), (i, 0, N - 1)), sp.S.Zero),
    "a factor that vanishes elsewhere": ((turns(q) - 1) * sp.Sum(turns(d * i), (i, 0, N - 1)), sp.S.Zero),
    "a power of the divisor": ((turns(d) - 1) ** k * sp.Sum(turns(d * i), (i, 0, N - 1)), sp.S.Zero),
    "two elements that may be one": (
        sp.Sum((u[i] - u[j] + 1) ** q, (q, 0, k)),
        ((u[i] - u[j] + 1) ** (k + 1) - 1) / (u[i] - u[j]),
    ),
    "a factor that may be 0": (phi(1, j * r) * j, (sp.exp(j * r) - 1) / r),
}


@pytest.mark.parametrize("name", WITHOUT)
def test_what_holds_everywhere_is_proved_without_conditions(name):
    verdict = verify(Identity(*WITHOUT[name]))
    assert (verdict.proved, verdict.nonzero) == (True, ())


@pytest.mark.parametrize("name", WITH)
def test_what_fails_somewhere_or_may_fail_keeps_its_condition(name):
    verdict = verify(Identity(*WITH[name]))
    assert verdict.proved
    assert verdict.nonzero


def test_the_points_that_are_no_longer_excluded_are_true():
    """The other route: the values themselves where the divisor vanishes."""
    left, right = WITHOUT["both sides vanish with the divisor"]
    assert left.subs({d: 3, N: 3}).doit() == right
    left, right = WITHOUT["a sum term by term"]
    assert left.subs({j: 1, r: -1, k: 3}).doit() == right.subs({j: 1, r: -1, k: 3}).doit() == 4
    left, right = WITHOUT["an element of a sequence"]
    assert left.subs({u[j]: -s, p: 3}).doit().expand() == right.subs({u[j]: -s, p: 3})
    left, right = WITH["a power of the divisor"]
    assert left.subs({d: 3, N: 3, k: 0}).doit() == 3 != right
