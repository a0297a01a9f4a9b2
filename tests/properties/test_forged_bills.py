"""Whatever is given to the verifier of bills, it says so in words: never a traceback, never a bill that was changed and passes."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from tests.fakes.bills import BillTexts, Place, chained_again, kind_of, places, value_at, with_value
from tests.fakes.tiny_runs import ran, write_morning_with_a_late_reading

from commonwatt.adapters.chain.rlp_codec import RlpDecoded, decode, encode
from commonwatt.adapters.ledger.calldata import SETTLE, read_content_hash, selector
from commonwatt.adapters.ledger.foundation import community_hash
from commonwatt.services.billing.terms import terms_of
from commonwatt.wiring.bill_verifier import FAILED, NO_BILL, PASSED, verify_folder
from commonwatt.wiring.billing import BillRequest, make_bills

FUZZ = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
EVERYTHING = (
    "forecasting.model=persistence",
    "metering.signing=gateway",
    "bidding.signing=order",
    "ledger.window_slots=2",
)
"""Trades on forecasts from the second hour on, a packet of a gateway, an instruction an order, a correction within the morning."""


@pytest.fixture(scope="module")
def bill(tmp_path_factory: pytest.TempPathFactory) -> BillTexts:
    """A morning's bill with an estimate, its correction, imbalance, rewards and penalties."""
    root = tmp_path_factory.mktemp("forged")
    street = write_morning_with_a_late_reading(root / "street", 8)
    assert ran(street, root / "run", "p2pet", overrides=EVERYTHING).verified
    assert make_bills(BillRequest(root / "run", ("roof-1",), out=root / "bills")).passed
    texts = BillTexts.of(root / "bills" / "roof-1")
    entries = json.loads(texts.json)["entries"]
    assert {entry["revision"] for entry in entries} == {0, 1}
    assert any(entry["trades"] for entry in entries)
    return texts


def verdict(folder: Path, files: dict[str, bytes]) -> tuple[int, str]:
    """What the verifier says of a folder with these files: exit code and words, which no terminal can be led astray by."""
    folder.mkdir(exist_ok=True)
    for name in ("bill.json", "bill.csv", "bill.html"):
        (folder / name).unlink(missing_ok=True)
        if name in files:
            (folder / name).write_bytes(files[name])
    code, lines = verify_folder(folder)
    assert lines
    assert all(line.isprintable() for line in lines)
    assert code != FAILED or any("FAIL" in line for line in lines)
    return code, "\n".join(lines)


def parts_of(told: Any) -> dict[tuple[str, int], list[Place]]:
    """Where the parts of a bill stand, from single values to whole branches, by kind and depth."""
    parts: dict[tuple[str, int], dict[Place, None]] = {}
    for place in places(told):
        for size in range(1, len(place) + 1):
            parts.setdefault((kind_of(place[:size]), size), {})[place[:size]] = None
    return {kind: list(where) for kind, where in parts.items()}


def files_of(texts: BillTexts) -> dict[str, bytes]:
    return {"bill.json": texts.json.encode(), "bill.csv": texts.csv.encode(), "bill.html": texts.html.encode()}


def test_the_bill_verifies_before_it_is_changed(bill: BillTexts, tmp_path: Path) -> None:
    assert verdict(tmp_path, files_of(bill))[0] == PASSED


@st.composite
def damaged(draw: st.DrawFn, data: bytes) -> bytes:
    """Other bytes: one or two flipped, cut, doubled, moved or exchanged for some that readers stumble over."""
    for _ in range(draw(st.integers(1, 2))):
        at, size = draw(st.integers(0, max(len(data) - 1, 0))), draw(st.sampled_from([1, 2, 7, 64, 999]))
        how = draw(st.sampled_from(["flip", "cut", "end", "double", "snippet"]))
        if how == "flip" and data:
            data = data[:at] + bytes([data[at] ^ draw(st.integers(1, 255))]) + data[at + 1 :]
        elif how == "cut":
            data = data[:at] + data[at + size :]
        elif how == "end":
            data = data[:at]
        elif how == "double":
            data = data[: at + size] + data[at:]
        else:
            data = data[:at] + draw(st.sampled_from(SNIPPETS)) + data[at + size :]
    return data


