"""RLP, Ethereum's encoding of nested byte strings (Yellow Paper, appendix B), in its one canonical form.

Written out because the `rlp` package takes 30 us to encode a transaction, more than its signature check leaves room
for, and 0.4 s to import. The tests hold both together.
"""

from collections.abc import Sequence
from typing import Final, TypeAlias

RlpItem: TypeAlias = "bytes | Sequence[RlpItem]"
RlpDecoded: TypeAlias = "bytes | list[RlpDecoded]"

MAX_DEPTH: Final = 16

_LONG: Final = 56
_STRING, _LIST = 0x80, 0xC0
_LONG_STRING, _LONG_LIST = _STRING + _LONG, _LIST + _LONG
_SHORT_STRING: Final = tuple(bytes((_STRING + length,)) for length in range(_LONG))
_SHORT_LIST: Final = tuple(bytes((_LIST + length,)) for length in range(_LONG))


class RlpError(ValueError):
    """Bytes that are not the canonical RLP of anything."""


def encode(item: RlpItem) -> bytes:
    """Return the RLP form of bytes or nested sequences of bytes."""
    if isinstance(item, bytes):
        if len(item) < _LONG:
            return item if len(item) == 1 and item[0] < _STRING else _SHORT_STRING[len(item)] + item
        return _long_prefix(len(item), _STRING) + item
    parts = []
    for part in item:
        # Most parts are short strings: they cost a call each otherwise.
        if isinstance(part, bytes) and len(part) < _LONG:
            if len(part) != 1 or part[0] >= _STRING:
                parts.append(_SHORT_STRING[len(part)])
            parts.append(part)
        else:
            parts.append(encode(part))
    payload = b"".join(parts)
    return (_SHORT_LIST[len(payload)] if len(payload) < _LONG else _long_prefix(len(payload), _LIST)) + payload


def decode(data: bytes) -> RlpDecoded:
    """Return the bytes or nested lists whose canonical RLP is `data`; RlpError for anything else."""
    item, end = _item(data, 0, len(data), 0)
    if end != len(data):
        raise RlpError(f"expected {end} bytes, was {len(data)}")
    return item


def minimal(number: int) -> bytes:
    """Return a non-negative integer in the fewest big-endian bytes, none for 0, as RLP writes integers."""
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def _long_prefix(length: int, offset: int) -> bytes:
    size = minimal(length)
    return bytes((offset + _LONG - 1 + len(size),)) + size


def _item(data: bytes, at: int, limit: int, depth: int) -> tuple[RlpDecoded, int]:
    """Return the item that starts at `at` and where it ends, which is not beyond `limit`."""
    if at >= limit:
        raise RlpError("expected an item, was the end")
    first = data[at]
    if first < _STRING:
        return data[at : at + 1], at + 1
    if first < _LIST:
        start, end = _extent(data, at, limit, _STRING, _LONG_STRING)
        if end - start == 1 and data[start] < _STRING:
            raise RlpError(f"expected byte {data[start]} without a prefix")
        return data[start:end], end
    start, end = _extent(data, at, limit, _LIST, _LONG_LIST)
    if depth == MAX_DEPTH:
        raise RlpError(f"expected at most {MAX_DEPTH} nested lists")
    items = []
    while start < end:
        item, start = _item(data, start, end, depth + 1)
        items.append(item)
    return items, end


def _extent(data: bytes, at: int, limit: int, offset: int, first_long: int) -> tuple[int, int]:
    start, length = at + 1, data[at] - offset
    if data[at] >= first_long:
        start = at + 2 + data[at] - first_long
        size = data[at + 1 : start]
        length = int.from_bytes(size, "big")
        if start > limit or size[0] == 0 or length < _LONG:
            raise RlpError("expected a length in its shortest form")
    if start + length > limit:
        raise RlpError(f"expected {length} bytes, was {limit - start}")
    return start, start + length
