"""Bills of every kind of run and period: whoever signs, whatever was late, failed or owed, wherever a day begins; and of forged folders."""

from __future__ import annotations

import datetime as dt
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.e2e.test_bill import alone
from tests.fakes.small_runs import TOML, commonwatt, files_of, read_json, write_small_community
from tests.fakes.tampering import change_cell, sealed, text_replaced
from tests.fakes.tiny_runs import ran, write_morning, write_morning_with_a_late_reading

from commonwatt.adapters.ledger.foundation import CONTRACTS
from commonwatt.core.errors import CommonwattError
from commonwatt.services.schemas import COLUMNS, PUBLIC
from commonwatt.wiring.billing import BillRequest, make_bills
from commonwatt.wiring.feeders import FeederRequest, feeder_told

DEPOSIT_NANO = 300_000_000
ON_FORECASTS = ("market.timing=ex_ante", "forecasting.model=persistence")

TO_BUYERS = ("settlement.rule=delivered", "settlement.penalty_to=buyers")
TWO_PRICES = (
    "settlement.imbalance=two_price",
    "tariff.imbalance_buy_micro_per_kwh=380_000",
    "tariff.imbalance_sell_micro_per_kwh=60_000",
)
LEVIES = (
    "tariff.levy_micro_per_kwh=12_000",
    "tariff.local_levy_micro_per_kwh=2_000",
    "tariff.local_fee_micro_per_kwh=40_000",
    "tariff.local_relief_share=0.25",
)

WITHDRAWN = ("market.venue=continuous", "market.cancelled_share=0.5")

Bill = dict[str, Any]


def by_gateway(bill: Bill) -> bool:
    """The gateway signed one root for all five meters, and each meter enrolled it."""
    paths = [entry["reading"]["path"]["siblings"] for entry in bill["entries"]]
    return len(bill["member"]["gateways"]) == 1 and all(paths)


def by_meter(bill: Bill) -> bool:
    """Each meter signed its own packet."""
    return not bill["member"]["gateways"] and all(not e["reading"]["path"]["siblings"] for e in bill["entries"])


def corrected(bill: Bill) -> bool:
    """The silent hour stands on the bill twice: as it was estimated, and what a later reading changed."""
    estimated = {entry["slot"] for entry in bill["entries"] if entry["reading"]["quality"] == "substituted"}
    return estimated == {entry["slot"] for entry in bill["entries"] if entry["revision"] == 1} != set()


def in_debt(bill: Bill) -> bool:
    """It owes more than it ever paid in."""
    return int(bill["totals"]["amount_nano"]) < -DEPOSIT_NANO


def short(bill: Bill) -> bool:
    """What was promised on a forecast was not always delivered."""
    return bool({line["leg"] for entry in bill["entries"] for line in entry["lines"]} & {"penalty", "imbalance_short"})


def in_part(bill: Bill) -> bool:
    """A trade counts with what was delivered of it."""
    trades = [trade for entry in bill["entries"] for trade in entry["trades"]]
    return any(trade["delivered_wh"] < trade["energy_wh"] for trade in trades)


def named(bill: Bill) -> bool:
    """The name is the community's to the last letter."""
    return 'name = "A \\"B\\" <é> & 😀"' in bill["settings"]


def with_levies(bill: Bill) -> bool:
    """Local trades pay the grid fee, get a part of it back, and a smaller levy."""
    lines = [line for entry in bill["entries"] for line in entry["lines"]]
    fees, reliefs = (sum(ln["amount_nano"] for ln in lines if ln["leg"] == leg) for leg in ("local_fee", "fee_relief"))
    levies = {line["price_micro_per_kwh"] for line in lines if line["leg"] == "levy"}
    return reliefs * 4 == -fees > 0 and 2_000 in levies <= {12_000, 2_000}


def write_day(folder: Path) -> Path:
    """A whole day: in its evening the sun goes down faster than forecasts do."""
    return write_small_community(folder, days=1)


def made_good(bill: Bill) -> bool:
    """What had been bought and was not delivered was paid for."""
    return any(line["leg"] == "reward" for entry in bill["entries"] for line in entry["lines"])