SNIPPETS = [b"", b"\0", b"\xff\xfe", b"\r\n", b"{}", b"[]", b"null", b"true", b"-1", b"1e999", b"NaN", b"9" * 5000, b'"', b"[" * 9999, b'{"a":' * 9999, b"\xe2\x80\xae"]  # fmt: skip


@settings(FUZZ, max_examples=60)
@given(data=st.data(), name=st.sampled_from(["bill.json", "bill.json", "bill.csv", "bill.html"]))
def test_other_bytes_never_pass(bill: BillTexts, tmp_path: Path, data: st.DataObject, name: str) -> None:
    files = files_of(bill)
    other = data.draw(damaged(files[name]))
    assume(other != files[name])
    assert verdict(tmp_path, files | {name: other})[0] in (FAILED, NO_BILL)


STRANGE = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([-1, 0, 2**31, 2**53, 2**63 - 1, -(2**63), 2**63, 10**400, 0.5, 1e300, -0.0]),
    st.text(max_size=20),
    st.sampled_from(["", "#", "0x", "ÿ", "\ud800", "\u202e", "'''", "</script>", "../../etc/passwd", "A" * 97, "#" + "0" * 64]),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)  # fmt: skip
"""Values of the wrong type or size."""


@settings(FUZZ, max_examples=60)
@given(data=st.data())
def test_a_value_of_another_type_or_size_never_passes(bill: BillTexts, tmp_path: Path, data: st.DataObject) -> None:
    """The forger writes the file in its one form again."""
    told = json.loads(bill.json)
    kind = data.draw(st.sampled_from(sorted(parts := parts_of(told))))
    place = data.draw(st.sampled_from(parts[kind]))
    new = data.draw(STRANGE)
    assume(new != value_at(told, place) or type(new) is not type(value_at(told, place)))
    text = json.dumps(with_value(told, place, new), indent=1) + "\n"
    code, said = verdict(tmp_path, files_of(bill) | {"bill.json": text.encode("utf-8", "surrogatepass")})
    assert code in (FAILED, NO_BILL), (place, new)
    assert code == FAILED or ": expected " in said


@settings(FUZZ, max_examples=40)
@given(data=st.data())
def test_exchanged_proofs_never_pass(bill: BillTexts, tmp_path: Path, data: st.DataObject) -> None:
    """Two parts of the same kind that change places: paths, signatures, lines, whole slots, blocks."""
    told = json.loads(bill.json)
    parts = {kind: where for kind, where in parts_of(told).items() if len(where) > 1}
    kind = data.draw(st.sampled_from(sorted(parts)))
    one, other = data.draw(st.lists(st.sampled_from(parts[kind]), min_size=2, max_size=2, unique=True))
    values = value_at(told, one), value_at(told, other)
    assume(values[0] != values[1])
    text = json.dumps(with_value(with_value(told, one, values[1]), other, values[0]), indent=1) + "\n"
    assert verdict(tmp_path, files_of(bill) | {"bill.json": text.encode()})[0] in (FAILED, NO_BILL), (one, other)


@pytest.mark.parametrize("name", ["trades", "lines"])
def test_the_same_rows_in_another_order_are_another_bill(bill: BillTexts, tmp_path: Path, name: str) -> None:
    """Even where table and page would say the same."""
    told = json.loads(bill.json)
    at = next(at for at, entry in enumerate(told["entries"]) if len(entry[name]) > 1)
    rows = told["entries"][at][name]
    text = json.dumps(with_value(told, ("entries", at, name), rows[::-1]), indent=1) + "\n"
    code, said = verdict(tmp_path, files_of(bill) | {"bill.json": text.encode()})
    assert code == FAILED
    assert {"trades": "each once, in order of their orders", "lines": "its lines in order"}[name] in said


