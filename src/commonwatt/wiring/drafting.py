"""Drafting: a template for a new answer, its signatures taken from the room's Protocol, in the room's folder or as a plug-in project."""

import ast
import builtins
import importlib
import inspect
import keyword
import re
import shutil
import sys
import tempfile
import textwrap
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import commonwatt
from commonwatt.core import records
from commonwatt.core.errors import require
from commonwatt.core.findings import Finding, one_of
from commonwatt.core.registry import NEEDS, Answer, Registry, class_name
from commonwatt.settings.rooms import ROOMS
from commonwatt.wiring.starting_points import STARTING_POINTS

WIDTH: Final = 120
_NAME: Final = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_ALWAYS: Final = {"dataclass": "dataclasses", "ClassVar": "typing"}


@dataclass(frozen=True)
class DraftRequest:
    """What `commonwatt new` was asked."""

    room: str
    name: str
    out: Path | None = None
    """Folder of a plug-in project; None: the room itself in a source checkout, else a folder `commonwatt-NAME`."""
    working_directory: Path = Path()


def draft_lines(request: DraftRequest) -> list[str]:
    """Write the template and say what to do next.

    Raises:
        InvalidInput: no such room, a name that is taken or none, a folder that is not empty; nothing was written.

    """
    require(_findings(request))
    registry, checkout = ROOMS[request.room], _checkout(request.working_directory)
    text = template(registry, request.name)
    if request.out is None and checkout is not None:
        path = checkout / "src" / "commonwatt" / request.room / f"{request.name}.py"
        _write_new(path, text)
        land = '  To land it: CONTRIBUTING.md, "A new answer is one new file"'
        return [f"A new answer: {path.relative_to(checkout)}", *_next_steps(registry, request.name), land]
    project = request.out or request.working_directory / f"commonwatt-{request.name.replace('_', '-')}"
    _write_project(project, registry, request.name, text)
    install = f"  python -m pip install -e {project}   # makes it known to commonwatt"
    return [f"A plug-in project with a new answer: {project}", *_next_steps(registry, request.name, install)]


def template(registry: Registry[Any], name: str) -> str:
    """The source of a new answer: declarations, and every method of the room's Protocol with the simplest right body."""
    base = importlib.import_module(f"{registry.package}.base")
    protocol, start = _protocol(base), STARTING_POINTS[registry.room]
    methods = [_method(node, start.bodies.get(node.name)) for node in _method_nodes(protocol)]
    kinds = _declared(protocol)
    values = [f"    {key}: {kinds[key]} = {expression}\n" for key, expression in start.class_values.items()]
    needs = f"frozenset({{{', '.join(repr(need).replace(chr(39), chr(34)) for need in start.needs)}}})"
    body = "".join(
        [
            "@dataclass(frozen=True)\n",
            f"class {class_name(name)}:\n",
            textwrap.indent(_class_docstring(registry, protocol, start.says), "    "),
            f"    # What it must be given: any of {', '.join(sorted(NEEDS))}.\n",
            f"    needs: ClassVar[frozenset[str]] = {needs if start.needs else 'frozenset()'}\n",
            "    # Promises of the room that it cannot keep; the tests ask that each break is real.\n",
            "    breaks: ClassVar[frozenset[str]] = frozenset()\n",
            *values,
            "\n    # A parameter is a field, such as (parameter is in commonwatt.core.registry):\n",
            '    # some_share: float = parameter(0.5, doc="what it does", low=0.0, high=1.0)\n',
            *methods,
        ]
    )
    head = f'"""{_words(name)}: say here in one line what this file is for."""\n\n'
    return head + _imports(base, body) + "\n\n" + body


