"""A bill as text and back: JSON in one form only, read strictly, so that another byte is another bill or none."""

import json
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, Final, get_args, get_origin, get_type_hints

from commonwatt.core.foreign import parsed_json
from commonwatt.services.billing.bill import Bill

_BOUND: Final = 2**63


class NoBillError(ValueError):
    """Text that is no bill: where, what was expected, what was found."""

    def __init__(self, where: str, expected: str, found: str) -> None:
        super().__init__(f"{where}: expected {expected}, found {found}")


def bill_text(bill: Bill) -> str:
    """The JSON of a bill: a field or an item a line, indented by one space a level."""
    return _text(bill, "\n ") + "\n"


def read_bill(text: str) -> Bill:
    """The bill that some text is.

    Raises:
        NoBillError: no JSON, other fields, other types, numbers beyond 64 bits.

    """
    try:
        value = parsed_json(text, constant=_no_number)
    except ValueError as error:
        raise NoBillError("bill.json", "JSON", str(error)[:200]) from None
    bill: Bill = _restored(Bill, value, "bill.json")
    return bill


def _text(value: Any, line: str) -> str:
    """A value of a bill in JSON; `line` ends a line and indents the next one within it. `json` itself takes twice as long."""
    if isinstance(value, str | int):
        return json.dumps(value)
    if isinstance(value, tuple):
        opening, items, closing = "[", [_text(item, line + " ") for item in value], "]"
    else:
        kind: Any = type(value)
        opening, closing = "{", "}"
        items = [f'"{name}": {_text(getattr(value, name), line + " ")}' for name in _hints(kind)]
    return opening + line + f",{line}".join(items) + line[:-1] + closing if items else opening + closing


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no number of a bill")


def _restored(kind: Any, value: Any, where: str) -> Any:
    if is_dataclass(kind):
        return _record(kind, value, where)
    if get_origin(kind) is tuple:
        if type(value) is not list:
            raise NoBillError(where, "a list", _shown(value))
        return tuple(_restored(get_args(kind)[0], item, f"{where}[{at}]") for at, item in enumerate(value))
    if type(value) is not kind:
        raise NoBillError(where, {int: "a whole number", str: "text", bool: "true or false"}[kind], _shown(value))
    if kind is int and not -_BOUND <= value < _BOUND:
        raise NoBillError(where, "a number of 64 bits", "a larger one")
    if kind is str and not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
        raise NoBillError(where, "text", "half a character")
    return value


def _record(kind: Any, value: Any, where: str) -> Any:
    hints = _hints(kind)
    names = list(hints)
    if type(value) is not dict or list(value) != names:
        raise NoBillError(where, "the fields " + ", ".join(names), _shown(value))
    return kind(**{name: _restored(hint, value[name], f"{where} {name}") for name, hint in hints.items()})


@cache
def _hints(kind: Any) -> dict[str, Any]:
    """The fields of a record by name, in order, with their types."""
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind)}


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "the fields " + (", ".join(list(value)[:12]) or "of nothing")
    try:
        return repr(value)[:80]
    except ValueError:  # a number of more digits than Python prints
        return "a very large number"