def withdrawn(bill: Bill) -> bool:
    """Of an order that was withdrawn nothing is the supplier's at the gate."""
    orders = [order for entry in bill["entries"] for order in entry["orders"]]
    assert 'residual = "gate"' in bill["settings"]
    return {order["is_left_out"] for order in orders} == {False, True}


def at_two_prices(bill: Bill) -> bool:
    """Some imbalance cost what the DSO asks for it, some what the tariff says, since it helped."""
    lines = [line for entry in bill["entries"] for line in entry["lines"] if line["leg"].startswith("imbalance")]
    prices = {line["price_micro_per_kwh"] for line in lines}
    return bool(prices & {380_000, 60_000}) and bool(prices & {300_000, 80_000})


FAR: Final = "fees for the way and caps on a feeder"
WAYS: Final = (
    "grid.model=radial",
    "grid.feeder=street",
    "grid.fee=line",
    "grid.fee_micro_per_kwh=1000",
    "grid.allocation=envelope",
)


def on_a_feeder(folder: Path) -> Path:
    """The morning, its members spread over the bundled feeder."""
    feeder_told(FeederRequest("street", members=write_morning(folder) / "members.csv"))
    return folder


def far(bill: Bill) -> bool:
    """Some local fee is whole lines of the way at 1000 micro each."""
    lines = [line for entry in bill["entries"] for line in entry["lines"] if line["leg"] == "local_fee"]
    return len({line["price_micro_per_kwh"] for line in lines}) > 1


KINDS: dict[str, tuple[Callable[[Path], Path], str, tuple[str, ...], str, Callable[[Bill], bool]]] = {
    "a packet of each meter": (write_morning, "community", ("bidding.signing=order",), "roof-1", by_meter),
    "a gateway for all meters": (write_morning, "community", ("metering.signing=gateway",), "roof-1", by_gateway),
    "every order signed, on forecasts": (write_morning, "p2pet", ("bidding.signing=order", *ON_FORECASTS), "roof-1", short),
    "delivered energy only": (write_morning, "community", ("settlement.rule=delivered", *ON_FORECASTS), "roof-1", in_part),
    "delivered energy by priority, penalties to buyers": (
        write_day, "community", (*TO_BUYERS, "settlement.allocation=priority", *ON_FORECASTS), "flat-1", made_good,
    ),
    "levies and a part of the grid fee given back": (
        write_morning_with_a_late_reading, "community", (*LEVIES, "ledger.window_slots=1"), "flat-1", with_levies,
    ),
    "imbalance at two prices": (
        write_morning, "community", ("settlement.residual=gate", *TWO_PRICES, *ON_FORECASTS), "flat-1", at_two_prices,
    ),
    "orders withdrawn before a firm gate": (
        write_morning,
        "p2pet",
        (*WITHDRAWN, *ON_FORECASTS),
        "roof-1",
        withdrawn,
    ),
    FAR: (on_a_feeder, "community", WAYS, "flat-1", far),
    "a late reading": (write_morning_with_a_late_reading, "community", ("ledger.window_slots=1",), "roof-1", corrected),
    "a late reading by a gateway, on forecasts": (
        partial(write_morning_with_a_late_reading, hours=9),
        "p2pet",
        ("ledger.window_slots=2", "metering.signing=gateway", "bidding.signing=order", *ON_FORECASTS),
        "roof-1",
        corrected,
    ),
    "a member in debt": (
        write_morning,
        "community",
        (f"ledger.member_deposit_nano={DEPOSIT_NANO}", "ledger.window_slots=1"),
        "flat-2",
        in_debt,
    ),
    "a name that a page must escape": (write_morning, "community", ('community.name=A "B" <é> & 😀',), "barn", named),
}  # fmt: skip


FULL = ("a packet of each meter", "a late reading", "every order signed, on forecasts")
"""The others hold most of what these do."""