@st.composite
def other_items(draw: st.DrawFn, item: RlpDecoded) -> RlpDecoded:
    """A transaction or receipt with a field of other bytes: words of great numbers, none, more, another shape."""
    if isinstance(item, list) and item:
        at = draw(st.integers(0, len(item) - 1))
        return [*item[:at], draw(other_items(item[at])), *item[at + 1 :]]
    data = item if isinstance(item, bytes) else b""
    at = draw(st.integers(0, max(len(data) // 32 - 1, 0))) * 32 + 4
    words = [bytes(32), b"\xff" * 32, (2**62).to_bytes(32, "big"), (2**31).to_bytes(32, "big"), (1).to_bytes(32, "big")]
    changed = data[:at] + draw(st.sampled_from(words)) + data[at + 32 :]
    others: list[RlpDecoded] = [
        b"",
        data[:-1],
        data + b"\1",
        data[: draw(st.integers(0, len(data)))],
        changed,
        changed,
        [],
    ]
    return draw(st.sampled_from(others))


@settings(FUZZ, max_examples=60)
@given(data=st.data())
def test_a_forged_chain_that_links_never_passes(bill: BillTexts, tmp_path: Path, data: st.DataObject) -> None:
    """Transactions and receipts of any content under headers that are made anew over them: what is read is checked where it is read."""
    told = json.loads(bill.json)
    carried = [p for p in places(told["chain"]["blocks"]) if p[-2] in ("transactions", "receipts")]
    place = ("chain", "blocks", *data.draw(st.sampled_from(carried)))
    text = value_at(told, place)
    if text.startswith("#"):
        new = b64encode(data.draw(st.binary(max_size=40))).decode()
    else:
        raw = b64decode(text)
        new = b64encode(data.draw(st.one_of(damaged(raw), other_items(decode(raw)).map(encode)))).decode()
    assume(new != text)
    forged: Any = chained_again(with_value(told, place, new))
    code, said = verdict(tmp_path, files_of(bill) | {"bill.json": (json.dumps(forged, indent=1) + "\n").encode()})
    assert code == FAILED, said
    assert "FAIL  bill.html says" in said or "settings and chain can be read" in said, "the page names the head"


def test_a_settlement_of_endless_parts_fails_at_once(bill: BillTexts, tmp_path: Path) -> None:
    """Who forges the whole chain forges the contract's log of it, too."""
    told = json.loads(bill.json)
    named = community_hash(terms_of(told["settings"]).community)
    for block in told["chain"]["blocks"][2:]:
        for at, text in enumerate(block["transactions"]):
            fields: Any = decode(b64decode(text)) if not text.startswith("#") else [b""] * 9
            data = fields[5]
            if data[:4] != selector(SETTLE):
                continue
            fields[5] = data[: 4 + 4 * 32] + (2**62).to_bytes(32, "big") + data[4 + 5 * 32 :]
            block["transactions"][at] = b64encode(encode(fields)).decode()
            receipt: Any = decode(b64decode(block["receipts"][at]))
            receipt[5][-1][1][3] = read_content_hash(named, fields[5])
            block["receipts"][at] = b64encode(encode(receipt)).decode()
    text = json.dumps(chained_again(told), indent=1) + "\n"
    code, said = verdict(tmp_path, files_of(bill) | {"bill.json": text.encode()})
    assert code == FAILED
    assert "its settlement on the chain, all parts, found parts [0]" in said


@settings(FUZZ, max_examples=30)
@given(data=st.data())
def test_settings_of_any_text_never_pass(bill: BillTexts, tmp_path: Path, data: st.DataObject) -> None:
    told = json.loads(bill.json)
    text = data.draw(damaged(told["settings"].encode())).decode("utf-8", "replace")
    assume(text != told["settings"])
    changed = json.dumps(with_value(told, ("settings",), text), indent=1) + "\n"
    assert verdict(tmp_path, files_of(bill) | {"bill.json": changed.encode()})[0] == FAILED


@pytest.mark.parametrize("missing", ["bill.json", "bill.csv", "bill.html"])
def test_a_folder_without_one_of_the_files_is_no_bill(bill: BillTexts, tmp_path: Path, missing: str) -> None:
    files = {name: data for name, data in files_of(bill).items() if name != missing}
    code, said = verdict(tmp_path, files)
    assert code == NO_BILL
    assert missing in said
