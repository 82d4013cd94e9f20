"""True identities, and false ones that look like them."""

import sympy as sp

from carleman_ssm.formulas.special import phi
from tests.strategies_formulas import a, b, j, k, lam, mu, u

m, n = sp.symbols("m n", integer=True)
k0 = sp.Symbol("k0", integer=True, nonnegative=True)
any_k = sp.Symbol("any_k", integer=True)
c, x, y, step = sp.symbols("c x y Delta")

TRUE = {
    "binomial": ((a + b) ** 3, a**3 + 3 * a**2 * b + 3 * a * b**2 + b**3),
    "common denominator": (1 / (1 - a) + 1 / (1 + a), 2 / (1 - a**2)),
    "addition theorem of exp": (sp.exp(a + 2 * b), sp.exp(a) * sp.exp(b) ** 2),
    "half exponents": (sp.exp(a / 2) * sp.exp(a / 3), sp.exp(5 * a / 6)),
    "pythagoras": (sp.sin(a) ** 2 + sp.cos(a) ** 2, sp.S.One),
    "phi_1": (phi(1, a * step) * a * step, sp.exp(a * step) - 1),
    "phi recurrence": (a * phi(3, a), phi(2, a) - sp.Rational(1, 2)),
    "phi derivative": (sp.Derivative(step * phi(1, a * step), step), sp.exp(a * step)),
    "phi of a sum": (phi(1, a + b) * (a + b) + 1, sp.exp(a) * sp.exp(b)),
    "numbers and roots": ((sp.sqrt(2) + sp.I) * (sp.sqrt(2) - sp.I), sp.Integer(3)),
    "root of an expression": (sp.sqrt(1 + a) ** 3 * sp.sqrt(1 + a), 1 + 2 * a + a**2),
    "modulus": (sp.Abs(a * b) ** 2, a * b * sp.conjugate(a) * sp.conjugate(b)),
    "real part of a product": (sp.re(a * b), sp.re(a) * sp.re(b) - sp.im(a) * sp.im(b)),
    "twice a real part": (2 * sp.re(c * lam**k), c * lam**k + sp.conjugate(c) * sp.conjugate(lam) ** k),
    "power of a product": ((lam * mu) ** k, lam**k * mu**k),
    "shifted power": (lam ** (k - 1) * lam, lam**k),
    "power of a sum": ((1 + lam) ** (k + 1), (1 + lam) ** k * (1 + lam)),
    "sign": (sp.S.NegativeOne ** (2 * k + 1) * (-1) ** k, -((-1) ** k)),
    "opaque arguments": (sp.erf(a * (b + c)), sp.erf(a * b + a * c)),
    "state recurrence": (
        lam * sp.Sum(lam ** (k - 1 - j) * b * u[j], (j, 1, k - 1)) + b * u[k],
        sp.Sum(lam ** (k - j) * b * u[j], (j, 1, k)),
    ),
    "lags or times": (sp.Sum(lam**m * u[k - m], (m, 0, k - 1)), sp.Sum(lam ** (k - j) * u[j], (j, 1, k))),
    "square of a sum": (
        sp.Sum(lam**m * u[k - m], (m, 0, k - 1)) ** 2,
        sp.Sum(lam ** (m + n) * u[k - m] * u[k - n], (m, 0, k - 1), (n, 0, k - 1)),
    ),
    "sum over a triangle": (
        sp.Sum(sp.Sum(u[n], (n, 1, j)) * lam ** (k + 1 - j), (j, 1, k + 1)),
        lam * sp.Sum(sp.Sum(u[n], (n, 1, j)) * lam ** (k - j), (j, 1, k)) + sp.Sum(u[n], (n, 1, k + 1)),
    ),
    "split range": (
        sp.Sum(u[j] ** 2, (j, -2, k)) - sp.Sum(u[j] ** 2, (j, 1, k)),
        u[0] ** 2 + u[-1] ** 2 + u[-2] ** 2,
    ),
    "geometric": (sp.Sum(lam**m, (m, 0, k - 1)) * (lam - 1), lam**k - 1),
    "geometric, two bases": (sp.Sum((lam * mu) ** m, (m, 0, k - 1)) * (lam * mu - 1), lam**k * mu**k - 1),
    "arithmetic-geometric": (
        sp.Sum(m * lam**m, (m, 0, k)) * (lam - 1) ** 2,
        k * lam ** (k + 2) - (k + 1) * lam ** (k + 1) + lam,
    ),
    "geometric, exponential": (
        sp.Sum(sp.exp(a * step * m), (m, 0, k - 1)) * (sp.exp(a * step) - 1),
        sp.exp(a * step * k) - 1,
    ),
    "alternating": (sp.Sum((-1) ** m, (m, 0, any_k)), ((-1) ** any_k + 1) / 2),
    "cubes": (sp.Sum(m**3, (m, 1, any_k)), (any_k * (any_k + 1) / 2) ** 2),
    "written out": (sp.Sum(lam**m * m, (m, -1, 2)), -1 / lam + lam + 2 * lam**2),
    "conjugate of a sum": (
        sp.conjugate(sp.Sum(lam**m * u[m], (m, 0, k))),
        sp.Sum(sp.conjugate(lam) ** m * sp.conjugate(u[m]), (m, 0, k)),
    ),
    "peeled opaque summand": (
        sp.Sum(1 / (m + x), (m, 0, k)),
        1 / (k + x) + sp.Sum(1 / (m + x), (m, 0, k - 1)),
    ),
    "product rule": (sp.Derivative(a * sp.exp(a * b), a), (1 + a * b) * sp.exp(a * b)),
}

