r"""The decoder as phases, exactly: every past input of a linear recurrence multiplies a phase (THEORY T13b).

For $\sigma(y) = c + sy + \sum_{n=1}^N a_n\cos(n\omega y) + b_n\sin(n\omega y)$ and $y = \sum_{m} K_m u_m$, with
$E = \prod_m e^{i\omega K_m u_m}$,
$$z = c + s\sum_m K_m u_m + \sum_n \tfrac{a_n}{2}(E^n + E^{-n}) + \tfrac{b_n}{2i}(E^n - E^{-n}).$$
No order of interaction is singled out: all of them are in the product. How close such a σ comes to a given
activation is the matter of `fourier_extension` and its certificates.
"""

from __future__ import annotations

from dataclasses import replace

import sympy as sp

from carleman_ssm.formulas.statements import ClosedForm, Identity, unfold
from carleman_ssm.theory.instances import at_size
from carleman_ssm.theory.polynomials import require_count

REFERENCE = "derivations/13_phase_products"


def phase_product(inputs: int, terms: int) -> ClosedForm:
    r"""The decoded output as a product of phases, one for each of the last inputs.

    Parameters
    ----------
    inputs
        Number of past inputs $u_0, \dots, u_{L-1}$ (lag m = index), at least 1.
    terms
        N ≥ 0, the number of frequencies.

    Returns
    -------
    ClosedForm
        Of ``z``. Certificates: $\sigma(\sum_m K_m u_m)$ in phases of the sum; those as the printed form, one phase
        per input; and σ of the sum as the printed form.

    Raises
    ------
    TypeError, ValueError
        A number is no integer, or too small.

    References
    ----------
    derivations/13_phase_products; THEORY T13b.

    Examples
    --------
    >>> form = phase_product(2, 1)
    >>> form.symbol, list(form.where)
    (z, [E])
    >>> form.where[sp.Symbol("E")]
    exp(I*K_0*omega*u_0)*exp(I*K_1*omega*u_1)
    """
    if require_count(inputs, "the number of past inputs") < 1:
        msg = f"a product needs at least one past input, got {inputs}"
        raise ValueError(msg)
    count = require_count(terms, "the number of frequencies")
    kernel, past = (sp.symbols(f"{name}_0:{inputs}") for name in "Ku")
    cosines, sines = (sp.symbols(f"{name}_1:{count + 1}") for name in "ab")
    offset, slope, omega, phase = sp.symbols("c s omega E")
    parts = [weight * value for weight, value in zip(kernel, past, strict=True)]
    line = offset + slope * sp.Add(*parts)
    form = ClosedForm(
        sp.Symbol("z"),
        _in_phases(line, cosines, sines, phase),
        (*kernel, *past, offset, slope, omega, *cosines, *sines),
        {phase: _product(omega, parts)},
        reference=REFERENCE,
    )
    certificates = _certificates(form, line, omega * sp.Add(*parts), (cosines, sines))
    return replace(form, certificates=at_size(certificates, f"{len(past)} inputs, {len(cosines)} frequencies"))


def _product(omega: sp.Expr, parts: list[sp.Expr]) -> sp.Expr:
    """E, one factor for each input."""
    return sp.Mul(*(sp.exp(sp.I * omega * part, evaluate=False) for part in parts), evaluate=False)


def _in_phases(line: sp.Expr, cosines: tuple[sp.Expr, ...], sines: tuple[sp.Expr, ...], phase: sp.Expr) -> sp.Expr:
    waves = [
        a / 2 * (phase**n + phase**-n) + b / (2 * sp.I) * (phase**n - phase**-n)
        for n, (a, b) in enumerate(zip(cosines, sines, strict=True), start=1)
    ]
    return sp.Add(line, *waves)


def _certificates(
    form: ClosedForm, line: sp.Expr, angle: sp.Expr, amplitudes: tuple[tuple[sp.Expr, ...], tuple[sp.Expr, ...]]
) -> tuple[Identity, ...]:
    """From the cosines to what is printed, by one step and another and at once."""
    waves = [
        a * sp.cos(n * angle) + b * sp.sin(n * angle) for n, (a, b) in enumerate(zip(*amplitudes, strict=True), start=1)
    ]
    decoder, printed = sp.Add(line, *waves), unfold(form).expression
    summed = _in_phases(line, *amplitudes, sp.exp(sp.I * angle))
    return (
        Identity(decoder, summed, name="Euler", because=r"$e^{i\theta} = \cos\theta + i\sin\theta$"),
        Identity(
            summed,
            printed,
            name="phases multiply",
            because=r"$e^{in\omega\sum_m y_m} = \prod_m e^{in\omega y_m}$",
        ),
        Identity(decoder, printed, name="decoded output", because="both steps together"),
    )
