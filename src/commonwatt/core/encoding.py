"""Canonical bytes of records: the same record gives the same bytes; journal, content ids and resume rely on it."""

from __future__ import annotations

import dataclasses
import json
import math
import struct
import sys
from typing import Any, get_type_hints

import numpy as np

from commonwatt.core.foreign import parsed_json

_LENGTH = struct.Struct(">I")


def encode(record: object) -> bytes:
    """A frozen dataclass (nested: columns, ints, floats, strings, bytes, tuples, None) as bytes: a JSON header, then the raw arrays."""
    buffers: list[bytes] = []
    header = json.dumps(_described(record, buffers), separators=(",", ":"), sort_keys=True).encode()
    return _LENGTH.pack(len(header)) + header + b"".join(buffers)


def decode(kind: type[Any], data: bytes) -> Any:
    """The record of type `kind` that `encode` turned into `data`.

    Raises:
        ValueError: when the bytes are not such a record.

    """
    try:
        (size,) = _LENGTH.unpack_from(data)
        header = parsed_json(data[_LENGTH.size : _LENGTH.size + size].decode())
        reader = _Reader(data, _LENGTH.size + size)
        record = reader.restored(header, kind)
    except (struct.error, AttributeError, LookupError, TypeError, ValueError) as error:
        raise ValueError(f"expected an encoded {kind.__name__}, was {len(data)} other bytes ({error})") from error
    if reader.at != len(data) or not isinstance(record, kind):
        raise ValueError(f"expected {reader.at} bytes of {kind.__name__}, was {len(data)} of {type(record).__name__}")
    return record


def _described(value: object, buffers: list[bytes]) -> object:
    # Most values are arrays, most others records that were met before.
    if isinstance(value, np.ndarray):
        return _array(value, buffers)
    names = _ORDERED.get(type(value))
    if names is not None:
        return {"r": {name: _described(getattr(value, name), buffers) for name in names}}
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, float):
        return {"f": value.hex()}
    if isinstance(value, bytes):
        buffers.append(value)
        return {"b": len(value)}
    if isinstance(value, (tuple, list)):
        return [_described(item, buffers) for item in value]
    if dataclasses.is_dataclass(value):
        return {"r": {name: _described(getattr(value, name), buffers) for name in _ordered(type(value))}}
    raise TypeError(f"expected a record, was {type(value).__name__}")


def _array(value: np.ndarray[Any, Any], buffers: list[bytes]) -> dict[str, object]:
    kind = value.dtype
    if not (_IS_LITTLE and kind.isnative):
        kind = kind.newbyteorder("<")
        value = value.astype(kind)
    buffers.append(value.tobytes())
    return {"a": kind.str, "s": value.shape}


_IS_LITTLE = sys.byteorder == "little"
_ORDERED: dict[type[Any], tuple[str, ...]] = {}


def _ordered(kind: type[Any]) -> tuple[str, ...]:
    """Names of a record's fields, sorted as the JSON header is, so that buffers are read back in the order they were written."""
    if kind not in _ORDERED:
        _ORDERED[kind] = tuple(sorted(field.name for field in dataclasses.fields(kind)))
    return _ORDERED[kind]


class _Reader:
    """Walks header and buffers together."""

    def __init__(self, data: bytes, at: int) -> None:
        self.data = data
        self.at = at

    def restored(self, described: Any, kind: Any) -> Any:
        if isinstance(described, list):
            inner = [a for a in getattr(kind, "__args__", ()) if a is not Ellipsis]
            kinds = inner if len(inner) == len(described) else (inner[:1] or [object]) * len(described)
            return tuple(self.restored(item, k) for item, k in zip(described, kinds, strict=True))
        if not isinstance(described, dict):
            return described
        if "f" in described:
            return float.fromhex(described["f"])
        if "b" in described:
            return self._bytes(described["b"])
        if "a" in described:
            return self._array(np.dtype(described["a"]), tuple(described["s"]))
        cls = _dataclass_of(kind)
        hints = _hints(cls)
        return cls(**{name: self.restored(item, hints[name]) for name, item in described["r"].items()})

    def _bytes(self, size: int) -> bytes:
        raw = self.data[self.at : self.at + size]
        self.at += size
        return raw

    def _array(self, dtype: np.dtype[Any], shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
        array = np.frombuffer(self._bytes(dtype.itemsize * math.prod(shape)), dtype=dtype).reshape(shape)
        return array if dtype.isnative else array.astype(dtype.newbyteorder("="))


_HINTS: dict[type[Any], dict[str, Any]] = {}


def _hints(cls: type[Any]) -> dict[str, Any]:
    if cls not in _HINTS:
        _HINTS[cls] = get_type_hints(cls)
    return _HINTS[cls]


def _dataclass_of(kind: Any) -> Any:
    for candidate in (kind, *getattr(kind, "__args__", ())):
        if dataclasses.is_dataclass(candidate):
            return candidate
    raise TypeError(f"expected a record type, was {kind}")