def _findings(request: DraftRequest) -> list[Finding]:
    room, name = request.room, request.name
    if room not in ROOMS:
        return [Finding("new ROOM", "a room: " + one_of(room, ROOMS), repr(room))]
    if not _NAME.fullmatch(name) or keyword.iskeyword(name) or name == "base":
        return [Finding("new NAME", "a file name in lower_case that Python can import, such as my_rule", repr(name))]
    found = []
    if name in ROOMS[room].names():
        found.append(Finding("new NAME", f"a name that no answer of {room} has", repr(name)))
    elif _class_is_taken(ROOMS[room], name):
        expected = f"a name whose class is none that the room uses: {class_name(name)} is one"
        found.append(Finding("new NAME", expected, repr(name)))
    if request.out is not None and request.out.exists():
        if not request.out.is_dir():
            found.append(Finding("--out", "a new or empty folder", "a file"))
        elif names := sorted(path.name for path in request.out.iterdir()):
            found.append(Finding("--out", "a new or empty folder", ", ".join(names[:3])))
    return found


def _class_is_taken(registry: Registry[Any], name: str) -> bool:
    base = importlib.import_module(f"{registry.package}.base")
    used = {node.id for node in ast.walk(ast.parse(template(registry, name))) if isinstance(node, ast.Name)}
    return class_name(name) in used | set(vars(base)) | set(vars(builtins))


def _checkout(working_directory: Path) -> Path | None:
    """The source checkout that this package runs from, where the user stands in it."""
    root = Path(commonwatt.__file__).resolve().parents[2]
    is_source = (root / "pyproject.toml").is_file() and (root / "tests" / "conformance").is_dir()
    return root if is_source and working_directory.resolve().is_relative_to(root) else None


def _protocol(base: ModuleType) -> type[Any]:
    found = [
        kind
        for kind in vars(base).values()
        if inspect.isclass(kind) and Answer in kind.__mro__[1:] and kind.__module__ == base.__name__
    ]
    assert len(found) == 1, f"one Protocol a room, was {found} in {base.__name__}"
    return found[0]


def _body(protocol: type[Any]) -> list[ast.stmt]:
    tree = ast.parse(textwrap.dedent(inspect.getsource(protocol)))
    return next(node for node in tree.body if isinstance(node, ast.ClassDef)).body


def _method_nodes(protocol: type[Any]) -> list[ast.FunctionDef]:
    return [node for node in _body(protocol) if isinstance(node, ast.FunctionDef)]


def _declared(protocol: type[Any]) -> dict[str, str]:
    """What the Protocol says each class value is."""
    return {
        ast.unparse(node.target): ast.unparse(node.annotation)
        for node in _body(protocol)
        if isinstance(node, ast.AnnAssign)
    }


def _method(node: ast.FunctionDef, body: str | None) -> str:
    """A method with the Protocol's signature and docstring; arguments that its statements do not use are dropped aloud."""
    statements = body or 'raise SlotFailed("this answer is not written yet")'
    used = {name.id for name in ast.walk(ast.parse(statements)) if isinstance(name, ast.Name)}
    idle = [argument.arg for argument in node.args.args[1:] if argument.arg not in used]
    dropped = f"del {', '.join(idle)}  # not looked at yet\n" if idle else ""
    docstring = (ast.get_docstring(node) or "").splitlines()
    text = '"""' + "\n".join(docstring) + ("\n\n" if len(docstring) > 1 else "") + '"""\n'
    inner = text + dropped + statements.rstrip("\n") + "\n"
    return "\n" + textwrap.indent(_header(node) + textwrap.indent(inner, "    "), "    ")


def _header(node: ast.FunctionDef) -> str:
    arguments = [ast.unparse(argument) for argument in node.args.args]
    returns = f" -> {ast.unparse(node.returns)}:\n" if node.returns else ":\n"
    line = f"def {node.name}({', '.join(arguments)}){returns}"
    if len(line) + 4 <= WIDTH + 1:
        return line
    return f"def {node.name}(\n    {', '.join(arguments)}\n){returns}"


def _class_docstring(registry: Registry[Any], protocol: type[Any], says: str) -> str:
    asked = inspect.getdoc(protocol) or ""
    promises = re.sub(r"\s+", " ", asked[asked.find("Promises:") :].split("\n\n")[0])
    lines = [
        f'"""{says}',
        "",
        f"The first line is what `commonwatt list {registry.room}` shows: replace it. What the room asks of every answer:",
        *textwrap.wrap(promises, WIDTH - 8),
        '"""',
    ]
    return "\n".join(lines) + "\n\n"


