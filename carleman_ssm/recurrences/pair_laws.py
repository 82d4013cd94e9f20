r"""Laws and false twins of the time-invariant diagonal families, each an `Identity` on its own.

Stored pairs are read as $2\,\mathrm{Re}$, written with conjugates; $\Delta$ and the feedthrough D are letters.
"""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from carleman_ssm.formulas.statements import ClosedForm, Identity
from carleman_ssm.recurrences.affine import InvariantDiagonal
from carleman_ssm.recurrences.clock_drives import equation_of_motion, euler_gain, held_gain
from carleman_ssm.theory.ssm import DiscreteSSM

STEP, FEEDTHROUGH = sp.Symbol("Delta", positive=True), sp.Symbol("D", real=True)


def diagonal_recurrence(model: DiscreteSSM, inputs: Sequence[sp.Expr]) -> InvariantDiagonal:
    r"""$x_k = \mathrm{diag}(\lambda) x_{k-1} + \bar b u_k$ of a sampled model."""
    drives = tuple(tuple(b * u for b in model.input_vector) for u in inputs)
    return InvariantDiagonal(model.multipliers, drives)


def _kernel(model: DiscreteSSM, lag: int) -> sp.Expr:
    r"""$2\,\mathrm{Re} \sum_n c_n \bar b_n \lambda_n^\ell + D\,\delta_{\ell 0}$ of stored pairs, with conjugates."""
    rows = zip(model.output_vector, model.input_vector, model.multipliers, strict=True)
    terms = [c * b * multiplier**lag for c, b, multiplier in rows]
    return sp.Add(*terms, *map(sp.conjugate, terms), model.feedthrough if lag == 0 else sp.S.Zero)


def _convolution(kernel: Sequence[sp.Expr], inputs: Sequence[sp.Expr]) -> sp.Expr:
    r"""$\sum_\ell K_\ell u_{L-\ell}$."""
    return sp.Add(*(value * u for value, u in zip(kernel, reversed(inputs), strict=True)))


def doubled_law(model: DiscreteSSM, inputs: Sequence[sp.Expr], output: ClosedForm) -> Identity:
    """The output of stored pairs is linear in the state of the doubled system."""
    doubled = model.with_conjugates()
    state = diagonal_recurrence(doubled, inputs).state(len(inputs))
    return Identity(
        output.expression,
        doubled.readout(tuple(state), inputs[-1]),
        name="twice the real part is a doubled system",
        because="for real inputs the conjugate modes carry the conjugate state",
    )


def convolution_law(model: DiscreteSSM, inputs: Sequence[sp.Expr], output: ClosedForm) -> Identity:
    """The output is the convolution of the inputs with the kernel of the model."""
    return Identity(
        output.expression,
        _convolution([_kernel(model, lag) for lag in range(len(inputs))], inputs),
        name="the output is a convolution",
        because=r"$\Phi(k, j) = \bar A^{k-j}$ depends on the lag only",
    )


def dropped_conjugate(model: DiscreteSSM, inputs: Sequence[sp.Expr], output: ClosedForm) -> Identity:
    """False: the output without the conjugate modes."""
    state = diagonal_recurrence(model, inputs).state(len(inputs))
    read = [c * x for c, x in zip(model.output_vector, state, strict=True)]
    return Identity(
        output.expression, sp.Add(*read, model.feedthrough * inputs[-1]), name="twin: the conjugate modes are dropped"
    )


def other_sign(model: DiscreteSSM, inputs: Sequence[sp.Expr], output: ClosedForm) -> Identity:
    """False: the kernel with conjugate multipliers and inputs, and the readout as it is."""
    mirrored = DiscreteSSM(
        tuple(map(sp.conjugate, model.multipliers)),
        tuple(map(sp.conjugate, model.input_vector)),
        model.output_vector,
        model.feedthrough,
        model.conjugate_pairs,
    )
    kernel = [_kernel(mirrored, lag) for lag in range(len(inputs))]
    return Identity(
        output.expression, _convolution(kernel, inputs), name="twin: +i for -i, with the readout as it is stored"
    )


