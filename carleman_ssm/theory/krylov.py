r"""The Krylov frame: in it the last N inputs of any model stand in a shift register.

$V = [\bar b, \Lambda\bar b, …, \Lambda^{N-1}\bar b]$ and $x = Vg$ turn $x_k = \Lambda x_{k-1} + \bar b u_k$ into
$g_k = C g_{k-1} + e_0 u_k$ with the companion matrix C: $g_0$ receives the input, the others shift, and what leaves
the register returns through the coefficients of $\chi(z) = \prod_n (z - \lambda_n)$. For *every* spectrum with
$\det V \ne 0$ the first N steps are an exact shift register; but V is close to unitary only for spectra like roots
of unity.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import sympy as sp

from carleman_ssm.formulas.statements import ClosedForm, Identity
from carleman_ssm.formulas.verification import verify
from carleman_ssm.theory.instances import at_size, node_count
from carleman_ssm.theory.ssm import DiscreteSSM
from carleman_ssm.theory.wave_profile import (
    MODE,
    NODES,
    checked_nodes,
    letters,
    lin_eigenvalue,
    mode_frequency,
    whole_start,
    written_nodes,
)

_INPUT = sp.Symbol("u")


@dataclass(frozen=True)
class KrylovFrame:
    r"""A discrete model in the frame of its last inputs; see `krylov_frame`.

    Parameters
    ----------
    frame
        V, shape (N, N): column m is $\Lambda^m \bar b$.
    companion
        C, shape (N, N): ones below the diagonal, the last column $-\chi_0 \dots -\chi_{N-1}$.
    output_row
        $c^\top V = (K_0 \dots K_{N-1})$ without the feedthrough: the readout of the register is the kernel.
    determinant
        $\det V = \prod_n \bar b_n \prod_{l<n}(\lambda_n - \lambda_l)$; the frame is one where it does not vanish.
    certificates
        $\Lambda V = VC$; $V e_0 = \bar b$; one step of a register that is not yet full is a shift; the determinant.

    References
    ----------
    derivations/06_dispersion_and_rigidity; THEORY T6 (iv).
    """

    frame: sp.ImmutableMatrix
    companion: sp.ImmutableMatrix
    output_row: sp.ImmutableMatrix
    determinant: sp.Expr
    certificates: tuple[Identity, ...]


def krylov_frame(model: DiscreteSSM) -> KrylovFrame:
    r"""The shift register of a model: $x = Vg$, $g_k = C g_{k-1} + e_0 u_k$.

    Parameters
    ----------
    model
        A discrete model with N modes written out, symbolic or exact.

    Raises
    ------
    TypeError
        Not a `DiscreteSSM`.
    ValueError
        Conjugate pairs are stored, or $\det V = 0$: multipliers that are proved to be equal, or an input entry 0.

    References
    ----------
    THEORY T6.

    Examples
    --------
    >>> krylov_frame(DiscreteSSM((1, -1), (1, 1), (1, 1))).companion  # z**2 - 1
    Matrix([
    [0, 1],
    [1, 0]])
    """
    _check(model)
    values, gains, size = model.multipliers, model.input_vector, model.states
    frame = sp.ImmutableMatrix(size, size, lambda n, m: gains[n] * values[n] ** m)
    ends = [-coefficient for coefficient in characteristic_coefficients(values)[:-1]]
    companion = sp.ImmutableMatrix(size, size, lambda j, l: ends[j] if l == size - 1 else int(j == l + 1))
    differences = [values[n] - values[l] for n in range(size) for l in range(n)]
    determinant = sp.Mul(*gains) * prod(differences, start=sp.S.One)
    if any(map(_vanishes, (*gains, *differences))):
        msg = "the Krylov frame is singular: the multipliers must differ and no input entry may be 0"
        raise ValueError(msg)
    row = sp.ImmutableMatrix([model.output_vector]) * frame
    return KrylovFrame(frame, companion, row, determinant, _certificates(model, frame, companion, determinant))


def _vanishes(factor: sp.Expr) -> bool:
    r"""0 by itself or by proof, as $\cos^2 x + \sin^2 x - 1$; what is 0 for some values of its symbols is not."""
    if factor.is_zero is not None:
        return bool(factor.is_zero)
    return verify(Identity(factor, sp.S.Zero)).proved


def _check(model: DiscreteSSM) -> None:
    given: object = model
    if not isinstance(given, DiscreteSSM):
        msg = f"the Krylov frame is that of a DiscreteSSM, got {type(given).__name__}: discretise first"
        raise TypeError(msg)
    if model.conjugate_pairs:
        msg = "write the conjugate modes out first: model.with_conjugates()"
        raise ValueError(msg)


def characteristic_coefficients(multipliers: tuple[sp.Expr, ...]) -> tuple[sp.Expr, ...]:
    r"""$\chi_0 \dots \chi_N$ with $\prod_n (z - \lambda_n) = \sum_p \chi_p z^p$, expanded; $\chi_N = 1$.

    Examples
    --------
    >>> characteristic_coefficients(sp.symbols("x y"))
    (x*y, -x - y, 1)
    """
    coefficients: list[sp.Expr] = [sp.S.One]
    for value in multipliers:
        shifted, scaled = [sp.S.Zero, *coefficients], [*coefficients, sp.S.Zero]
        coefficients = [sp.expand(up - value * down) for up, down in zip(shifted, scaled, strict=True)]
    return tuple(coefficients)


def _certificates(
    model: DiscreteSSM, frame: sp.ImmutableMatrix, companion: sp.ImmutableMatrix, determinant: sp.Expr
) -> tuple[Identity, ...]:
    size = model.states
    register = sp.symbols(f"g_0:{size}")
    filling = sp.ImmutableMatrix([*register[:-1], 0])
    entering = sp.ImmutableMatrix([_INPUT, *[0] * (size - 1)])
    statements = (
        Identity(
            sp.MatMul(sp.ImmutableMatrix(sp.diag(*model.multipliers)), frame, evaluate=False),
            sp.MatMul(frame, companion, evaluate=False),
            name="companion form",
            because=r"$\chi(\lambda_n) = 0$ (Cayley and Hamilton)",
        ),
        Identity(
            sp.MatMul(frame, sp.ImmutableMatrix([1, *[0] * (size - 1)]), evaluate=False),
            sp.ImmutableMatrix(model.input_vector),
            name="the input enters at the front",
            because=r"$V e_0 = \bar b$",
        ),
        Identity(
            sp.MatAdd(sp.MatMul(companion, filling, evaluate=False), entering, evaluate=False),
            sp.ImmutableMatrix([_INPUT, *register[:-1]]),
            name="a shift until the register is full",
            because="the last column meets a zero",
        ),
        Identity(frame.det(method="berkowitz"), determinant, name="determinant", because="Vandermonde"),
    )
    return at_size(statements, node_count(size))


def unit_hop_characteristic(nodes: sp.Expr | int = NODES, *, first: sp.Expr | int | None = None) -> ClosedForm:
    r"""S4D-Lin at one node per step ($\Delta = 2/N$): $\chi(z) = z^N - e^{-1}$, one wire from the end to the front.

    The N multipliers $e^{2a_n/N}$ are different roots of this polynomial, hence all of them.

    Parameters
    ----------
    nodes
        N; with a number (at most `MAX_WRITTEN`) the product of linear factors is written out as well.
    first
        $f_0$, a whole number; None for the symbol ``f_0``.

    Returns
    -------
    ClosedForm
        Of ``chi`` in z. Certificates: $\lambda_n^N = e^{-1}$ for every n; and, for a given N,
        $\prod_n (z - \lambda_n) = z^N - e^{-1}$.

    Raises
    ------
    TypeError, ValueError
        N is no positive integer or too large, or $f_0$ no whole number.

    References
    ----------
    derivations/06_dispersion_and_rigidity; THEORY T6.
    """
    size, start, z = checked_nodes(nodes), whole_start(first), sp.Symbol("z")
    multiplier = sp.exp(sp.expand(2 * lin_eigenvalue(mode_frequency(start, size)) / size))
    root = Identity(
        sp.Pow(multiplier, size, evaluate=False),
        sp.exp(-1),
        name="a root",
        because=r"$e^{2a_n} = e^{-1}e^{2\pi i f_n}$",
    )
    certificates = [root]
    if size.is_Integer:
        modes = range(written_nodes(nodes, "give the symbol N"))
        factors = [z - multiplier.subs(MODE, n) for n in modes]
        product = sp.Mul(*factors)
        certificates.append(Identity(product, z**size - sp.exp(-1), name="all roots", because="N different roots"))
    reference = "derivations/06_dispersion_and_rigidity"
    symbols, stated = (*letters(size, start), z), at_size(certificates, node_count(size))
    return ClosedForm(sp.Symbol("chi"), z**size - sp.exp(-1), symbols, {}, stated, reference)
