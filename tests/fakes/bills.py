"""Bills to forge: every value of a bill by its place, and what a forger might put there."""

from __future__ import annotations

import copy
import re
from base64 import b64decode, b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from commonwatt.adapters.chain.blocks import genesis_parent, header_hash, leaf_hash, root_of_leaf_hashes
from commonwatt.adapters.ledger.foundation import chain_id_of
from commonwatt.services.billing.terms import terms_of

Place = tuple[str | int, ...]


@dataclass(frozen=True)
class BillTexts:
    """The three files of a bill."""

    json: str
    csv: str
    html: str

    @classmethod
    def of(cls, folder: Path) -> BillTexts:
        """Read a bill's folder."""
        names = ("bill.json", "bill.csv", "bill.html")
        return cls(*((folder / name).read_bytes().decode("utf-8") for name in names))

    def write(self, folder: Path) -> Path:
        """Write them as they are."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in (("bill.json", self.json), ("bill.csv", self.csv), ("bill.html", self.html)):
            (folder / name).write_bytes(text.encode("utf-8"))
        return folder


def places(value: Any, where: Place = ()) -> Iterator[Place]:
    """Where every number, text and flag of some JSON stands."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from places(item, (*where, key))
    elif isinstance(value, list):
        for at, item in enumerate(value):
            yield from places(item, (*where, at))
    else:
        yield where


def kind_of(place: Place) -> str:
    """A place without its numbers: `entries trades energy_wh`."""
    return " ".join(part for part in place if isinstance(part, str))


def value_at(value: Any, place: Place) -> Any:
    """What stands at a place."""
    for part in place:
        value = value[part]
    return value


def with_value(value: Any, place: Place, new: Any) -> Any:
    """A copy with another value at a place."""
    changed = copy.deepcopy(value)
    value_at(changed, place[:-1])[place[-1]] = new
    return changed


def forged(old: Any) -> Any:
    """Another value of the same type, as a forger would write it."""
    if isinstance(old, bool):
        return not old
    if isinstance(old, int):
        return old + 1
    if re.fullmatch(r"#?[0-9a-f]{2,}", old):
        return old[:-1] + ("0" if old[-1] != "0" else "1")
    if len(old) > 40 and re.fullmatch(r"[A-Za-z0-9+/=]+", old):
        # A digit of the middle: the last ones may be padding, which is another test's matter.
        at = len(old) // 2
        return old[:at] + ("A" if old[at] != "A" else "B") + old[at + 1 :]
    return old + "x"


def chained_again(bill: Any) -> Any:
    """A copy whose headers and head are made anew over the transactions and receipts it carries, as a forger of the whole chain has them."""
    bill = copy.deepcopy(bill)
    chain = bill["chain"]
    headers = [bytearray(b64decode(text)) for text in chain["headers"]]
    for block in chain["blocks"]:
        for items, place in ((block["transactions"], 8), (block["receipts"], 40)):
            headers[block["number"]][place : place + 32] = root_of_leaf_hashes([_leaf(text) for text in items])
    parent = genesis_parent(chain_id_of(terms_of(bill["settings"]).community), chain["fork"])
    for number, raw in enumerate(headers):
        time_s, roots = int.from_bytes(raw[:8], "big"), bytes(raw[8:72])
        parent = header_hash(number, time_s, parent, roots[:32], roots[32:], bool(raw[-1]))
    chain["headers"] = [b64encode(bytes(raw)).decode() for raw in headers]
    chain["head_hash"] = parent.hex()
    return bill


def _leaf(text: str) -> bytes:
    return bytes.fromhex(text[1:]) if text.startswith("#") else leaf_hash(b64decode(text))