@pytest.mark.parametrize("kind", [pytest.param(k, marks=[pytest.mark.full] * (k in FULL)) for k in KINDS])
def test_every_kind_of_run_gives_bills_that_strangers_verify(tmp_path: Path, kind: str) -> None:
    write, preset, overrides, member, shows = KINDS[kind]
    street = write(tmp_path / "street")
    assert ran(street, tmp_path / "run", preset, overrides=overrides).verified
    result = make_bills(BillRequest(tmp_path / "run", everyone=True, out=tmp_path / "bills"))
    assert result.passed, result.lines
    assert shows(read_json(tmp_path / "bills" / member / "bill.json"))
    page = (tmp_path / "bills" / member / "bill.html").read_text(encoding="utf-8")
    assert [said in page for said in ("The fee for the way is paid", "held back to keep an export cap")] == [
        kind == FAR
    ] * 2
    assert alone(tmp_path / "bills" / member).code == 0


# --- periods


def billed(run: Path, out: Path, first: str | None = None, end: str | None = None, member: str = "roof-1") -> Bill:
    """A member's bill of some days; it has to hold."""
    result = make_bills(BillRequest(run, (member,), first=first, end=end, out=out))
    assert result.passed, result.lines
    return read_json(out / member / "bill.json")


@pytest.mark.parametrize(
    ("zone", "first", "slots"),
    [
        ("Europe/Zurich", dt.date(2024, 3, 30), [24, 23]),
        pytest.param("Europe/Zurich", dt.date(2024, 10, 26), [24, 25], marks=pytest.mark.full),
        ("Asia/Kolkata", dt.date(2024, 5, 6), [24, 24]),
        pytest.param("America/St_Johns", dt.date(2023, 12, 31), [24, 24], marks=pytest.mark.full),
    ],
    ids=["spring", "autumn", "half an hour off", "new year west of it"],
)
def test_days_are_those_of_the_wall_clock_and_add_up(
    tmp_path: Path, zone: str, first: dt.date, slots: list[int]
) -> None:
    """The small community has three days of Zurich; two whole days of any zone lie within them."""
    start = first if zone.startswith("Europe") else first - dt.timedelta(1)
    street = write_small_community(
        tmp_path / "street", first=start, days=4, toml=TOML.replace("Europe/Zurich", zone), members=TWO
    )
    days = [first + dt.timedelta(at) for at in range(3)]
    assert ran(street, tmp_path / "run", first=str(days[0]), end=str(days[2])).verified
    whole = billed(tmp_path / "run", tmp_path / "whole")
    parts = [billed(tmp_path / "run", tmp_path / str(day), str(day), str(day + dt.timedelta(1))) for day in days[:2]]
    assert [part["end_slot"] - part["first_slot"] for part in parts] == slots
    assert {name: sum(part["totals"][name] for part in parts) for name in whole["totals"]} == whole["totals"]
    assert alone(tmp_path / str(days[1]) / "roof-1").code == 0


TWO = """\
id,role,pv_w,battery_wh,battery_w,strategy,buy_limit_micro_per_kwh,sell_limit_micro_per_kwh,connection_w
roof-1,prosumer,6000,0,0,truthful,260000,85000,10000
flat-1,consumer,0,0,0,truthful,300000,90000,10000
"""


