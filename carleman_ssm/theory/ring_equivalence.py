r"""The ring and its modes have one output: the closed form of the ring's answer, with what characterises it.

With $x = \sqrt N F h$ and a unitary $F$ the couplings $W = F^H \Lambda F$ are circulant, the kick is $F^H b/\sqrt N$
and $\sum_j C_j h_j = \sum_n c_n x_n$: all identities between finite sums of roots of unity (T1).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import cast

import sympy as sp

from carleman_ssm.formulas.statements import ClosedForm, Identity
from carleman_ssm.theory.collapse import EARLIER, before_the_first_input, collapsed_state
from carleman_ssm.theory.instances import at_size, node_count
from carleman_ssm.theory.polynomials import exact_without
from carleman_ssm.theory.ring import RingEmbedding
from carleman_ssm.theory.ring_modes import COMPLEX, Model, regauged, spectrum_of
from carleman_ssm.theory.ssm import DiscreteSSM

REFERENCE = "derivations/01_ring_equivalence"
REAL_REFERENCE = "derivations/05_real_rings"

_TIME = sp.Symbol("t", real=True)
_STEPS = sp.Symbol("k", integer=True, positive=True)
_ENTRY = sp.Symbol("tau", integer=True, positive=True)
"""The step of an input; j is a node here."""
_LETTERS = (_TIME, _STEPS, *sp.symbols("tau u y K"))


def ring_equivalence(ring: RingEmbedding) -> ClosedForm:
    r"""The output of the ring, written with its nodes, and the proof that it is the output of the model.

    Parameters
    ----------
    ring
        Any embedding; the certificates have $N^2$ entries of $N$ terms each.

    Returns
    -------
    ClosedForm
        In discrete time of ``y[k]`` in the inputs ``u[1] … u[k]``, in continuous time of the kernel ``K`` at the
        time ``t`` after an impulse (beside D at $t = 0$), with the node contents ``h_j`` defined in ``where``.
        Certificates: $F$ is unitary, $W = F^H \Lambda F$ is circulant, the kick, $C h = c^\top x$; the contents
        begin as stated and move as the ring does; the output is that of the model, in this gauge and in every other
        one, $g_n \ne 0$ (T1′). For stored conjugate pairs the input is real.

    Raises
    ------
    TypeError
        Not a `RingEmbedding`.
    ValueError
        The model uses a letter of this statement with another meaning: that of a node content, of the time, of the
        number of steps or of the summation index.

    References
    ----------
    derivations/01_ring_equivalence, and derivations/05_real_rings for real closures; THEORY T1, T1′, T5.

    Examples
    --------
    >>> from carleman_ssm.theory.ring import ring_embedding
    >>> form = ring_equivalence(ring_embedding(DiscreteSSM.symbolic(2)))
    >>> form.expression
    h_0*(bbar_0*c_0 + bbar_1*c_1) + h_1*(bbar_0*c_0 - bbar_1*c_1)
    >>> form.where[sp.Symbol("h_1")]
    Sum(lambda_0**(k - tau)*u[tau], (tau, 1, k))/2 - Sum(lambda_1**(k - tau)*u[tau], (tau, 1, k))/2
    """
    given: object = ring
    if not isinstance(given, RingEmbedding):
        msg = f"ring_equivalence takes a RingEmbedding, got {type(given).__name__}: use ring_embedding(model)"
        raise TypeError(msg)
    letters = sp.symbols(f"h_:{ring.nodes}")
    for parameter in ring.model.parameters:
        exact_without(parameter, "a parameter of the model", *_LETTERS, *letters, *_factors(ring.model))
    symbol, arguments, contents, u, law = _driven(ring) if ring.discrete else _impulse(ring)
    return ClosedForm(
        symbol,
        ring.readout(letters, u),
        (*ring.model.parameters, *arguments),
        dict(zip(letters, contents, strict=True)),
        at_size((*_transform_certificates(ring, letters), *law), node_count(ring.nodes)),
        REFERENCE if ring.closure == COMPLEX else REAL_REFERENCE,
    )


_Motion = tuple[sp.Basic, tuple[sp.Basic, ...], tuple[sp.Expr, ...], sp.Expr, tuple[Identity, ...]]


def _driven(ring: RingEmbedding) -> _Motion:
    """The contents after k steps from rest: at rest, one step of the ring, the output of the model."""
    k, sequence = _STEPS, sp.IndexedBase("u", real=True) if ring.model.conjugate_pairs else sp.IndexedBase("u")
    now, before = (ring.node_contents(_states(ring.modes, sequence, steps)) for steps in (k, k - 1))
    law = (
        Identity(
            _column(before_the_first_input(h, k) for h in now),
            sp.zeros(ring.nodes, 1),
            name="at rest before the first input",
            because="empty sums",
        ),
        Identity(
            _column(now),
            _column(_moved(ring, before, sequence[k])),
            name="one step of the ring",
            because=r"$h_k = W h_{k-1} + \beta u_k$",
        ),
        Identity(
            ring.readout(now, sequence[k]),
            ring.model.readout(_states(ring.model, sequence, k), sequence[k]),
            name="output of the model",
            because="one output at every step, for every input",
        ),
        _any_gauge(ring.model, lambda model: model.readout(_states(model, sequence, k), sequence[k])),
    )
    return sp.IndexedBase("y")[k], (sequence, k), now, sequence[k], law


def _impulse(ring: RingEmbedding) -> _Motion:
    """The contents after an impulse: they begin as the kick, move by W, and read out as the kernel."""
    now = ring.node_contents(_decays(ring.modes))
    law = (
        Identity(
            _entering(ring),
            _column([h.subs(_TIME, 0) for h in now]),
            name="kick",
            because=r"an impulse at $t = 0$ leaves $F^H b/\sqrt N$ on the nodes",
        ),
        Identity(
            _column([sp.diff(h, _TIME) for h in now]),
            _column(_moved(ring, now, sp.S.Zero)),
            name="motion of the ring",
            because="$h' = W h$",
        ),
        Identity(
            ring.readout(now, sp.S.Zero),
            ring.model.readout(_decays(ring.model), sp.S.Zero),
            name="kernel of the model",
            because="one kernel, so one output for every input",
        ),
        _any_gauge(ring.model, _kernel),
    )
    return sp.Symbol("K"), (_TIME,), now, sp.S.Zero, law


def _kernel(model: Model) -> sp.Expr:
    r"""$\sum_n c_n (b_n e^{a_n t})$; SymPy would cancel the factors of a gauge before anybody could state so."""
    terms = [sp.Mul(c, x, evaluate=False) for c, x in zip(model.output_vector, _decays(model), strict=True)]
    pairs = [sp.conjugate(term) for term in terms] if model.conjugate_pairs else []
    return sp.Add(*terms, *pairs)


def _any_gauge(model: Model, output: Callable[[Model], sp.Expr]) -> Identity:
    r"""$x_n \to g_n x_n$ for any factors but 0: the unit gauge is $g_n = 1/b_n$ (T1′)."""
    factors = _factors(model)
    return Identity(
        output(regauged(model, factors)),
        output(model),
        name="every gauge",
        because=r"$c_n/g_n$ reads what $g_n b_n$ drives",
        nonzero=factors,
    )


def _factors(model: Model) -> tuple[sp.Symbol, ...]:
    """The letters of a gauge."""
    return tuple(sp.symbols(f"g_:{model.states}"))


def _transform_certificates(ring: RingEmbedding, letters: tuple[sp.Symbol, ...]) -> tuple[Identity, ...]:
    """What the transform does to the spectrum, the input and the output."""
    fourier, size = ring.fourier_matrix, ring.nodes
    adjoint = fourier.H
    diagonal = sp.diag(*ring.spectrum)
    return (
        Identity(_product(adjoint, fourier), sp.eye(size), name="unitary", because="sums of roots of unity"),
        Identity(
            _product(adjoint, diagonal, fourier),
            ring.coupling_matrix,
            name="circulant couplings",
            because=r"the entry depends on $j - l$ alone",
        ),
        Identity(
            _entering(ring),
            _column(ring.kick),
            name="where the input enters",
            because="the transform of the input vector",
        ),
        Identity(
            sp.Add(*(C * h for C, h in zip(ring.readout_weights, letters, strict=True))),
            sp.Add(*(c * x for c, x in zip(ring.output_vector, ring.mode_amplitudes(letters), strict=True))),
            name="readout of the nodes",
            because="sums over modes and over nodes exchange",
        ),
    )


def _entering(ring: RingEmbedding) -> sp.Expr:
    r"""$F^H b/\sqrt N$ as a product."""
    return _product(ring.fourier_matrix.H, _column(ring.input_vector)) / sp.sqrt(ring.nodes)


def _states(model: Model, sequence: sp.IndexedBase, steps: sp.Expr) -> tuple[sp.Expr, ...]:
    """The modes after k steps from rest, driven by this sequence."""
    letters = {sp.IndexedBase("u"): sequence, EARLIER: _ENTRY}
    return tuple(x.xreplace(letters) for x in collapsed_state(cast("DiscreteSSM", model), steps))


def _decays(model: Model) -> tuple[sp.Expr, ...]:
    """$b_n e^{a_n t}$."""
    return tuple(b * sp.exp(a * _TIME) for a, b in zip(spectrum_of(model), model.input_vector, strict=True))


def _moved(ring: RingEmbedding, contents: tuple[sp.Expr, ...], u: sp.Expr) -> list[sp.Expr]:
    moved = ring.coupling_matrix * _column(contents)
    return [h + kick * u for h, kick in zip(moved, ring.kick, strict=True)]


def _column(entries: Iterable[sp.Expr]) -> sp.ImmutableMatrix:
    return sp.ImmutableMatrix(list(entries))


def _product(*matrices: sp.ImmutableMatrix) -> sp.MatMul:
    """Printed as a product, multiplied out only by the check."""
    return sp.MatMul(*matrices, evaluate=False)
