"""The directive that documents a room: one heading for each group of its public names, in the package's order."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.statemachine import StringList
from public_names import public_groups, public_paths
from sphinx.util import logging

import carleman_ssm

if TYPE_CHECKING:
    from sphinx.application import Sphinx

_LOGGER = logging.getLogger(__name__)


class PublicNames(Directive):
    """``.. public-names:: theory``: everything that the room gives to the package's face."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """One section for each heading, with an autodoc directive for each name."""
        groups = [group for group in public_groups() if group.room == self.arguments[0]]
        if not groups:
            msg = f"the table of contents has no room {self.arguments[0]!r}"
            raise self.error(msg)
        return [self._section(group.heading, group.names) for group in groups]

    def _section(self, heading: str, names: tuple[str, ...]) -> nodes.section:
        section = nodes.section(ids=[nodes.make_id(f"{self.arguments[0]}-{heading}")])
        section += nodes.title(text=heading[0].upper() + heading[1:])
        source, _ = self.state_machine.get_source_and_line(self.lineno)
        lines = StringList([line for name in names for line in autodoc_lines(name)], source=source)
        self.state.nested_parse(lines, self.content_offset, section)
        return section


def autodoc_lines(name: str) -> list[str]:
    """The directive for one public name: a class with its methods, a function, or data."""
    value = getattr(carleman_ssm, name)
    if inspect.isclass(value):
        above = [base for base in value.__mro__[1:] if base.__module__.startswith("carleman_ssm.")]
        hidden = [base for base in above if f"{base.__module__}.{base.__qualname__}" not in public_paths()]
        known = [base.__name__ for base in value.__mro__[1:] if base not in hidden]
        inherited = [f"   :inherited-members: {', '.join(known)}"] if hidden else []  # nobody else documents them
        return [f".. autoclass:: carleman_ssm.{name}", "   :members:", *inherited, ""]
    kind = "autofunction" if inspect.isroutine(value) else "autodata"
    return [f".. {kind}:: carleman_ssm.{name}", ""]


def missing_names(documented: set[str]) -> set[str]:
    """Public names that no page documents."""
    return set(public_paths().values()) - documented


def check(app: Sphinx, env: Any) -> None:  # noqa: ARG001
    """A public name without an entry is a warning, and so an error of a strict build."""
    for name in sorted(missing_names(set(env.get_domain("py").objects))):
        _LOGGER.warning("%s is public and has no entry in the reference: name its room on a page", name)


def setup(app: Sphinx) -> dict[str, bool]:
    """One directive, and the check that it was used for every room."""
    app.add_directive("public-names", PublicNames)
    app.connect("env-check-consistency", check)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
