"""The manner of the house, held by machine: sizes, docstrings, closed registries, forbidden room names."""

import ast
import pkgutil
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

import commonwatt
from commonwatt.core.registry import class_name
from commonwatt.settings.rooms import ROOMS

SOURCE = Path(commonwatt.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))
MOST_LINES_OF_A_FILE = 400
MOST_LINES_OF_A_FUNCTION = 60
FORBIDDEN = {"utils", "util", "common", "helpers", "helper", "models", "manager", "misc"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(tree: ast.AST) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def code_lines(function: Function) -> int:
    """Lines of a function without its docstring."""
    first = function.body[0]
    is_docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    skipped = (first.end_lineno or 0) - first.lineno + 1 if is_docstring else 0
    return (function.end_lineno or 0) - function.lineno + 1 - skipped


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_a_file_and_its_functions_stay_small(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MOST_LINES_OF_A_FILE
    long = [
        f"{f.name}: {code_lines(f)}" for f in functions(ast.parse(text)) if code_lines(f) > MOST_LINES_OF_A_FUNCTION
    ]
    assert not long


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_a_file_says_in_one_line_what_it_is_for(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert docstring
    assert docstring.splitlines()[0].endswith((".", "!"))


def test_no_room_is_a_lumber_room() -> None:
    names = {part for path in FILES for part in path.relative_to(SOURCE).with_suffix("").parts}
    assert not names & FORBIDDEN


@pytest.mark.parametrize("room", ROOMS)
def test_every_file_of_a_room_is_an_answer(room: str) -> None:
    """A registry is closed: what stands in the room answers, under the name of its file."""
    registry = ROOMS[room]
    assert registry.names(), f"{room} has no answer"
    for name in registry.names():
        answer = registry.answer(name)
        assert answer.__name__ == class_name(name)
        assert isinstance(answer.needs, frozenset)
        assert isinstance(answer.breaks, frozenset)
        assert registry.summary(name)


@pytest.mark.parametrize("room", ROOMS)
def test_others_import_a_room_and_never_one_of_its_answers(room: str) -> None:
    answers = {f"commonwatt.{room}.{name}" for name in ROOMS[room].names()}
    intruders = []
    for path in FILES:
        if path.parent.name == room:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module in answers:
                intruders.append(f"{path.relative_to(SOURCE)}:{node.lineno} {node.module}")
            if isinstance(node, ast.Import) and any(alias.name in answers for alias in node.names):
                intruders.append(f"{path.relative_to(SOURCE)}:{node.lineno}")
    assert not intruders


def test_every_package_exports_what_its_all_says() -> None:
    for info in pkgutil.walk_packages(commonwatt.__path__, "commonwatt."):
        if info.ispkg:
            module = import_module(info.name)
            missing = [name for name in getattr(module, "__all__", ()) if not hasattr(module, name)]
            assert not missing, info.name
