"""Polynomial maps between vectors: the layers of a network as functions of a whole input sequence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sympy as sp

from carleman_ssm.formulas.statements import check_names
from carleman_ssm.theory.affine_maps import ExactAffineMap
from carleman_ssm.theory.polynomials import PolynomialDecoder, exact_entries, require_integer, require_kind
from carleman_ssm.theory.stacks import PolynomialStack, Vector

OFFSET = "delta"
"""Stem of the variables of a recentred map."""


@dataclass(frozen=True)
class PolynomialMap:
    r"""$x \mapsto f(x)$, every component a polynomial in the variables; other symbols are parameters.

    Parameters
    ----------
    variables
        n different symbols.
    components
        m expressions.

    Raises
    ------
    ValueError, TypeError
        There is no variable or component, a variable is no symbol or named twice, a component is no polynomial.

    References
    ----------
    THEORY T17.

    Examples
    --------
    >>> x = sp.Symbol("x")
    >>> f = PolynomialMap((x,), (1 + x**2,))
    >>> f.degree, f.constant, f.recentred((3,)).components
    (2, (1,), ((delta_0 + 3)**2 - 9,))
    """

    variables: tuple[sp.Symbol, ...]
    components: Vector

    def __post_init__(self) -> None:
        object.__setattr__(self, "variables", tuple(self.variables))
        object.__setattr__(self, "components", exact_entries(self.components, "the components"))
        for variable in self.variables:
            require_kind(variable, sp.Symbol, "a variable")
        if not self.variables or not self.components or len({*self.variables}) < len(self.variables):
            msg = f"a map needs components, and different variables, got {self.variables}"
            raise ValueError(msg)
        check_names((*self.variables, *self.parameters))
        for component in self.components:
            if not component.is_polynomial(*self.variables):
                msg = f"{component} is no polynomial in {', '.join(map(str, self.variables))}"
                raise ValueError(msg)

    @classmethod
    def of_decoder(cls, decoder: PolynomialDecoder, variable: sp.Symbol) -> PolynomialMap:
        """The decoder as a map of one variable."""
        return cls((variable,), (decoder(variable),))

    @property
    def degree(self) -> int:
        """The largest total degree of a component; 0 for constants."""
        degrees = [sp.Poly(component, *self.variables).total_degree() for component in self.components]
        return max(0, *(int(degree) for degree in degrees if degree >= 0), 0)

    @property
    def constant(self) -> Vector:
        r"""$f(0)$, expanded."""
        return tuple(value.expand() for value in self((sp.S.Zero,) * len(self.variables)))

    @property
    def parameters(self) -> tuple[sp.Symbol, ...]:
        """The symbols that are no variables, each once."""
        found = (s for value in self.components for s in sorted(value.free_symbols, key=str))
        return tuple(dict.fromkeys(symbol for symbol in found if symbol not in self.variables))

    def __call__(self, point: Sequence[sp.Expr]) -> Vector:
        """The value at a point.

        Raises
        ------
        ValueError
            The point has not one coordinate for each variable.
        """
        if len(point) != len(self.variables):
            msg = f"the map takes {len(self.variables)} coordinates, got {len(point)}"
            raise ValueError(msg)
        values = dict(zip(self.variables, point, strict=True))
        return tuple(component.xreplace(values) for component in self.components)

    def after(self, inner: PolynomialMap) -> PolynomialMap:
        r"""$f \circ g$, in the variables of the inner map g.

        Raises
        ------
        ValueError
            The sizes do not fit, or a parameter of f is called like a variable of g, which would capture it.
        """
        _refuse_capture(self.parameters, inner.variables)
        return PolynomialMap(inner.variables, self(inner.components))

    def recentred(self, centre: Sequence[sp.Expr]) -> PolynomialMap:
        r"""$\tilde f(\delta) = f(r + \delta) - f(r)$ at the centre r; $\tilde f(0) = 0$.

        Raises
        ------
        ValueError
            The centre has another size, or a parameter is called like one of the new variables ``delta_n``.

        References
        ----------
        THEORY T17.
        """
        at = exact_entries(tuple(centre), "the centre")
        letters = tuple(sp.Symbol(f"{OFFSET}_{n}") for n in range(len(self.variables)))
        _refuse_capture((*self.parameters, *(s for r in at for s in r.free_symbols)), letters)
        if len(at) != len(letters):
            msg = f"the centre has {len(at)} coordinates for {len(letters)} variables"
            raise ValueError(msg)
        shifted = self([r + letter for r, letter in zip(at, letters, strict=True)])
        return PolynomialMap(letters, tuple(new - old for new, old in zip(shifted, self(at), strict=True)))


def sequence_maps(stack: PolynomialStack, length: int) -> tuple[PolynomialMap, ...]:
    r"""Every layer of a stack as a polynomial map of whole sequences, first layer first; the state starts at rest.

    The maps take and give the vectors of steps 1 … L, one step after the other; an encoder and a head are maps of
    their own. Composed, they are the forward pass.

    Parameters
    ----------
    stack
        The network.
    length
        L, at least 1.

    Returns
    -------
    tuple of PolynomialMap
        In the variables ``v_1_0 …``: step, then entry.

    Raises
    ------
    ValueError
        L is less than 1, or the network uses one of these names.

    References
    ----------
    THEORY T17.

    Examples
    --------
    >>> maps = sequence_maps(PolynomialStack.symbolic(states=(1, 1), degrees=(2, 2)), length=2)
    >>> [(len(f.variables), f.degree) for f in maps]
    [(2, 2), (2, 2)]
    """
    require_integer(length, "the number of steps", least=1)
    maps = [] if stack.encoder is None else [_stepwise(stack.encoder, stack.inputs, length)]
    for layer in stack.layers:
        steps = _vectors(len(layer.channels), length)
        _refuse_capture(layer.parameters, [v for vector in steps for v in vector])
        state: Vector = (sp.S.Zero,) * layer.states
        results: list[sp.Expr] = []
        for vector in steps:
            state = layer.advance(state, vector)
            results += layer.result(state, vector)
        maps.append(PolynomialMap(tuple(v for vector in steps for v in vector), tuple(results)))
    if stack.head is not None:
        maps.append(_stepwise(stack.head, stack.head.matrix.cols, length))
    return tuple(maps)


def _refuse_capture(parameters: Sequence[sp.Basic], variables: Sequence[sp.Symbol]) -> None:
    """Refuse parameters that are called like a variable."""
    taken = sorted({*map(str, parameters)} & {*map(str, variables)})
    if taken:
        msg = f"the names {', '.join(taken)} are those of variables and of parameters: rename the parameters"
        raise ValueError(msg)


def _stepwise(function: ExactAffineMap, width: int, length: int) -> PolynomialMap:
    steps = _vectors(width, length)
    _refuse_capture(function.parameters, [v for vector in steps for v in vector])
    return PolynomialMap(tuple(v for vector in steps for v in vector), tuple(z for v in steps for z in function(v)))


def _vectors(width: int, length: int) -> list[tuple[sp.Symbol, ...]]:
    return [tuple(sp.Symbol(f"v_{k}_{h}") for h in range(width)) for k in range(1, length + 1)]
