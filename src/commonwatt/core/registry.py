"""Registries: the name in a configuration is an answer's file name; what an answer needs, breaks and takes as parameters."""

from __future__ import annotations

import dataclasses
import importlib
import keyword
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import entry_points
from importlib.util import find_spec
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from commonwatt.core.errors import MissingExtra, require
from commonwatt.core.findings import Finding, one_of, whole, whole_number

NEEDS = frozenset({"readings", "sums", "proofs", "orders", "feeder", "signatures"})
"""What an answer may declare that it must be given."""


class Answer(Protocol):
    """What every answer of every room declares; the class is a frozen dataclass whose fields are its parameters."""

    needs: ClassVar[frozenset[str]]
    """What it must be given (`NEEDS`); `commonwatt check` holds it against the metering level."""
    breaks: ClassVar[frozenset[str]]
    """Promises of the room that it cannot keep; the tests assert that each is true."""


AnswerT = TypeVar("AnswerT")
_SCALARS = {"int": int, "float": float, "str": str, "bool": bool}


def parameter(
    default: Any,
    *,
    doc: str,
    unit: str = "",
    low: Any = None,
    high: Any = None,
    choices: tuple[str, ...] = (),
    source: str = "",
) -> Any:
    """A documented parameter of an answer: default, unit, inclusive range or choices, and where the value comes from."""
    meta = {"doc": doc, "unit": unit, "low": low, "high": high, "choices": choices, "source": source}
    return dataclasses.field(default=default, metadata=meta)


@dataclass(frozen=True)
class Parameter:
    """A parameter of an answer, as everything that shows or checks it needs it."""

    name: str
    kind: str
    """`int`, `float`, `str`, `bool`, or another type's name."""
    default: Any
    """None where a value must be given."""
    is_required: bool
    doc: str
    unit: str
    low: Any
    high: Any
    choices: tuple[str, ...]
    source: str

    @property
    def bounds(self) -> str:
        """What it may be, in words: `0..60`, `at least 0`, `metered or gate`; empty where anything may be."""
        if self.choices:
            return " or ".join(map(str, self.choices))
        if self.low is None or self.high is None:
            return (
                "" if self.low is self.high else f"at least {self.low}" if self.high is None else f"at most {self.high}"
            )
        return f"{self.low}..{self.high}"

    @property
    def meaning(self) -> str:
        """Its text with unit and bounds: `penalty for energy that did not (micro/kWh, 0..2147483647)`."""
        extra = ", ".join(filter(None, (self.unit, self.bounds)))
        return self.doc + (f" ({extra})" if extra else "")

    def given(self, value: Any) -> Any:
        """A value as the answer takes it: a whole number may have been written 83.0."""
        return whole(value, self.name) if self.kind == "int" else value

    def fault(self, value: Any) -> str:
        """What was expected where `value` cannot be; empty where it can."""
        kind, value = _SCALARS.get(self.kind, object), self.given(value)
        if kind is float and type(value) is int:
            value = float(value)
        if kind is int and type(value) is not int:
            return whole_number(self.name, value)
        if kind is not object and type(value) is not kind:
            return {"float": "a number", "str": "text", "bool": "true or false"}[self.kind]
        if self.choices:
            return "" if value in self.choices else one_of(str(value), self.choices)
        # Written so that NaN is out of range.
        is_out = (self.low is not None and not value >= self.low) or (self.high is not None and not value <= self.high)
        return self.bounds if is_out else ""


