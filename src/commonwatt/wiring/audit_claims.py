"""Claims: what a run's settings, inputs and tables say it was founded on, and whether its files say one thing only."""

import io
import json
from pathlib import Path
from typing import Any

import pyarrow.csv as pa_csv

from commonwatt.adapters.feeder_file import FEEDER
from commonwatt.adapters.store.files import read_json
from commonwatt.adapters.store.run_folder import CHAIN, INPUTS, KNOWN_FILES, MANIFEST, SETTINGS
from commonwatt.core.accounts import FIRST_MEMBER
from commonwatt.core.errors import InvalidInput
from commonwatt.core.findings import Finding
from commonwatt.core.units import amount_nano, slot_energy_wh
from commonwatt.services.audit import Audited, Check
from commonwatt.services.audit.entries import Claimed
from commonwatt.services.ports import LedgerMember, LedgerTerms
from commonwatt.services.public import PublicTables
from commonwatt.services.schemas import PUBLIC, SCHEMAS
from commonwatt.settings import Settings
from commonwatt.wiring.bonds import with_bonds

_INPUT_KEYS = ["data_sha256", "end_slot", "first_slot", "seed", "versions"]
_FEDERATION = "federation"
"""What `inputs.json` has beside these where the run is one of a federation."""


def claimed_of(audited: Audited, settings: Settings, public: Path) -> Claimed:
    """The claims of a public folder.

    Raises:
        InvalidInput: `inputs.json` is not readable.

    """
    inputs = read_inputs(public)
    members = audited.public.tables["members"].to_pylist()
    deposits = audited.founding_nano.tolist()
    connections = [int(row["connection_w"]) for row in members]
    terms = LedgerTerms(
        community=settings.community.name,
        slot_s=settings.community.slot_s,
        window_slots=settings.ledger.window_slots,
        price_cap_micro_per_kwh=settings.price_cap_micro_per_kwh,
        supplier_deposit_nano=_supplier_deposit_nano(settings, connections),
        members=tuple(
            LedgerMember(
                pseudonym=row["member"],
                wallet=bytes.fromhex(row["wallet"][2:]),
                meter_key=bytes.fromhex(row["meter_key"][2:]),
                connection_w=row["connection_w"],
                # Without a fixed prepayment it follows from private load curves: what the ledger took is taken as said.
                deposit_nano=settings.ledger.member_deposit_nano or deposits[FIRST_MEMBER + index],
                role=row["role"],
                facts=facts,
            )
            for index, (row, facts) in enumerate(zip(members, audited.public.member_facts, strict=True))
        ),
    )
    terms = with_bonds(terms, settings)
    slots = range(inputs["first_slot"], inputs["end_slot"])
    return Claimed(audited, terms, slots, _may_fail(settings), inputs.get(_FEDERATION, ""))


def _supplier_deposit_nano(settings: Settings, connections_w: list[int]) -> int:
    if settings.ledger.supplier_deposit_nano:
        return settings.ledger.supplier_deposit_nano
    slot_wh = sum(slot_energy_wh(w, settings.community.slot_s) for w in connections_w)
    return amount_nano(slot_wh * settings.slots_in_flight, settings.price_cap_micro_per_kwh)


def _may_fail(settings: Settings) -> str:
    """Rooms whose failure leaves nothing public to judge it by."""
    names = {room: chosen.name for room, chosen in settings.choices.items()}
    harmless = {
        "trust": ("none",),
        "validators": ("authority",),
        "assets": ("battery", "price_threshold"),
    }
    others = [f"{room} {names[room]!r}" for room, known in harmless.items() if names[room] not in known]
    return f"what {' and '.join(others)} said is not public" if others else ""


