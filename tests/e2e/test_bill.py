"""`commonwatt bill`: what it writes verifies anywhere, and what anybody changes in it is found and named."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.test_cheating import _failed_at_will
from tests.fakes.bills import BillTexts, forged, kind_of, places, value_at, with_value
from tests.fakes.cheating import Cheat
from tests.fakes.small_runs import Said, commonwatt, read_json

from commonwatt.services.billing.text import NoBillError, bill_text, read_bill
from commonwatt.wiring.bill_verifier import verdict_lines, verdict_on
from commonwatt.wiring.billing import BillRequest, make_bills


def alone(folder: Path, *arguments: str) -> Said:
    """Run the verifier that lies in a bill's folder with nothing installed: no site packages, no package of ours."""
    command = [sys.executable, "-I", "-S", str(folder / "verify_bill.py"), str(folder), *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    said = Said(ended.returncode, ended.stdout, ended.stderr)
    assert "Traceback" not in said.both, said.both
    return said


@pytest.fixture(scope="module")
def bills(community_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every member's bill of three days after delivery."""
    out = tmp_path_factory.mktemp("bills")
    said = commonwatt("bill", community_run, "--all", "--out", out)
    assert said.code == 0, said.both
    return out


@pytest.fixture(scope="module")
def p2pet_bills(p2pet_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every member's bill of two days before delivery, with imbalance, rewards, estimates and corrections."""
    out = tmp_path_factory.mktemp("p2pet-bills")
    assert make_bills(BillRequest(p2pet_run, everyone=True, out=out)).passed
    return out


@pytest.fixture(scope="module")
def one_day(p2pet_run: Path, tmp_path_factory: pytest.TempPathFactory) -> BillTexts:
    """The bill of one member for one day, with a correction of an estimate."""
    out = tmp_path_factory.mktemp("day")
    request = BillRequest(p2pet_run, ("roof-1",), first="2024-05-07", end="2024-05-08", out=out)
    assert make_bills(request).passed
    return BillTexts.of(out / "roof-1")


def legs_of(folder: Path) -> set[str]:
    return {line["leg"] for entry in read_json(folder / "bill.json")["entries"] for line in entry["lines"]}


def test_a_bill_is_verified_by_a_stranger_with_nothing_but_python(bills: Path) -> None:
    head = read_json(bills / "roof-1" / "bill.json")["chain"]["head_hash"]
    said = alone(bills / "roof-1", "--head", "0x" + head)
    assert said.code == 0, said.both
    assert "FAIL" not in said.out
    assert "PASS  the head is the one that was asked for" in said.out
    assert "Everything that a bill can prove holds." in said.out


def test_a_bill_with_estimates_corrections_imbalance_and_rewards_is_verified(p2pet_bills: Path) -> None:
    folder = p2pet_bills / "roof-1"
    assert {"peer_sell", "correction_long", "reward", "penalty", "grid_fee", "tax"} <= legs_of(folder)
    assert {"imbalance_short", "imbalance_long"} & legs_of(folder)
    qualities = {entry["reading"]["quality"] for entry in read_json(folder / "bill.json")["entries"]}
    assert qualities == {"measured", "substituted", "corrected"}
    assert alone(folder).code == 0
    page = (folder / "bill.html").read_text(encoding="utf-8")
    assert "4 slots the meter was silent" in page
    assert "estimate</th>" in page
    assert "correction</th>" in page


def test_another_head_than_the_one_somebody_else_knows_fails(bills: Path) -> None:
    said = alone(bills / "barn", "--head", "0x" + "00" * 32)
    assert said.code == 1
    assert "FAIL  the head is the one that was asked for" in said.out


def test_the_table_of_a_whole_run_is_the_one_that_the_run_wrote(bills: Path, community_run: Path) -> None:
    for folder in bills.iterdir():
        assert (folder / "bill.csv").read_bytes() == (community_run / "members" / folder.name / "bill.csv").read_bytes()


def test_bills_of_days_add_up_to_the_bill_of_the_run(p2pet_run: Path, p2pet_bills: Path, tmp_path: Path) -> None:
    sums: dict[str, int] = defaultdict(int)
    for first, end in (("2024-05-07", "2024-05-08"), ("2024-05-08", "2024-05-09")):
        out = tmp_path / first
        assert make_bills(BillRequest(p2pet_run, ("roof-1",), first=first, end=end, out=out)).passed
        for name, value in read_json(out / "roof-1" / "bill.json")["totals"].items():
            sums[name] += value
    assert sums == read_json(p2pet_bills / "roof-1" / "bill.json")["totals"]
    # The second day carries the slots of the first, for its penalties hang on their errors; they stand on it, unbilled.
    entries = read_json(tmp_path / "2024-05-08" / "roof-1" / "bill.json")["entries"]
    assert [e["is_billed"] for e in entries if not e["revision"]] == [False] * 24 + [True] * 24


def test_a_bill_without_the_slots_before_it_that_its_penalties_hang_on_is_found(
    p2pet_run: Path, tmp_path: Path
) -> None:
    request = BillRequest(p2pet_run, ("roof-1",), first="2024-05-08", end="2024-05-09", out=tmp_path)
    assert make_bills(request).passed
    texts = BillTexts.of(tmp_path / "roof-1")
    assert "how far off this member&#x27;s forecasts have been" in texts.html
    bill = json.loads(texts.json)
    billed = [entry for entry in bill["entries"] if entry["is_billed"] or entry["revision"]]
    for kept in (billed, bill["entries"][1:], bill["entries"][:3] + bill["entries"][4:]):
        said = failures(consistent(with_value(bill, ("entries",), kept), texts))
        assert "the first of the run, until before" in said
    # Nor can an earlier error be made smaller: it is signed by the meter.
    at = next(at for at, e in enumerate(bill["entries"]) if e["orders"] and e["reading"]["counter"] >= 0)
    place = ("entries", at, "reading", "import_wh")
    changed = with_value(bill, place, value_at(bill, place) + 1)
    assert "FAIL  readings are signed" in failures(consistent(changed, texts))


def test_by_default_a_bill_lies_in_its_members_folder(p2pet_run: Path, tmp_path: Path) -> None:
    run = shutil.copytree(p2pet_run, tmp_path / "run")
    said = commonwatt("bill", run, "--member", "barn", "--from", "2024-05-08")
    assert said.code == 0, said.both
    folder = run / "members" / "barn" / "bill_2024-05-08_2024-05-09"
    assert sorted(p.name for p in folder.iterdir()) == ["bill.csv", "bill.html", "bill.json", "verify_bill.py"]
    assert str(folder / "bill.html") in said.out


# --- tampering


def failures(texts: BillTexts) -> str:
    """What the verifier finds of a bill; empty when it passes."""
    try:
        verdict = verdict_on(texts.json, texts.csv, texts.html)
    except NoBillError as error:
        return f"no bill: {error}"
    return "" if verdict.passed else "\n".join(verdict_lines(verdict))


def test_the_day_verifies_before_it_is_forged(one_day: BillTexts) -> None:
    assert failures(one_day) == ""


def unnoticed(texts: BillTexts, most: int) -> set[str]:
    """Kinds of value of which a forger changed up to `most`, spread over the bill, and the verifier saw nothing."""
    bill = json.loads(texts.json)
    by_kind: dict[str, list[Any]] = defaultdict(list)
    for place in places(bill):
        by_kind[kind_of(place)].append(place)
    assert len(by_kind) > 50
    return {
        kind
        for kind, where in by_kind.items()
        for place in where[len(where) // 2 :: -(-len(where) // most)]
        if not failures(consistent(with_value(bill, place, forged(value_at(bill, place))), texts))
    }


NAMES = {"member name"}
"""The operator's word: whoever writes all three files anew can call a member what it likes (and its profile by another of its five words)."""


def test_every_kind_of_value_that_is_changed_is_found(one_day: BillTexts) -> None:
    """The forger makes totals, table and page anew where the bill can still be read."""
    assert unnoticed(one_day, 1) == NAMES


@pytest.mark.full
def test_every_value_that_is_changed_is_found(one_day: BillTexts) -> None:
    assert unnoticed(one_day, 12) == NAMES


def consistent(changed: Any, texts: BillTexts) -> BillTexts:
    """A forged bill with totals, table and page that go with it."""
    from commonwatt.adapters.ledger.evidence import proven
    from commonwatt.services.billing.page import bill_page
    from commonwatt.services.billing.table import bill_csv
    from commonwatt.services.billing.terms import terms_of
    from commonwatt.wiring.bill_checks import evidence
    from commonwatt.wiring.bill_verifier import UNFIT, blocks_of, with_totals

    text = json.dumps(changed, indent=1) + "\n"
    try:
        bill = read_bill(text)
        terms = terms_of(bill.settings)
        totals = with_totals(bill, terms) if "totals" in text else bill
        seen = evidence(bill, terms, proven(bill.chain, terms.community))
        table, page = bill_csv(bill, terms), bill_page(bill, terms, blocks_of(seen))
        return BillTexts(bill_text(totals if bill.totals == read_bill(texts.json).totals else bill), table, page)
    except UNFIT:
        return replace(texts, json=text)


def test_a_changed_amount_names_the_line_of_the_table(one_day: BillTexts) -> None:
    bill = json.loads(one_day.json)
    at = next(i for i, e in enumerate(bill["entries"]) if e["is_billed"] and e["lines"])
    changed = with_value(bill, ("entries", at, "lines", 0, "amount_nano"), 5)
    said = failures(consistent(changed, one_day))
    assert "FAIL  lines follow from readings, trades and tariff" in said
    assert "FAIL  lines are what the chain posted to the member" in said
    assert "bill.csv line 2: 2024-05-07 00:00" in said


def test_a_row_that_is_dropped_doubled_or_swapped_is_found(one_day: BillTexts) -> None:
    bill = json.loads(one_day.json)
    for name in ("entries",):
        for change in (lambda rows: rows[1:], lambda rows: [*rows, rows[-1]], lambda rows: rows[::-1]):
            assert failures(consistent(with_value(bill, (name,), change(bill[name])), one_day))
    for at, entry in enumerate(bill["entries"]):
        for name in ("trades", "orders", "lines"):
            if entry[name]:
                for rows in (entry[name][1:], [*entry[name], entry[name][-1]]):
                    changed = with_value(bill, ("entries", at, name), rows)
                    said = failures(consistent(changed, one_day))
                    assert said or (name == "orders" and not entry["trades"]), (name, at)
        if at > 3:
            break


def test_a_correction_in_the_members_favour_cannot_be_left_out(one_day: BillTexts) -> None:
    bill = json.loads(one_day.json)
    kept = [entry for entry in bill["entries"] if not entry["revision"]]
    assert len(kept) < len(bill["entries"])
    said = failures(consistent(with_value(bill, ("entries",), kept), one_day))
    assert "on the bill: settled in this period, found not there" in said


# Never digits alone: a hash or a secret may hold them too, and that is found as another thing.
@pytest.mark.parametrize(
    ("name", "written", "otherwise"),
    [("json", '"name": "roof-1"', '"name":"roof-1"'), ("csv", "2024-05", "2O24-05"), ("html", "2024-05", "2O24-05")],
)
def test_a_file_that_says_the_same_in_other_bytes_is_found(
    one_day: BillTexts, name: str, written: str, otherwise: str
) -> None:
    text = getattr(one_day, name)
    assert written in text
    for other in (text + "\n", text.replace("\n", "\r\n"), text[:-1], " " + text, text.replace(written, otherwise, 1)):
        said = failures(replace(one_day, **{name: other}))
        assert f"bill.{name} line" in said or "no bill" in said


def test_numbers_of_table_and_page_cannot_differ_from_the_bill(one_day: BillTexts) -> None:
    table = one_day.csv.replace(",-", ",", 1)
    assert "bill.csv line 2" in failures(replace(one_day, csv=table))
    page = one_day.html.replace("CHF", "USD", 1)
    assert "FAIL  bill.html says what bill.json says" in failures(replace(one_day, html=page))


def test_the_verifier_in_the_folder_agrees_with_the_package(one_day: BillTexts, bills: Path, tmp_path: Path) -> None:
    """On a sound bill and on forged ones: the same exit code, the same words."""
    bill = json.loads(one_day.json)
    chosen = list(places(bill))[:: len(list(places(bill))) // 3]
    cases = [one_day, replace(one_day, csv=one_day.csv[:50]), replace(one_day, json="[]")]
    cases += [consistent(with_value(bill, place, forged(value_at(bill, place))), one_day) for place in chosen]
    for number, texts in enumerate(cases):
        folder = texts.write(tmp_path / str(number))
        shutil.copy(bills / "barn" / "verify_bill.py", folder)
        said, expected = alone(folder), failures(texts)
        assert said.code == (2 if expected.startswith("no bill") else 1 if expected else 0), said.both
        if said.code == 1:
            assert said.out.splitlines() == expected.splitlines()


# --- runs that are not sound, or not there


def test_a_slot_that_failed_is_billed_without_trades(community_run: Path, little_street: Path, tmp_path: Path) -> None:
    cheat = Cheat(community_run, tmp_path / "failed", little_street / "keys.json")
    traded = sorted({row["slot"] for row in cheat.tables["trades"].to_pylist()})
    _failed_at_will(cheat, traded[3])
    cheat.publish()
    result = make_bills(BillRequest(tmp_path / "failed", everyone=True, out=tmp_path / "bills"))
    assert result.passed, result.lines
    found = [e for f in (tmp_path / "bills").iterdir() for e in read_json(f / "bill.json")["entries"] if e["failed"]]
    assert {entry["slot"] for entry in found} == {traded[3]}
    assert not {line["leg"] for entry in found for line in entry["lines"]} & {"peer_sell", "peer_buy"}
    assert "the market failed" in (next((tmp_path / "bills").iterdir()) / "bill.html").read_text(encoding="utf-8")


def test_a_run_whose_files_were_changed_gives_no_bill(p2pet_run: Path, tmp_path: Path) -> None:
    run = shutil.copytree(p2pet_run, tmp_path / "run")
    path = run / "public" / "statements.parquet"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    said = commonwatt("bill", run, "--all", "--out", tmp_path / "bills")
    assert said.code == 1
    assert "public/statements.parquet: expected SHA-256" in said.out
    assert not (tmp_path / "bills").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--member", "roof1"), "--member: expected one of barn, flat-1, flat-2, roof-1, roof-2 (did you mean roof-1?), found roof1"),
        ((), "--member: expected a member (repeatable), or --all, found neither"),
        (("--all", "--from", "May"), "--from: expected a date, YYYY-MM-DD, found 'May'"),
        (("--all", "--to", "2024-07-01"), "--to: expected the day after one of the run, 2024-05-08 to 2024-05-09, found 2024-07-01"),
        (("--all", "--from", "2024-05-08", "--to", "2024-05-08"), "--to: expected a day after --from"),
    ],
)  # fmt: skip
def test_what_cannot_be_billed_is_said_and_nothing_is_written(
    p2pet_run: Path, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    said = commonwatt("bill", p2pet_run, *arguments, "--out", tmp_path / "bills")
    assert said.code == 2, said.both
    assert words in said.err
    assert not (tmp_path / "bills").exists()


def test_a_folder_that_is_no_run_or_not_finished_is_refused(tmp_path: Path, little_street: Path) -> None:
    for folder, words in (
        (tmp_path, "no manifest.json in it"),
        (tmp_path / "run", "not finished (go on with commonwatt run --resume)"),
    ):
        if folder != tmp_path:
            (folder / "private").mkdir(parents=True)
        said = commonwatt("bill", folder, "--all")
        assert said.code == 2, said.both
        assert words in said.err


def test_a_ledger_without_a_chain_proves_nothing_and_gives_no_bill(little_street: Path) -> None:
    said = commonwatt("bill", little_street.with_name("e2e-first-run"), "--all")
    assert said.code == 2
    assert "ledger.chain: expected embedded (a bill's proof is on a chain), found memory" in said.err
