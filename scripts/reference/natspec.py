"""NatSpec: what a contract's source says of itself, read from its text; no compiler needed."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import commonwatt

SOURCES = Path(commonwatt.__file__).parent / "contracts"
_BLOCK = re.compile(
    r"^((?:@\w+(?:\([^)]*\))?\n)*)def (\w+)\((.*?)\)(?: -> ([^\n]+?))?:\n(.*?)(?=^(?:@|def |event |#|\w)|\Z)",
    re.MULTILINE | re.DOTALL,
)
_EVENT = re.compile(r"^event (\w+):\n((?: {4}.*\n)+)", re.MULTILINE)
_STRUCT = re.compile(r"^struct (\w+):\n((?: {4}.*\n)+)", re.MULTILINE)
_IMPORT = re.compile(r"^from modules import (\w+)$", re.MULTILINE)
_ASSERT = re.compile(r'assert (\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)|[^\n]*?), "(\w+: [^"]+)"')
_TAG = re.compile(r"@(title|notice|dev|param|return|custom:[\w-]+|license|author)\b ?")


@dataclass(frozen=True)
class Function:
    """A function of a contract."""

    name: str
    decorators: tuple[str, ...]
    arguments: tuple[tuple[str, str], ...]
    """(name, type)."""
    returns: str
    tags: dict[str, list[str]]
    """`notice`, `dev`, `param`, `return`, ... -> texts."""
    reverts: tuple[tuple[str, str], ...]
    """(reason, condition that must hold), its own."""
    calls: frozenset[str]
    """Names of the contract's own functions that it calls, those of modules as `module.name`."""

    @property
    def is_external(self) -> bool:
        """Whether anyone outside can call it."""
        return "external" in self.decorators

    @property
    def is_view(self) -> bool:
        """Whether it changes nothing."""
        return "view" in self.decorators or "pure" in self.decorators

    @property
    def caller(self) -> str:
        """Who may call it, as the notice says; anyone where it says nothing.

        Raises:
            ValueError: it refuses callers and does not say whom.

        """
        said = re.search(r"\b(Only|Anyone)\b[^.]*(?=\.)", self.notice)
        if said is None and any(
            "not the" in reason and reason != "market: not the supplier's" for reason, _ in self.reverts
        ):
            raise ValueError(f"expected {self.name} to say who may call it, was {self.notice!r}")
        return said[0] if said else "Anyone"

    @property
    def notice(self) -> str:
        """What it does."""
        return "\n\n".join(self.tags.get("notice", ()))

    @property
    def signature(self) -> str:
        """As a caller writes it, with types."""
        arguments = ", ".join(f"{name}: {kind}" for name, kind in self.arguments)
        return f"{self.name}({arguments})" + (f" -> {self.returns}" if self.returns else "")


@dataclass(frozen=True)
class Contract:
    """A contract's source, read."""

    name: str
    tags: dict[str, list[str]]
    functions: dict[str, Function]
    events: dict[str, tuple[tuple[str, str], ...]]
    """Name -> (field, type) in order; an indexed field's type says so."""
    structs: dict[str, tuple[tuple[str, str], ...]]
    """The same of structs, those of modules as `module.Name`."""

    def reverts_of(self, name: str) -> dict[str, list[str]]:
        """Every reason that a function can revert with, its helpers' included -> the conditions behind it."""
        reasons: dict[str, list[str]] = {}
        seen: set[str] = set()
        waiting = [name]
        while waiting:
            current = waiting.pop(0)
            if current in seen or current not in self.functions:
                continue
            seen.add(current)
            function = self.functions[current]
            for reason, condition in function.reverts:
                reasons.setdefault(reason, [])
                if condition not in reasons[reason]:
                    reasons[reason].append(condition)
            waiting += sorted(function.calls)
        return reasons


@cache
def contract(name: str) -> Contract:
    """Read the contract of that name."""
    text = (SOURCES / f"{name}.vy").read_text(encoding="utf-8")
    modules = {
        module: (SOURCES / f"modules/{module}.vy").read_text(encoding="utf-8") for module in _IMPORT.findall(text)
    }
    sizes = _sizes(text, modules)
    functions, structs = _functions(text, "", sizes), _fields(_STRUCT, text, "", sizes)
    for module, source in modules.items():
        functions |= _functions(source, f"{module}.", sizes)
        structs |= _fields(_STRUCT, source, f"{module}.", sizes)
    return Contract(name, _tags(text), functions, _fields(_EVENT, text, "", sizes), structs)


