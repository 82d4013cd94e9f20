r"""One derivation result: the operator of a model with a polynomial decoder, as text or as PDF.

With a hold or bilinear transform it is the forward operator $z_k = \sigma(c^\top \xi_k + D u_k)$ (T12); in
continuous time the one-step map of the bilinear lift, with the input held (T15). A result carries its
"where" lines and its certificates, and says which of them are proved.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

import sympy as sp

from carleman_ssm.formulas.numerics import compile_kernel
from carleman_ssm.formulas.statements import ClosedForm
from carleman_ssm.formulas.verification import verify
from carleman_ssm.printing.latex import document, write_pdf
from carleman_ssm.report.srepr import write_srepr
from carleman_ssm.report.systems import System, read_system
from carleman_ssm.theory.carleman import STEP, carleman_lift, one_step_map
from carleman_ssm.theory.collapse import forward_operator
from carleman_ssm.theory.initialisations import s4d_inv, s4d_legs, s4d_lin, s4d_real
from carleman_ssm.theory.polynomials import PolynomialDecoder
from carleman_ssm.theory.ssm import DiagonalSSM, bilinear_transform, zero_order_hold

MAX_STATES = 128
MAX_DEGREE = 64
_RESULT_NAMES = frozenset(("u", "k", "j", "m", "y", "z", "K", "T"))


class Init(StrEnum):
    """How the eigenvalues of a model of N stored modes are chosen."""

    SYMBOLIC = "symbolic"
    S4D_LIN = "s4d-lin"
    S4D_INV = "s4d-inv"
    S4D_REAL = "s4d-real"
    S4D_LEGS = "s4d-legs"


class Discretization(StrEnum):
    """Which operator: sampled with a hold, sampled by Tustin's rule, or one step of the continuous lift."""

    ZOH = "zoh"
    BILINEAR = "bilinear"
    CONTINUOUS = "continuous"


class Format(StrEnum):
    """How the result is written."""

    LATEX = "latex"
    PYTHON = "python"
    SREPR = "srepr"
    PDF = "pdf"


def derive(
    *,
    states: int | None = None,
    init: Init | None = None,
    system: Path | None = None,
    degree: int | None = None,
    discretization: Discretization = Discretization.ZOH,
    form: Format = Format.LATEX,
    output: Path | None = None,
) -> str:
    """Derive the operator and write it; returns what to print.

    Parameters
    ----------
    states, init
        A model of N modes (stored modes of conjugate pairs for S4D-Lin, -Inv and -LegS), with symbols for
        what the initialisation leaves open.
    system
        Or a JSON file (see `systems`).
    degree
        P of the decoder; may be left out if the file holds the decoder.
    discretization, form
        What to derive, and how to write it.
    output
        A file; needed for a PDF, the terminal otherwise.

    Raises
    ------
    ValueError
        Options that do not fit together, a wrong file, or a result that is too large.
    ImportError
        No engine for a PDF.
    OSError
        The output cannot be written.

    Examples
    --------
    >>> print(derive(states=1, degree=1, form=Format.PYTHON))  # doctest: +ELLIPSIS
    '''The forward operator of a diagonal state space model, decoder of degree 1, zero-order hold.
    ...
    """
    if form is Format.PDF and output is None:
        msg = "--format pdf writes a file: name it with --output FILE.pdf"
        raise ValueError(msg)
    described = _described(states, init, system, degree)
    result = operator_of(described, discretization)
    title = _title(described, discretization)
    if form is Format.PDF and output is not None:
        engine = write_pdf(_items(result), output, title)
        return f"wrote {output} (set with {engine})"
    text = _WRITERS[form](result, title)
    if output is None:
        return text
    output.write_text(text + "\n", encoding="utf-8")
    return f"wrote {output}"


def operator_of(system: System, discretization: Discretization) -> ClosedForm:
    """The one result: forward operator with symbolic number of steps, or one-step map.

    Raises
    ------
    ValueError
        The system has no decoder, or a name in it is needed by the result, or the result is too large.
    """
    if system.decoder is None:
        msg = "the system has no decoder: give --degree"
        raise ValueError(msg)
    model, decoder, step = _merged(system.model), system.decoder, system.step or STEP
    _require_free_names(model, decoder, step)
    if discretization is Discretization.CONTINUOUS:
        if not isinstance(step, sp.Symbol):
            msg = "in continuous time the step stays a symbol: take 'step' out of the system file"
            raise ValueError(msg)
        return _with_named_roots(one_step_map(carleman_lift(model, decoder), step=step))
    sample = zero_order_hold if discretization is Discretization.ZOH else bilinear_transform
    return _with_named_roots(forward_operator(sample(model, step), decoder))


def _with_named_roots(form: ClosedForm) -> ClosedForm:
    r"""Algebraic frequencies (S4D-LegS) as $\omega_n$, defined in the first "where" lines.

    The certificates then hold for any real frequencies.
    """
    roots = dict.fromkeys(
        root for body in form.where.values() for root in sorted(body.atoms(sp.CRootOf), key=lambda root: -root.index)
    )
    names = {root: sp.Symbol(f"omega_{n}", real=True) for n, root in enumerate(roots)}
    if not names:
        return form
    where = {name: root for root, name in names.items()}
    where |= {key: body.xreplace(names) for key, body in form.where.items()}
    certificates = tuple(
        replace(each, left=each.left.xreplace(names), right=each.right.xreplace(names)) for each in form.certificates
    )
    return replace(form, where=where, certificates=certificates)