@pytest.fixture(scope="module")
def morning(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that begins and ends within a day. Read only."""
    root = tmp_path_factory.mktemp("morning")
    assert ran(write_morning(root / "street"), root / "run").verified
    return root / "run"


@pytest.mark.parametrize(
    ("first", "end"), [("2024-05-06", None), (None, "2024-05-07"), ("2024-05-06", "2024-05-07")], ids=str
)
def test_a_day_that_the_run_covers_in_part_is_billed_as_far_as_it_goes(
    morning: Path, tmp_path: Path, first: str | None, end: str | None
) -> None:
    bill, whole = billed(morning, tmp_path / "day", first, end), billed(morning, tmp_path / "whole")
    assert bill == whole


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (("--from", "2024-05-07"), "--from: expected a day of the run, 2024-05-06 to 2024-05-06, found 2024-05-07"),
        (("--to", "2024-05-06"), "--to: expected the day after one of the run, 2024-05-07 to 2024-05-07, found 2024-05-06"),
        (("--from", "0001-01-01"), "--from: expected a day of the run"),
        (("--to", "9999-12-31"), "--to: expected the day after one of the run"),
        (("--from", "2024-02-30"), "--from: expected a date, YYYY-MM-DD, found '2024-02-30'"),
        (("--from", ""), "--from: expected a date, YYYY-MM-DD, found ''"),
    ],
)  # fmt: skip
def test_days_without_slots_are_refused_by_name(
    morning: Path, tmp_path: Path, asked: tuple[str, ...], words: str
) -> None:
    said = commonwatt("bill", morning, "--all", "--out", tmp_path / "bills", *asked)
    assert said.code == 2, said.both
    assert words in said.err
    assert not (tmp_path / "bills").exists()


def test_the_verifier_does_not_mind_who_stops_reading(morning: Path, tmp_path: Path) -> None:
    billed(morning, tmp_path)
    command = f"'{sys.executable}' -I -S verify_bill.py | true; exit ${{PIPESTATUS[0]}}"
    ended = subprocess.run(["bash", "-c", command], cwd=tmp_path / "roof-1", capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (0, "")


# --- forged folders


def refused(run: Path, out: Path) -> str:
    """The words of a command that makes no bill of a forged run, or none; bills that are made must hold."""
    try:
        result = make_bills(BillRequest(run, everyone=True, out=out))
    except (CommonwattError, OSError) as error:
        assert str(error)
        assert not out.exists()
        return str(error)
    assert result.lines
    return "" if result.passed else "\n".join(result.lines)


ANYTHING = st.one_of(
    st.sampled_from([None, 0, -1, 1, 2**31, 2**40, 2**63 - 1, -(2**63), "", "x", "../../x", "0x", "\n", "0x" + "f" * 130]),
    st.integers(-(2**63), 2**63 - 1),
    st.text(max_size=12),
)  # fmt: skip
CELLS = sorted((table, column) for table in PUBLIC for column in COLUMNS[table])


@settings(
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(cell=st.sampled_from(CELLS), value=ANYTHING)
def test_a_forged_table_gives_words_and_no_false_bill(
    morning: Path, tmp_path: Path, cell: tuple[str, str], value: Any
) -> None:
    """The manifest fits; what the bills need of the table is on the chain."""
    run, out = tmp_path / "run", tmp_path / "out"
    shutil.rmtree(run, ignore_errors=True)
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(morning, run)
    whole = COLUMNS[cell[0]][cell[1]][0] == "int64"
    if isinstance(value, int) != whole and value is not None:
        value = 7 if whole else str(value)
    try:
        change_cell(run / "public", *cell, lambda _: value)
    except (StopIteration, UnicodeEncodeError):
        return  # a table without rows, or half a character
    sealed(run / "public")
    before = files_of(run)
    said = refused(run, out)
    assert files_of(run) == before
    if not said:
        # Made without what was changed (another's nonce, a receipt), or with what nobody can prove.
        assert all(alone(folder).code == 0 for folder in out.iterdir())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"first_slot": ', '"first_slot": 1'),
        ('"end_slot": ', '"end_slot": 999999999999'),
        ('"end_slot": ', '"end_slot": -'),
        ('"seed"', '"sead"'),
    ],
)
def test_forged_inputs_give_words(morning: Path, tmp_path: Path, old: str, new: str) -> None:
    run = shutil.copytree(morning, tmp_path / "run")
    text_replaced(run / "public" / "inputs.json", old, new)
    sealed(run / "public")
    assert "inputs.json: expected" in refused(run, tmp_path / "out")


def test_a_name_that_leads_out_of_the_folder_is_refused(morning: Path, tmp_path: Path) -> None:
    run = shutil.copytree(morning, tmp_path / "run")
    text_replaced(run / "private" / "pseudonyms.json", '"barn"', '"../../barn"')
    said = commonwatt("bill", run, "--all", "--out", tmp_path / "deep" / "out")
    assert said.code == 2, said.both
    assert "pseudonyms.json: expected names of members, found '../../barn'" in said.err
    assert not (tmp_path / "deep").exists()


def test_a_run_whose_chain_is_of_another_version_gives_words(morning: Path, tmp_path: Path, monkeypatch: Any) -> None:
    """Its foundation has another number of contracts."""
    monkeypatch.setattr("commonwatt.adapters.ledger.evidence.CONTRACTS", CONTRACTS[:-1])
    said = refused(morning, tmp_path / "out")
    assert "block 0: expected the receipts of" in said
