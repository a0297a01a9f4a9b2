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


@dataclass
class Registry(Generic[AnswerT]):
    """The answers of one room, found by file name in its package and by entry points of the same name."""

    room: str
    """`clearing`; the package is `commonwatt.clearing`."""
    key: str = ""
    """The settings key that names an answer: `clearing`, `policy`, `model`, ..."""

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
        fields = {f.name: f for f in dataclasses.fields(self.answer(name))}  # type: ignore[arg-type]
        return {key: _given(fields[key], value) if key in fields else value for key, value in parameters.items()}

    def findings(self, name: str, where: str, parameters: dict[str, Any]) -> list[Finding]:
        """What is wrong with an answer's parameters: unknown, of the wrong type, out of range."""
        fields = {f.name: f for f in dataclasses.fields(self.answer(name))}  # type: ignore[arg-type]
        found = []
        for key, value in parameters.items():
            if key not in fields:
                found.append(Finding(f"{where} {key}", f"a parameter of {name}: {one_of(key, fields)}", repr(value)))
            elif fault := _fault(fields[key], value):
                found.append(Finding(f"{where} {key}", fault, repr(value)))
        return found

    def summary(self, name: str) -> str:
        """What an answer is, in one line."""
        return (self.answer(name).__doc__ or "").strip().splitlines()[0]


def class_name(stem: str) -> str:
    """The class in a file: `uniform_price` -> `UniformPrice`, `median_14d` -> `Median14d`, `none` -> `None_` (a keyword)."""
    name = "".join(word.capitalize() for word in stem.split("_"))
    return f"{name}_" if keyword.iskeyword(name) else name


def _declared(field: dataclasses.Field[Any]) -> str:
    # A file without postponed annotations holds the type itself, one with them its name.
    return field.type if isinstance(field.type, str) else field.type.__name__


def _given(field: dataclasses.Field[Any], value: Any) -> Any:
    return whole(value, field.name) if _SCALARS.get(_declared(field)) is int else value


def _fault(field: dataclasses.Field[Any], value: Any) -> str:
    meta, declared = field.metadata, _declared(field)
    kind, value = _SCALARS.get(declared, object), _given(field, value)
    if kind is float and type(value) is int:
        value = float(value)
    if kind is not object and type(value) is not kind:
        return {"int": whole_number(field.name, value), "float": "a number", "str": "text", "bool": "true or false"}[
            declared
        ]
    if meta.get("choices") and value not in meta["choices"]:
        return one_of(str(value), meta["choices"])
    low, high = meta.get("low"), meta.get("high")
    # Written so that NaN is out of range.
    if (low is not None and not value >= low) or (high is not None and not value <= high):
        if low is None or high is None:
            return f"at least {low}" if high is None else f"at most {high}"
        return f"{low}..{high}"
    return ""
