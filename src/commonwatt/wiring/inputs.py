"""Inputs: which slots a run covers, and what identifies everything it was computed from."""

import datetime as dt
import hashlib
import json
import platform
import re
from importlib.metadata import version

import commonwatt
from commonwatt.core.encoding import encode
from commonwatt.core.errors import require
from commonwatt.core.findings import Finding
from commonwatt.crypto.secp256k1 import address_of_secret
from commonwatt.services.ports import LedgerTerms
from commonwatt.settings.checking import OpenCommunity

LIBRARIES = ("numpy", "pyarrow")
"""Packages whose version may change a byte of the results."""


def folder_name(community: str) -> str:
    """The folder of a community's results under `out/`."""
    return re.sub(r"[^a-z0-9]+", "-", community.lower()).strip("-") or "community"


def slots_of(community: OpenCommunity, first: str | None, end: str | None) -> range:
    """The slots of the local days from `first` until before `end`; by default those of `[data]`, else all that have data.

    Raises:
        InvalidInput: not dates, in the wrong order, or days without data.

    """
    settings, data = community.settings, community.feed.slots()
    grid, zone = settings.slots, settings.zone
    found = []
    days: list[dt.date | None] = []
    # Where a day comes from is where it is to be mended.
    wheres = [
        "--from" if first else f"{settings.file.name} data.from",
        "--to" if end else f"{settings.file.name} data.to",
    ]
    for flag, text in zip(wheres, (first or settings.data.from_, end or settings.data.to), strict=True):
        try:
            days.append(dt.date.fromisoformat(text) if text else None)
        except ValueError:
            found.append(Finding(flag, "a date, YYYY-MM-DD", repr(text)))
    require(found)
    begins, ends = days
    start = grid.slots_of_days(begins, begins, zone).start if begins else data.start
    stop = grid.slots_of_days(ends, ends, zone).start if ends else data.stop
    # A first day beyond the data is no matter of the last one.
    if start >= stop and (ends or start < data.stop):
        require(
            [Finding(wheres[1], f"a day after {begins or 'the first of the data'}", str(ends or "the end of the data"))]
        )
    last = grid.local_start(data.stop, zone).date()
    covered = f"days within the data, {grid.local_start(data.start, zone).date()} to {last} (`to` is not included)"
    if not data.start <= start < data.stop:
        found.append(Finding(wheres[0], covered, str(begins)))
    if stop > data.stop:
        found.append(Finding(wheres[1], covered, str(ends)))
    require(found)
    return range(start, stop)


def input_hash(community: OpenCommunity, slots: range) -> bytes:
    """SHA3-256 over settings, members, data and dates: what a run was computed from, the key file aside."""
    parts = [
        community.settings.effective_toml().encode(),
        b"".join(encode(member) for member in community.settings.members),
        *([community.settings.feeder.text.encode()] if community.settings.feeder else []),
        json.dumps(community.feed.file_hashes(), sort_keys=True).encode(),
        f"{slots.start} {slots.stop} {commonwatt.__version__}".encode(),
    ]
    return hashlib.sha3_256(b"".join(hashlib.sha3_256(part).digest() for part in parts)).digest()


def run_identity(
    community: OpenCommunity, slots: range, terms: LedgerTerms, operator_key: bytes, federation: str = ""
) -> dict[str, str]:
    """What a resumed run must share with the one it goes on with, part by part: so that a refusal can say which is another."""
    settings = community.settings
    parts = {
        "settings": settings.effective_toml().encode(),
        **({"feeder": settings.feeder.text.encode()} if settings.feeder else {}),
        "members": b"".join(encode(member) for member in settings.members),
        "data": json.dumps(community.feed.file_hashes(), sort_keys=True).encode(),
        "key file": address_of_secret(operator_key),
        "ledger terms": encode(terms),
    }
    return {
        "version": commonwatt.__version__,
        "community": settings.community.name,
        "slots": f"{slots.start}..{slots.stop}",
        **({"federation": federation} if federation else {}),
        **{name: hashlib.sha3_256(part).hexdigest() for name, part in parts.items()},
    }


def inputs_json(community: OpenCommunity, slots: range, federation: str = "") -> str:
    """`inputs.json`: data hashes, seed, slots and versions, with which the run can be made again, and the federation it belongs to."""
    inputs = {
        "data_sha256": community.feed.file_hashes(),
        "seed": community.settings.community.seed,
        "first_slot": slots.start,
        "end_slot": slots.stop,
        **({"federation": federation} if federation else {}),
        "versions": {
            "commonwatt": commonwatt.__version__,
            "python": ".".join(platform.python_version_tuple()[:2]),
            **{name: version(name) for name in LIBRARIES},
        },
    }
    return json.dumps(inputs, indent=2, sort_keys=True) + "\n"
