"""Small symbolic instances on which closed forms are written out for their derivations."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import sympy as sp

from carleman_ssm.formulas.statements import ClosedForm
from carleman_ssm.theory.polynomial_maps import PolynomialMap
from carleman_ssm.theory.polynomials import PolynomialDecoder
from carleman_ssm.theory.ssm import DiscreteSSM

Builder = Callable[[], ClosedForm]
Instances = dict[str, Builder]


def over(make: Callable[[Any], ClosedForm], instances: Iterable[Any]) -> Instances:
    """One builder for each instance of an argument, labelled by the instance."""
    return {str(instance): (lambda instance=instance: make(instance)) for instance in instances}  # type: ignore[misc]  # bound now


def symbolic_model(states: int, **options: Any) -> DiscreteSSM:
    """A discrete model with letters for all of its parameters, a feedthrough among them."""
    return DiscreteSSM.symbolic(states=states, feedthrough=True, **options)


def symbolic_decoder(degree: int, name: str = "g") -> PolynomialDecoder:
    """A polynomial with letters for coefficients."""
    return PolynomialDecoder.symbolic(degree=degree, name=name)


def decoder_map(name: str, variable: str, *, centred: bool = False) -> PolynomialMap:
    """A polynomial of degree 2 in one variable as a map, with or without its constant."""
    constant, *rest = symbolic_decoder(2, name).coefficients
    return PolynomialMap.of_decoder(PolynomialDecoder((0 if centred else constant, *rest)), sp.Symbol(variable))