@dataclass
class Registry(Generic[AnswerT]):
    """The answers of one room, found by file name in its package and by entry points of the same name."""

    room: str
    """`clearing`; the package is `commonwatt.clearing`."""
    key: str = ""
    """The settings key that names an answer: `clearing`, `policy`, `model`, ..."""
    section: str = ""
    """The section of a community file that holds the key; the room's own name where left out."""

    def __post_init__(self) -> None:
        self.section = self.section or self.room

    @property
    def package(self) -> str:
        """Import path of the room."""
        return f"commonwatt.{self.room}"

    @cached_property
    def _paths(self) -> dict[str, str]:
        module = importlib.import_module(self.package)
        names = {m.name: f"{self.package}.{m.name}" for m in pkgutil.iter_modules(module.__path__) if not m.ispkg}
        found = {name: path for name, path in names.items() if name != "base" and not name.startswith("_")}
        for plugin in entry_points(group=self.package):
            found.setdefault(plugin.name, plugin.value.partition(":")[0])
        return dict(sorted(found.items()))

    def names(self) -> list[str]:
        """Every answer's name, sorted; nothing is imported."""
        return list(self._paths)

    def answer(self, name: str) -> type[AnswerT]:
        """The class of an answer.

        Raises:
            InvalidInput: an unknown name; the finding lists the choices and the nearest one.
            MissingExtra: the answer needs a package that is not installed.

        """
        if name not in self._paths:
            require([Finding(f"{self.room}", one_of(name, self._paths), repr(name))])
        try:
            module = importlib.import_module(self._paths[name])
        except ImportError as error:
            if (error.name or "commonwatt").partition(".")[0] == "commonwatt":
                raise
            raise MissingExtra(
                f"{self.room} {name}: expected the package {error.name!r} to be installed, was not"
            ) from error
        if not hasattr(module, class_name(name)):
            require([Finding(f"{self.room} {name}", f"a class {class_name(name)} in {module.__name__}", "none")])
        return getattr(module, class_name(name))  # type: ignore[no-any-return]

    def lacking(self, name: str, where: str) -> Finding | None:
        """The package that an answer needs (its `package`: name, extra) where it is not installed; None where nothing is missing.

        Of an answer that imports it only when it is asked; one that does so at once says it by `MissingExtra` (as `answer`).
        """
        package, extra = getattr(self.answer(name), "package", ("", ""))
        if not package or find_spec(package) is not None:
            return None
        return Finding(where, f"the package {package} for it: pip install 'commonwatt[{extra}]'", repr(name))

    def make(self, name: str, where: str = "", **parameters: Any) -> AnswerT:
        """An answer with its parameters checked.

        Raises:
            InvalidInput: an unknown name or parameters out of place, all findings at once.

        """
        cls = self.answer(name)
        require(self.findings(name, where or self.room, parameters))
        return cls(**self.given(name, parameters))

    def given(self, name: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Parameters as the answer takes them: a whole number may have been written 83.0."""
        known = {p.name: p for p in self.parameters(name)}
        return {key: known[key].given(value) if key in known else value for key, value in parameters.items()}

    def findings(self, name: str, where: str, parameters: dict[str, Any]) -> list[Finding]:
        """What is wrong with an answer's parameters: unknown, of the wrong type, out of range."""
        known = {p.name: p for p in self.parameters(name)}
        found = []
        for key, value in parameters.items():
            if key not in known:
                found.append(Finding(f"{where} {key}", f"a parameter of {name}: {one_of(key, known)}", repr(value)))
            elif fault := known[key].fault(value):
                found.append(Finding(f"{where} {key}", fault, repr(value)))
        return found

    def parameters(self, name: str) -> list[Parameter]:
        """The parameters of an answer in the order of its fields; errors as `answer`."""
        return [_parameter(field) for field in dataclasses.fields(self.answer(name))]  # type: ignore[arg-type]

    def summary(self, name: str) -> str:
        """What an answer is, in one line."""
        return (self.answer(name).__doc__ or "").strip().splitlines()[0]


def class_name(stem: str) -> str:
    """The class in a file: `uniform_price` -> `UniformPrice`, `median_14d` -> `Median14d`, `none` -> `None_` (a keyword)."""
    name = "".join(word.capitalize() for word in stem.split("_"))
    return f"{name}_" if keyword.iskeyword(name) else name


def _parameter(field: dataclasses.Field[Any]) -> Parameter:
    is_required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    meta = {"doc": "", "unit": "", "low": None, "high": None, "choices": (), "source": "", **field.metadata}
    return Parameter(
        name=field.name,
        # A file without postponed annotations holds the type itself, one with them its name.
        kind=field.type if isinstance(field.type, str) else field.type.__name__,
        default=None if field.default is dataclasses.MISSING else field.default,
        is_required=is_required,
        **meta,
    )