def _functions(text: str, prefix: str, sizes: dict[str, str]) -> dict[str, Function]:
    """The functions of a source; a module's are found under its name, and call each other under it."""
    found = {}
    for match in _BLOCK.finditer(text):
        decorators, function, arguments, returns, body = match.groups()
        calls = {prefix + name for name in re.findall(r"\bself\.(\w+)\(", body)}
        found[prefix + function] = Function(
            name=function,
            decorators=tuple(decorators.replace("@", "").split()),
            arguments=_arguments(_sized(arguments, sizes)),
            returns=_sized(re.sub(r"\s+", " ", returns or "").strip(), sizes),
            tags=_tags(body),
            reverts=tuple((reason, _condition(held)) for held, reason in _ASSERT.findall(body)),
            calls=frozenset(calls | set(re.findall(r"(?<![.\w])([a-z]+\.\w+)\(", body))),
        )
    return found


def _fields(
    pattern: re.Pattern[str], text: str, prefix: str, sizes: dict[str, str]
) -> dict[str, tuple[tuple[str, str], ...]]:
    """Events or structs with their fields, in order."""
    return {
        prefix + name: tuple(
            (line.partition(":")[0].strip(), _sized(line.partition(":")[2].split("#")[0].strip(), sizes))
            for line in fields.splitlines()
        )
        for name, fields in pattern.findall(text)
    }


def _sizes(text: str, modules: dict[str, str]) -> dict[str, str]:
    """Constants that are sums of products of numbers, a module's under its name, another's name followed once."""
    known = {f"{module}.{k}": value for module, source in modules.items() for k, value in _constants(source).items()}
    known |= {k: known.get(value, value) for k, value in _constants(text).items()}
    return {k: value for k, value in known.items() if re.fullmatch(r"[0-9 ]+([*+][0-9 ]+)*", value)}


def _condition(text: str) -> str:
    """An asserted condition on one line, without the brackets that only held it over several."""
    line = re.sub(r"\s+", " ", text).strip()
    return line[1:-1].strip() if line.startswith("( ") else line


def _constants(text: str) -> dict[str, str]:
    """Values of the constants of this file, for sizes in types."""
    return dict(re.findall(r"^(\w+): (?:public\()?constant\(\w+\)\)? = ([^#\n]+?)(?:  #.*)?$", text, re.MULTILINE))


def _sized(text: str, sizes: dict[str, str]) -> str:
    """Types with numbers in place of the names of constants."""
    for name, value in sizes.items():
        text = re.sub(rf"(?<![.\w]){re.escape(name)}\b", str(sum(_product(term) for term in value.split("+"))), text)
    return text


def _product(term: str) -> int:
    product = 1
    for factor in term.split("*"):
        product *= int(factor)
    return product


def _arguments(text: str) -> tuple[tuple[str, str], ...]:
    parts, depth, current = [], 0, ""
    for letter in text:
        depth += (letter in "([") - (letter in ")]")
        if letter == "," and depth == 0:
            parts.append(current)
            current = ""
        else:
            current += letter
    parts.append(current)
    pairs = (part.partition(":") for part in parts if part.strip())
    return tuple((name.strip(), kind.strip()) for name, _, kind in pairs)


def _tags(body: str) -> dict[str, list[str]]:
    """The tags of the first docstring, each text on one line; paragraphs of a notice stay apart."""
    docstring = re.search(r'"""(.*?)"""', body, re.DOTALL)
    tags: dict[str, list[str]] = {}
    if docstring is None:
        return tags
    pieces = _TAG.split(docstring[1])
    for tag, text in zip(pieces[1::2], pieces[2::2], strict=True):
        tags.setdefault(tag, []).append(_unwrapped(text))
    return tags


def _unwrapped(text: str) -> str:
    """Paragraphs on a line each; what is set in further (lists, formulas) becomes a block of its own, line by line."""
    lines = text.rstrip().splitlines() or [""]
    margin = min((len(line) - len(line.lstrip()) for line in lines[1:] if line.strip()), default=0)
    blocks: list[str] = []
    is_open, was_set_in = False, False
    for row in (lines[0].strip(), *(line[margin:].rstrip() for line in lines[1:])):
        is_set_in = row.startswith(" ")
        if not row:
            is_open = False
            continue
        if is_open and is_set_in == was_set_in:
            blocks[-1] += f"\n    {row.strip()}" if is_set_in else f" {row}"
        else:
            blocks.append(f"    {row.strip()}" if is_set_in else row)
        is_open, was_set_in = True, is_set_in
    return "\n\n".join(blocks)