def _described(states: int | None, init: Init | None, system: Path | None, degree: int | None) -> System:
    if (states is None) == (system is None):
        msg = "give either --states N or --system FILE.json" + (", not both" if system else "")
        raise ValueError(msg)
    if degree is not None and not 0 <= degree <= MAX_DEGREE:
        msg = f"--degree must be between 0 and {MAX_DEGREE}, got {degree}"
        raise ValueError(msg)
    if system is not None:
        return _from_file(system, init, degree)
    if degree is None:
        msg = "give the degree of the decoder with --degree P"
        raise ValueError(msg)
    model = _initialised(states or 0, init or Init.SYMBOLIC)
    return System(model, PolynomialDecoder.symbolic(model, degree=degree))


def _from_file(path: Path, init: Init | None, degree: int | None) -> System:
    if init is not None:
        msg = "--init chooses the eigenvalues of --states N; with --system they are in the file"
        raise ValueError(msg)
    system = read_system(path)
    if system.decoder is not None and degree not in (None, system.decoder.degree):
        msg = f"{path} holds a decoder of degree {system.decoder.degree}, but --degree is {degree}"
        raise ValueError(msg)
    if system.decoder is not None:
        return system
    if degree is None:
        msg = f"{path} holds no decoder: give --degree P for a symbolic one"
        raise ValueError(msg)
    return replace(system, decoder=PolynomialDecoder.symbolic(system.model, degree=degree))


def _initialised(states: int, init: Init) -> DiagonalSSM:
    if not 1 <= states <= MAX_STATES:
        msg = f"--states must be between 1 and {MAX_STATES}, got {states}"
        raise ValueError(msg)
    feedthrough = sp.Symbol("D", real=True)
    match init:
        case Init.SYMBOLIC:
            return DiagonalSSM.symbolic(states, feedthrough=True)
        case Init.S4D_LIN:
            return s4d_lin(states, feedthrough=feedthrough)
        case Init.S4D_INV:
            return s4d_inv(states, feedthrough=feedthrough)
        case Init.S4D_REAL:
            return s4d_real(states, feedthrough=feedthrough)
        case Init.S4D_LEGS:
            return s4d_legs(states, feedthrough=feedthrough)


def _merged(model: DiagonalSSM) -> DiagonalSSM:
    """With all modes written out; a real mode, which is its own partner, once."""
    return model.with_conjugates(merge_real=True)


def _require_free_names(model: DiagonalSSM, decoder: PolynomialDecoder, step: sp.Expr) -> None:
    symbols = {*model.parameters, *decoder.parameters, *step.free_symbols}
    taken = sorted(set(map(str, symbols)) & _RESULT_NAMES)
    if taken:
        msg = f"the result itself uses {', '.join(taken)}: choose other names in the system file"
        raise ValueError(msg)


def _title(system: System, discretization: Discretization) -> str:
    degree = system.decoder.degree if system.decoder else 0
    what = "one-step map" if discretization is Discretization.CONTINUOUS else "forward operator"
    how = {
        Discretization.ZOH: "zero-order hold",
        Discretization.BILINEAR: "bilinear transform",
        Discretization.CONTINUOUS: "continuous time, input held",
    }[discretization]
    return f"The {what} of a diagonal state space model, decoder of degree {degree}, {how}"


def _verdicts(form: ClosedForm) -> list[str]:
    return [f"{certificate.name}: {verify(certificate)}" for certificate in form.certificates]


def _items(form: ClosedForm) -> list[object]:
    roots = {symbol: root for symbol, root in form.where.items() if isinstance(root, sp.CRootOf)}
    numbers = [f"{symbol} = {root.evalf(12)}" for symbol, root in roots.items()]
    rounded = ["Rounded, largest first: " + ", ".join(numbers) + "."] if numbers else []
    return [form, *rounded, "Checked: " + "; ".join(_verdicts(form)) + "."]


def _latex(form: ClosedForm, title: str) -> str:
    return document(_items(form), title).rstrip()


def _srepr(form: ClosedForm, title: str) -> str:
    checked = "".join(f"# {line}\n" for line in _verdicts(form))
    return f"# {title}\n{checked}{write_srepr(form)}"


def _python(form: ClosedForm, title: str) -> str:
    """A module that runs: the docstring, the imports that the source needs, and the kernel."""
    source = compile_kernel(form, backend="numpy").source.rstrip()
    sequences = [str(argument) for argument in form.arguments if isinstance(argument, sp.IndexedBase)]
    about = [f"{name}[1] is the first element: pass [None, *{name}]." for name in sequences]
    lines = [f"{title}.", "", *about, f"Source: {form.reference}. Certificates:", *_verdicts(form)]
    imports = [line for name, line in _IMPORTS.items() if name in source]
    return "\n".join([f"'''{lines[0]}", *lines[1:], "'''", "", *imports, "", "", source])


_IMPORTS: Mapping[str, str] = MappingProxyType(
    {
        "cache": "from functools import cache",
        "prod(": "from math import prod",
        "np.": "import numpy as np",
        "scipy.": "import scipy",
        "varphi": "from carleman_ssm.formulas.special import phi_numpy as varphi",
    }
)
_WRITERS: Mapping[Format, Callable[[ClosedForm, str], str]] = MappingProxyType(
    {Format.LATEX: _latex, Format.PYTHON: _python, Format.SREPR: _srepr}
)
