"""The house keeps its shape: imports point one way, files and functions stay small, public names are documented."""

import ast
import inspect
import re
from pathlib import Path

import pytest

import carleman_ssm

ROOT = Path(carleman_ssm.__file__).parent
REPOSITORY = Path(__file__).parent.parent
ROOMS = (
    "formulas",
    "printing",
    "theory",
    "recurrences",
    "networks",
    "families",
    "rings",
    "operators",
    "interactions",
    "predictions",
    "robustness",
    "steering",
    "experiments",
    "proofs",
    "book",
    "report",
    "testing",
)
FILES = sorted(ROOT.rglob("*.py"))
MAX_LINES, MAX_BODY = 330, 40


def tree_of(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def imported_modules(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def bodies(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            yield node.name, (node.end_lineno - body[0].lineno + 1) if body else 0


def test_there_are_files_to_look_at():
    assert len(FILES) > 30


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_one_way(path):
    room = path.relative_to(ROOT).parts[0]
    if room not in ROOMS:
        return
    allowed = ROOMS[: ROOMS.index(room) + 1]
    for module in imported_modules(tree_of(path)):
        parts = module.split(".")
        if parts[0] == "carleman_ssm":
            assert len(parts) > 1, f"{path} imports the root, which imports it"
            assert parts[1] in allowed, f"{path} imports {module}"


def stale_names(tree):
    """Modules that texts name in a room where they are not; in code marks every name of a room has to be a module."""
    modules = {room: {path.stem for path in (ROOT / room).glob("*.py")} for room in ROOMS}
    anywhere = set().union(*modules.values())
    pattern = re.compile(rf"(`?)\b({'|'.join(ROOMS)})\.(\w+)")
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            for mark, room, name in pattern.findall(node.value):
                if name not in modules[room] and (mark or name in anywhere) and f"{room}.{name}" != "report.json":
                    yield f"{room}.{name}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_texts_name_modules_where_they_are(path):
    assert list(stale_names(tree_of(path))) == []


def test_a_module_named_in_a_room_that_it_left_would_be_seen():
    tree = ast.parse(
        'f"use networks.rings"; "see `interactions.orders`"; "`rings.rings` and `theory.ssm`, report.json"'
    )
    assert sorted(stale_names(tree)) == ["interactions.orders", "networks.rings"]


def test_an_import_against_the_direction_would_be_seen():
    wrong = ast.parse("from carleman_ssm.report.explain import explain")
    assert [module.split(".")[1] for module in imported_modules(wrong)] == ["report"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_stay_small(path):
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= MAX_LINES, f"{path} has {text.count(chr(10))} lines: split it"
    long = {name: size for name, size in bodies(ast.parse(text)) if size > MAX_BODY}
    assert not long, f"{path}: {long}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_dangerous_is_called(path):
    """No pickle, no evaluation of text; `exec` only where generated code is compiled; `torch.load` only weights."""
    text, tree = path.read_text(encoding="utf-8"), tree_of(path)
    assert not {"pickle", "joblib", "dill", "cloudpickle"} & {module.split(".")[0] for module in imported_modules(tree)}
    for node in ast.walk(tree):
        assert not isinstance(node, ast.Assert), f"{path}:{node.lineno} checks with assert"
        assert not (isinstance(node, ast.ExceptHandler) and node.type is None), f"{path}:{node.lineno} bare except"
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        assert name not in ("eval", "sp.parse_expr", "parse_expr", "sp.S", "sp.simplify", "sp.nsimplify"), (
            f"{path}: {name}"
        )
        if name == "exec":
            assert path.name in ("numerics.py", "codegen.py", "scripts.py"), path
        if name.endswith("sympify"):
            assert any(keyword.arg == "strict" for keyword in node.keywords), f"{path}:{node.lineno} sympify not strict"
        if name == "torch.load" or (name.endswith(".load") and "torch" in name):
            assert any(
                keyword.arg == "weights_only" and ast.unparse(keyword.value) == "True" for keyword in node.keywords
            )
    assert "allow_pickle=True" not in text


def public_names():
    return [
        name
        for name in vars(carleman_ssm)
        if not name.startswith("_") and not inspect.ismodule(getattr(carleman_ssm, name))
    ]


def test_the_table_of_contents_is_not_empty():
    assert len(public_names()) > 30


@pytest.mark.parametrize("name", public_names())
def test_public_names_are_documented_and_annotated(name):
    value = getattr(carleman_ssm, name)
    if not callable(value):
        return
    assert inspect.getdoc(value), f"{name} has no docstring"
    if inspect.isfunction(value):
        signature = inspect.signature(value)
        assert signature.return_annotation is not signature.empty, f"{name} has no return annotation"
        assert all(p.annotation is not p.empty for p in signature.parameters.values()), f"{name} lacks annotations"


def test_every_data_file_has_its_provenance():
    for folder in (ROOT / "data", REPOSITORY / "tests" / "data"):
        provenance = (folder / "PROVENANCE.md").read_text(encoding="utf-8")
        files = [path for path in folder.iterdir() if path.suffix in (".npz", ".safetensors")]
        assert files
        for path in files:
            assert path.stem.split("__")[0].removesuffix(".reference") in provenance, path.name


def test_contributing_justifies_each_required_package():
    text = (REPOSITORY / "CONTRIBUTING.md").read_text(encoding="utf-8")
    project = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    block = re.search(r"^dependencies = \[(.*?)^\]", project, re.S | re.M).group(1)
    names = re.findall(r'"([a-z-]+)', block)
    assert len(names) >= 9
    for name in names:
        assert f"| {name} |" in text, f"{name} is not justified in CONTRIBUTING.md"


def test_every_cited_statement_is_listed():
    """Docstrings say "THEORY T9": the statement must stand in derivations/THEORY.md."""
    listed = set(
        re.findall(r"^\*\*(T\d+′?b?|§\d)", (REPOSITORY / "derivations" / "THEORY.md").read_text("utf-8"), re.M)
    )
    cited = {name for path in FILES for name in re.findall(r"\b(T\d+′?)(?![\w′(])", path.read_text("utf-8"))}
    assert {"T9", "T12", "T15"} <= cited & listed
    assert cited <= listed, cited - listed