FALSE = {
    "swapped sign": ((a - b) ** 2, a**2 + 2 * a * b + b**2),
    "dropped binomial": ((a + b) ** 3, a**3 + a**2 * b + a * b**2 + b**3),
    "conjugate forgotten": (sp.Abs(lam) ** 2, lam**2),
    "real part forgotten": (2 * sp.re(c * lam**k), 2 * c * lam**k),
    "conjugate of a sum forgotten": (
        sp.conjugate(sp.Sum(lam**m * u[m], (m, 0, k))),
        sp.Sum(lam**m * u[m], (m, 0, k)),
    ),
    "off by one in k": (sp.Sum(lam**m, (m, 0, k)) * (lam - 1), lam**k - 1),
    "off by one in a lag": (
        sp.Sum(lam**m * u[k - m], (m, 0, k - 1)),
        sp.Sum(lam ** (k - 1 - j) * u[j], (j, 1, k)),
    ),
    "lost first term": (
        lam * sp.Sum(lam ** (k - 1 - j) * u[j], (j, 1, k - 1)),
        sp.Sum(lam ** (k - j) * u[j], (j, 1, k)),
    ),
    "other sequence": (sp.Sum(u[j], (j, 1, k)), sp.Sum(sp.IndexedBase("v")[j], (j, 1, k))),
    "triangle for square": (sp.Sum(sp.Sum(u[m] * u[n], (n, 0, m)), (m, 0, k)), sp.Sum(u[m], (m, 0, k)) ** 2),
    "phi of the wrong order": (phi(1, a), phi(2, a)),
    "wrong half": (phi(2, a) * a**2, sp.exp(a) - 1 - a / 2),
    "exponent too large": (sp.exp(a + b), sp.exp(a) * sp.exp(2 * b)),
    "sign lost": ((-1) ** (k + 1), (-1) ** k),
    "root of a square": (sp.sqrt(a**2), a),
    "roots of a product": (sp.sqrt(a) * sp.sqrt(b), sp.sqrt(a * b)),
    "power of a power": (sp.exp(a) ** b, sp.exp(a * b)),
    "power of a complex product": ((a * b) ** c, a**c * b**c),
    "logarithm of a product": (sp.log(a * b), sp.log(a) + sp.log(b)),
    "derivative without product rule": (sp.Derivative(a * sp.exp(a * b), a), a * b * sp.exp(a * b)),
    "squares for cubes": (sp.Sum(m**2, (m, 1, k)), (k * (k + 1) / 2) ** 2),
    "faint": (a * (1 + sp.Rational(1, 10**12)), a),
    "at one point only": (a * b, a * b + (k - 1) * (k - 2) * (k - 3) * (k - 4) * (k - 5) * a),
}