def _imports(base: ModuleType, body: str) -> str:
    """Import lines for every name that a body uses, sorted as ruff sorts them."""
    tree = ast.parse(body)
    bound = {node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef | ast.FunctionDef)}
    bound |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)} | set(vars(builtins))
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    bound |= {node.id for node in names if isinstance(node.ctx, ast.Store)}
    modules: dict[str, set[str]] = {}
    lines = {0: set[str](), 1: set[str](), 2: set[str]()}
    for name in {node.id for node in names} - bound:
        if name == "np":
            lines[1].add("import numpy as np")
        else:
            modules.setdefault(_home(base, name), set()).add(name)
    for module, wanted in modules.items():
        group = 2 if module.startswith("commonwatt") else 0 if module.split(".")[0] in sys.stdlib_module_names else 1
        listed = sorted(wanted, key=lambda word: (not word.isupper(), not word[0].isupper(), word))
        lines[group].add(_import_line(module, listed))
    return "\n\n".join("\n".join(sorted(group)) for _, group in sorted(lines.items()) if group) + "\n"


def _import_line(module: str, names: list[str]) -> str:
    line = f"from {module} import {', '.join(names)}"
    return line if len(line) <= WIDTH else f"from {module} import (\n" + "".join(f"    {n},\n" for n in names) + ")"


def _home(base: ModuleType, name: str) -> str:
    """The module that a name of a template comes from: as the room's base has it, else the records."""
    if name in _ALWAYS:
        return _ALWAYS[name]
    for node in ast.walk(ast.parse(inspect.getsource(base))):
        if isinstance(node, ast.ImportFrom) and node.module and name in {alias.name for alias in node.names}:
            return node.module
    if name in vars(base):
        return base.__name__
    if hasattr(records, name):
        return records.__name__
    return "commonwatt.core.errors"


def _words(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _next_steps(registry: Registry[Any], name: str, install: str = "") -> list[str]:
    where = "" if not install else "   # in a clone of Commonwatt"
    return [
        "Next:",
        *([install] if install else []),
        f"  commonwatt list {registry.room}",
        f"  python -m pytest -q tests/conformance/test_{registry.room}.py -k {name}{where}",
        f"  commonwatt run examples/fontana --set {registry.section}.{registry.key}={name} --out out/{name}",
    ]


def _write_new(path: Path, text: str) -> None:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        require([Finding(str(path), "a file that can be made", (error.strerror or str(error)).lower())])


def _write_project(project: Path, registry: Registry[Any], name: str, text: str) -> None:
    """A folder with a package, an entry point and the answer; whole or not at all."""
    package, made = f"commonwatt_{name}", Path()
    files = {
        "pyproject.toml": _pyproject(registry, name),
        "README.md": f"# {_words(name)}\n\nAn answer of the room `{registry.room}` of Commonwatt, found by its entry point.\n",
        f"src/{package}/__init__.py": f'"""{_words(name)}: a plug-in of Commonwatt."""\n',
        f"src/{package}/{name}.py": text,
    }
    target = project.resolve()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
        for file, content in files.items():
            (made / file).parent.mkdir(parents=True, exist_ok=True)
            (made / file).write_text(content, encoding="utf-8")
        made.chmod(0o755)
        if target.exists():
            target.rmdir()
        made.rename(target)
    except OSError as error:
        if made != Path():
            shutil.rmtree(made, ignore_errors=True)
        require(
            [Finding(str(project), "a new or empty folder that can be written", (error.strerror or str(error)).lower())]
        )


def _pyproject(registry: Registry[Any], name: str) -> str:
    package = f"commonwatt_{name}"
    return f"""\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "{package.replace("_", "-")}"
version = "0.1.0"
description = "An answer of the room {registry.room} of Commonwatt."
requires-python = ">=3.11"
dependencies = ["commonwatt>={commonwatt.__version__}"]

[project.entry-points."{registry.package}"]
{name} = "{package}.{name}:{class_name(name)}"

[tool.hatch.build.targets.wheel]
packages = ["src/{package}"]
"""