def read_inputs(public: Path) -> dict[str, Any]:
    """`inputs.json`.

    Raises:
        InvalidInput: missing, or without the slots and the seed.

    """
    path = public / INPUTS
    try:
        inputs = read_json(path)
        numbers = [inputs[name] for name in ("first_slot", "end_slot", "seed")]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidInput([Finding(str(path), "the inputs of a run", f"{type(error).__name__}: {error}")]) from error
    if not all(type(number) is int for number in numbers):
        raise InvalidInput([Finding(str(path), "whole numbers", str(numbers))])
    name = inputs.get(_FEDERATION, "none")
    if not (isinstance(name, str) and name.strip() and name.isprintable()):
        raise InvalidInput([Finding(f"{path} {_FEDERATION}", "a federation's name, or nothing", repr(name))])
    return dict(inputs)


def check_plain_files(public: Path, manifest: dict[str, Any], settings: Settings, tables: PublicTables) -> Check:
    """Nothing lies beside the known files, and every file says what it says in one way: as a run writes it."""
    found = [
        Finding(f"public/{path.name}", "a file of a run", "another file" if path.is_file() else "no plain file")
        for path in sorted(public.iterdir())
        if path.name not in KNOWN_FILES or not path.is_file() or path.is_symlink()
    ]
    found += _text_findings(
        public / MANIFEST, json.dumps(manifest, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    )
    found += _text_findings(public / SETTINGS, settings.effective_toml())
    inputs = read_inputs(public)
    found += _text_findings(public / INPUTS, json.dumps(inputs, indent=2, sort_keys=True) + "\n")
    if sorted(set(inputs) - {_FEDERATION}) != _INPUT_KEYS or inputs["seed"] != settings.community.seed:
        expected = f"{', '.join(_INPUT_KEYS)}, seed {settings.community.seed}"
        found.append(Finding(f"public/{INPUTS}", expected, f"{', '.join(sorted(inputs))}, seed {inputs['seed']}"))
    if (
        sorted(manifest) != ["chain_head", "code_hashes", "files", "format", "operator", "root"]
        or manifest["format"] != 1
    ):
        found.append(Finding(f"public/{MANIFEST}", "the fields of format 1", ", ".join(sorted(manifest))))
    if settings.feeder is not None:
        found += _text_findings(public / FEEDER, settings.feeder.text)
    elif (public / FEEDER).exists():
        found.append(Finding(f"public/{FEEDER}", "no feeder: no grid model of this run looks at one", "a file"))
    for name in PUBLIC:
        path = public / f"{name}.csv"
        if path.is_file() and path.read_bytes() != _csv(tables, name):
            found.append(Finding(f"public/{name}.csv", f"the rows of {name}.parquet", "others"))
        blank = [f.name for f in SCHEMAS[name] if f.type == "int64" and tables.tables[name][f.name].null_count]
        found += [
            Finding(f"public/{name}.parquet {column}", "a number in every row", "an empty field") for column in blank
        ]
    return Check("files say one thing, in one way", len(KNOWN_FILES), "kinds of file", tuple(found))


def check_kind_of_ledger(settings: Settings, audited: Audited) -> Check:
    """A ledger in plain Python signs nothing: it may not stand where settings promise a chain."""
    is_memory = audited.ledger.executor == "memory"
    found = []
    if is_memory != (settings.ledger.chain == "memory"):
        found.append(Finding(f"public/{CHAIN}", f"a ledger of kind {settings.ledger.chain}", "another kind"))
    return Check("the ledger is of the kind that the settings say", 1, "ledger", tuple(found))


def _text_findings(path: Path, expected: str) -> list[Finding]:
    try:
        text = path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        return [Finding(f"public/{path.name}", "a text file", str(error))]
    if text == expected:
        return []
    lines = zip([*text.splitlines(), ""], [*expected.splitlines(), ""], strict=False)
    was, line = next(((a, b) for a, b in lines if a != b), ("other line ends", "one line end a line"))
    return [Finding(f"public/{path.name}", f"as a run writes it: {line!r}", repr(was))]


def _csv(tables: PublicTables, name: str) -> bytes:
    written = io.BytesIO()
    pa_csv.write_csv(tables.tables[name], written)
    return written.getvalue()