def hold_law(rate: sp.Expr) -> Identity:
    r"""$d\bar b / d\Delta = a \bar b + 1$ of $\bar b = \Delta \varphi_1(a\Delta)$, which vanishes at $\Delta = 0$."""
    return equation_of_motion(held_gain, rate, STEP)


def euler_twin(rate: sp.Expr) -> Identity:
    r"""False: $\bar b = \Delta$ for the hold."""
    return Identity(held_gain(rate, STEP), euler_gain(rate, STEP), name="twin: Euler's rule for the zero-order hold")


def gauge_law(
    multipliers: Sequence[sp.Expr],
    gains: Sequence[sp.Expr],
    drive: Sequence[sp.Expr],
    readout: Sequence[sp.Expr],
    inputs: Sequence[sp.Expr],
) -> Identity:
    """Stored with -i and B, or with +i, B = 1 and the conjugate product as readout: the same kernel."""
    stored = DiscreteSSM(
        tuple(multipliers),
        tuple(b * g for b, g in zip(drive, gains, strict=True)),
        tuple(readout),
        FEEDTHROUGH,
        conjugate_pairs=True,
    )
    folded = DiscreteSSM(
        tuple(map(sp.conjugate, multipliers)),
        tuple(map(sp.conjugate, gains)),
        tuple(sp.conjugate(c * b) for c, b in zip(readout, drive, strict=True)),
        FEEDTHROUGH,
        conjugate_pairs=True,
    )
    left, right = (
        _convolution([_kernel(model, lag) for lag in range(len(inputs))], inputs) for model in (stored, folded)
    )
    return Identity(
        left,
        right,
        name="B and the sign of i fold into the readout",
        because="a number and its conjugate have the same real part",
    )


def _bilinear(rate: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    half = rate * STEP / 2
    return (1 + half) / (1 - half), STEP / (1 - half)


def bilinear_law() -> tuple[Identity, ...]:
    r"""The rule is the trapezoid: $(x_k - x_{k-1})/\Delta = a (x_k + x_{k-1})/2 + u_k$."""
    rate, state, u = sp.symbols("a x u")
    multiplier, gain = _bilinear(rate)
    after = multiplier * state + gain * u
    return (
        Identity(
            (after - state) / STEP,
            rate * (after + state) / 2 + u,
            name="bilinear rule",
            because="the mean of the slopes at both ends of the step",
        ),
    )


def flipped_bilinear() -> Identity:
    r"""False: $\lambda = (1 - z/2)/(1 + z/2)$."""
    rate = sp.Symbol("a")
    half = rate * STEP / 2
    return Identity(_bilinear(rate)[0], (1 - half) / (1 + half), name="twin: the bilinear rule with the sign flipped")


def two_sided_law(inputs: Sequence[sp.Expr], shift: int) -> Identity:
    r"""Forward state at step k and backward state at step k + 1, against the two-sided convolution, for every k.

    With ``shift=0`` the backward state is read at step k: the present input counts twice, which is false.
    """
    multiplier, gain, past, future = sp.symbols("lambda_0 bbar_0 c_0 cprime_0")
    steps = len(inputs)
    forward = InvariantDiagonal((multiplier,), tuple((gain * u,) for u in inputs))
    backward = InvariantDiagonal((multiplier,), tuple((gain * u,) for u in reversed(inputs)))
    read, convolved = [], []
    for k in range(1, steps + 1):
        read.append(
            past * forward.recurred_state(k)[0] + future * backward.recurred_state(max(steps - k + 1 - shift, 0))[0]
        )
        before = [past * gain * multiplier ** (k - j) * inputs[j - 1] for j in range(1, k + 1)]
        after = [future * gain * multiplier ** (j - k - 1) * inputs[j - 1] for j in range(k + 1, steps + 1)]
        convolved.append(sp.Add(*before, *after))
    return Identity(
        sp.Matrix(read),
        sp.Matrix(convolved),
        name="two directions" if shift else "twin: the backward state already holds the present input",
        because=r"$y_k = \sum_{\ell \ge 0} K_\ell u_{k-\ell} + \sum_{\ell \ge 0} K'_\ell u_{k+1+\ell}$",
    )
