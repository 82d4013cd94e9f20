"""The directive that documents a room: one heading for each group of its public names, in the package's order."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import TYPE_CHECKING, Any

from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.statemachine import StringList
from public_names import Group, documented_names, public_groups, public_paths, testing_group
from sphinx.util import logging

if TYPE_CHECKING:
    from sphinx.application import Sphinx

_LOGGER = logging.getLogger(__name__)


class PublicNames(Directive):
    """``.. public-names:: theory``: everything that the room gives to the package's face."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """One section for each heading, with an autodoc directive for each name."""
        groups = [group for group in (*public_groups(), testing_group()) if group.room == self.arguments[0]]
        if not groups:
            msg = f"the table of contents has no room {self.arguments[0]!r}"
            raise self.error(msg)
        return [self._section(group) for group in groups]

    def _section(self, group: Group) -> nodes.section:
        section = nodes.section(ids=[nodes.make_id(f"{group.room}-{group.heading}")])
        section += nodes.title(text=group.heading[0].upper() + group.heading[1:])
        source, _ = self.state_machine.get_source_and_line(self.lineno)
        lines = StringList([line for name in group.names for line in autodoc_lines(group.module, name)], source=source)
        self.state.nested_parse(lines, self.content_offset, section)
        return section


def autodoc_lines(module: str, name: str) -> list[str]:
    """The directive for one public name: a class with its methods, a function, or data."""
    value = getattr(import_module(module), name)
    if inspect.isclass(value):
        above = [base for base in value.__mro__[1:] if base.__module__.startswith("carleman_ssm.")]
        hidden = [base for base in above if f"{base.__module__}.{base.__qualname__}" not in public_paths()]
        known = [base.__name__ for base in value.__mro__[1:] if base not in hidden]
        inherited = [f"   :inherited-members: {', '.join(known)}"] if hidden else []  # nobody else documents them
        return [f".. autoclass:: {module}.{name}", "   :members:", *inherited, ""]
    kind = "autofunction" if inspect.isroutine(value) else "autodata"
    return [f".. {kind}:: {module}.{name}", ""]


def missing_names(documented: set[str]) -> set[str]:
    """Public names that no page documents."""
    return set(documented_names()) - documented


def check(app: Sphinx, env: Any) -> None:  # noqa: ARG001 - Sphinx calls it so
    """A public name without an entry is a warning, and so an error of a strict build."""
    for name in sorted(missing_names(set(env.get_domain("py").objects))):
        _LOGGER.warning("%s is public and has no entry in the reference: name its room on a page", name)


def setup(app: Sphinx) -> dict[str, bool]:
    """One directive, and the check that it was used for every room."""
    app.add_directive("public-names", PublicNames)
    app.connect("env-check-consistency", check)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
