"""Pages that are made from the repository when the site is built: statements, derivations, notebooks, notation."""

from __future__ import annotations

import re
import shutil
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from derivation_pages import derivation_page, with_citing
from docstrings import CITED, anchor, citation

from carleman_ssm.book.notation import NOTATION
from carleman_ssm.printing.latex import to_latex
from carleman_ssm.proofs.false_claims import FALSE_CLAIMS, FalseClaim, claim_prose
from carleman_ssm.proofs.representatives import REPRESENTATIVES, representative
from carleman_ssm.proofs.scripts import derivation_folder, script_names

if TYPE_CHECKING:
    from sphinx.application import Sphinx

_STATEMENT = re.compile(r"^\*\*(T\d+′?b?|§\d+)", re.MULTILINE)
_SCRIPT = re.compile(r"`(\d\d_\w+)\.py`")
PROCESSES = 2


def statements_page(text: str) -> str:
    """THEORY.md with a target before each statement, and links to the scripts that prove them."""
    targeted = _STATEMENT.sub(lambda found: f"({anchor(found[1])})=\n{found[0]}", text)
    return _SCRIPT.sub(r"[\1](\1.md)", targeted)


def linked(text: str) -> str:
    """Markdown in which every citation of a statement that there is ("THEORY T9") is a link to it."""
    return CITED.sub(lambda cited: citation(cited["numbers"], "[{text}](#{target})"), text)


def notation_table() -> str:
    """All letters, as one table in Markdown."""
    rows = [f"| ${row.tex}$ | {row.meaning.replace('|', chr(92) + 'vert ')} | {row.statement} |" for row in NOTATION]
    return "\n".join(["| letter | meaning | first in |", "|---|---|---|", *rows, ""])


def false_claims() -> str:
    """Every claim with its witness, found now."""
    return "\n\n".join(f"## {claim.number}. {claim.claim}\n\n{_body(claim)}" for claim in FALSE_CLAIMS) + "\n"


def _body(claim: FalseClaim) -> str:
    prose = claim_prose(claim).partition("\n\n")[2]  # the claim itself is the heading
    scripts = ", ".join(f"[{name}](derivations/{name}.md)" for name in claim.scripts)
    return f"{prose}\n\nDerived in {scripts}." if scripts else prose


GENERATED = {"notation": notation_table, "false_claims": false_claims}


def displayed(text: str) -> str:
    """A closed form for each mark ``<!-- formula: theory.waves.wave_propagator -->``, printed from the object."""

    def printed(found: re.Match[str]) -> str:
        form = representative(found[1], found[2] or "")
        lines = "\n".join(line for line in to_latex(form).splitlines() if line.strip())
        return f"$$\n{lines}\n$$"

    return re.sub(r"<!-- formula: ([\w.]+)(?: \((.+?)\))? -->", printed, text)


def write(path: Path, text: str) -> None:
    """Write what is new; an unchanged page keeps its time and is not read again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def citing_forms() -> dict[str, list[str]]:
    """Reference -> qualified names of the closed forms that give it."""
    found: dict[str, list[str]] = {}
    for name, instances in REPRESENTATIVES.items():
        for label in instances:
            found.setdefault(representative(name, label).reference, []).append(name)
    return found


def generate(app: Sphinx) -> None:
    """Everything that the site shows and that stands elsewhere in the repository."""
    source, root = Path(app.srcdir), derivation_folder().parent
    for old in (*source.glob("derivations/[0-9]*.md"), *source.glob("notebooks/*.ipynb")):
        if old.stem not in script_names() and not (root / "notebooks" / old.name).exists():
            old.unlink()  # what it was made from is gone
    shutil.copytree(root / "notebooks", source / "notebooks", dirs_exist_ok=True)
    write(source / "derivations" / "THEORY.md", statements_page((derivation_folder() / "THEORY.md").read_text("utf-8")))
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        pages = pool.map(derivation_page, script_names())
        citing = citing_forms()  # while the others work
        for name, text in zip(script_names(), pages, strict=True):
            write(source / "derivations" / f"{name}.md", with_citing(text, citing.get(f"derivations/{name}", [])))


def substitute(app: Sphinx, docname: str, content: list[str]) -> None:
    """Tables for their marks, ``<!-- generated: notation -->``, and links for citations of statements."""
    if not str(app.env.doc2path(docname)).endswith(".md"):
        return
    shown = re.sub(r"<!-- generated: (\w+) -->", lambda found: GENERATED[found[1]](), content[0])
    content[0] = linked(displayed(shown))


def setup(app: Sphinx) -> dict[str, Any]:
    """Before the sources are listed."""
    app.connect("builder-inited", generate)
    app.connect("source-read", substitute)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
