"""A report as one HTML file: pictures inside it, no script, nothing from elsewhere, every text escaped."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from html import escape
from pathlib import Path

from carleman_ssm.report.sections import Block, Grid, Note, Pairs, Picture, Section, Verbatim

# A browser is told so as well: no request leaves the page, whatever stands in a name.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
STYLE = """
:root { color-scheme: light dark; --ink: #1d2733; --faint: #5b6774; --line: #d5dbe1; --page: #fff; --mark: #33658a; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #dfe5ec; --faint: #9aa6b2; --line: #36414c; --page: #14191f; --mark: #7fb2d6; }
}
body { margin: 2rem auto; max-width: 78rem; padding: 0 1.2rem; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, "DejaVu Sans", sans-serif; }
h1 { font-size: 1.7rem; margin: 0 0 .3rem; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2.2rem 0 .6rem; border-bottom: 1px solid var(--line); color: var(--mark); }
nav { font-size: .9rem; color: var(--faint); }
nav a { color: var(--mark); margin-right: .9rem; white-space: nowrap; }
table { border-collapse: collapse; margin: .5rem 0 1rem; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem 1.2rem .2rem 0; text-align: left; vertical-align: top; overflow-wrap: anywhere; }
thead th { border-bottom: 1px solid var(--line); color: var(--faint); font-weight: 600; }
tbody tr + tr td { border-top: 1px solid color-mix(in srgb, var(--line) 45%, transparent); }
.pairs th { color: var(--faint); font-weight: 400; white-space: nowrap; }
figure { margin: 1rem 0 1.6rem; }
figure img { max-width: 100%; height: auto; background: #fff; border: 1px solid var(--line); }
figcaption { color: var(--faint); font-size: .85rem; overflow-wrap: anywhere; }
pre { overflow-x: auto; padding: .8rem; border: 1px solid var(--line); font: 13px/1.45 "DejaVu Sans Mono", monospace; }
summary { cursor: pointer; color: var(--mark); }
p, .pairs { max-width: 62rem; }
.scroll { overflow-x: auto; }
"""


def write_html(path: Path, title: str, sections: Iterable[Section], *, lead: str = "") -> Path:
    """Write one page that opens offline; returns its path.

    Parameters
    ----------
    path
        The file to write, UTF-8.
    title, lead
        Heading and a sentence below it.
    sections
        In reading order; pictures are read from their files and stored inside the page.

    Raises
    ------
    OSError
        A picture cannot be read or the page cannot be written.
    """
    path.write_text(html_page(title, list(sections), lead=lead), encoding="utf-8")
    return path


def html_page(title: str, sections: list[Section], *, lead: str = "") -> str:
    """The page as text (see `write_html`).

    Examples
    --------
    >>> page = html_page("a < b", [Section("one", (Note("x & y"),))])
    >>> "<h1>a &lt; b</h1>" in page, "<p>x &amp; y</p>" in page, "<script" in page
    (True, True, False)
    """
    links = " ".join(  # the blanks between are where a line may break
        f'<a href="#section-{number}">{escape(section.title)}</a>' for number, section in enumerate(sections)
    )
    body = "\n".join(_section(number, section) for number, section in enumerate(sections))
    opening = f"<p>{escape(lead)}</p>\n" if lead else ""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(POLICY)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f"<h1>{escape(title)}</h1>\n{opening}<nav>{links}</nav>\n{body}\n</body>\n</html>\n"
    )


def _section(number: int, section: Section) -> str:
    blocks = "\n".join(_block(block) for block in section.blocks)
    return f'<section id="section-{number}">\n<h2>{escape(section.title)}</h2>\n{blocks}\n</section>'


def _block(block: Block) -> str:
    if isinstance(block, Pairs):
        rows = "".join(
            f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>'
            for name, value in block.rows.items()
        )
        return f'<table class="pairs"><tbody>{rows}</tbody></table>'
    if isinstance(block, Grid):
        return _grid(block)
    if isinstance(block, Note):
        return f"<p>{escape(block.text)}</p>"
    if isinstance(block, Picture):
        return _picture(block)
    return _verbatim(block)


def _grid(block: Grid) -> str:
    header = "".join(f'<th scope="col">{escape(name)}</th>' for name in block.header)
    rows = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in block.rows)
    return f'<div class="scroll"><table><thead><tr>{header}</tr></thead><tbody>{rows}</tbody></table></div>'


def _picture(block: Picture) -> str:
    data = b64encode(block.path.read_bytes()).decode("ascii")
    words = escape(block.caption)
    return (
        f'<figure><img src="data:image/png;base64,{data}" alt="{words}">'
        f"<figcaption>{escape(block.path.name)}</figcaption></figure>"
    )


def _verbatim(block: Verbatim) -> str:
    lines = f"<pre>{escape(block.text)}</pre>"
    return f"<details><summary>{escape(block.title)}</summary>{lines}</details>" if block.title else lines
