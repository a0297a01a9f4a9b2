"""A dishonest operator of a full feeder: cuts, fees of the way and losses told otherwise, signed and anchored anew; and on a member's bill."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.test_bill import consistent, failures
from tests.e2e.test_cheating import BILLS, CLEARING, FAILURES, FOUNDATION, _failed_at_will, _publish_trades, _rebill
from tests.fakes.bills import BillTexts, value_at, with_value
from tests.fakes.cheating import Cheat, failed
from tests.fakes.lanes import FULL, laid, on_lane
from tests.fakes.tiny_runs import ran

from commonwatt.core.records import Agreement
from commonwatt.services.audit.envelopes import NAME as ENVELOPES
from commonwatt.services.audit.wires import NAME as WIRES
from commonwatt.wiring.billing import BillRequest, make_bills

MOVED_WH = 100


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A morning on a lane too thin for its trades, with its key file beside it."""
    root = tmp_path_factory.mktemp("wired")
    assert ran(on_lane(root / "street", laid(), 5), root / "run", overrides=(*FULL, "market.timing=ex_ante")).verified
    return root


@pytest.fixture
def slot(cheat: Cheat) -> int:
    """The last slot in which trades were cut."""
    return int(cheat.tables["curtailments"]["slot"].to_pylist()[-1])


def _trades(cheat: Cheat, slot: int, **columns: Any) -> None:
    """Other trades of a slot, and the bills that follow from them."""
    agreement, _ = cheat.public.agreement(slot)
    _publish_trades(cheat, slot, Agreement(agreement.trades.replaced(**columns), agreement.reason))


def _fee_for_the_other_side(cheat: Cheat, slot: int) -> None:
    """The seller pays a line of the way that is the buyer's."""
    trades = cheat.public.agreement(slot)[0].trades
    sold, bought = trades.sell_fee_micro_per_kwh + 4000, trades.buy_fee_micro_per_kwh - 4000
    _trades(cheat, slot, sell_fee_micro_per_kwh=sold, buy_fee_micro_per_kwh=bought)


def _fee_forgiven(cheat: Cheat, slot: int) -> None:
    """Nobody pays for the way."""
    _trades(cheat, slot, buy_fee_micro_per_kwh=cheat.public.agreement(slot)[0].trades.buy_fee_micro_per_kwh * 0)


def _cut_of_another(cheat: Cheat, slot: int) -> None:
    """A friend's trade is cut by less, its neighbour's by as much more; cuts, fills and bills say the same."""
    trades = cheat.public.agreement(slot)[0].trades
    energy = trades.energy_wh.copy()
    energy[0] += MOVED_WH
    energy[1] -= MOVED_WH
    filled = trades.replaced(energy_wh=energy).filled_wh(len(cheat.public.orders(slot)[0])).tolist()
    cheat.rewrite("orders", lambda r: {**r, "filled_wh": filled[r["sequence"]]} if r["slot"] == slot else r)
    of = {f"{slot}-o{order}": by for order, by in zip(trades.buy_order.tolist(), (-MOVED_WH, MOVED_WH), strict=True)}
    cheat.rewrite(
        "curtailments", lambda r: {**r, "energy_wh": r["energy_wh"] + of[r["buy_order"]]} if r["slot"] == slot else r
    )
    _trades(cheat, slot, energy_wh=energy)


def _of_a_cut(**columns: str) -> Callable[[Cheat, int], None]:
    """Another reason of a cut than the grid's."""
    return lambda cheat, slot: cheat.rewrite("curtailments", lambda r: {**r, **columns} if r["slot"] == slot else r)


def _cut_left_out(cheat: Cheat, slot: int) -> None:
    cheat.rewrite("curtailments", lambda r: None if r["slot"] == slot else r)


def _of_the_wires(**columns: Any) -> Callable[[Cheat, int], None]:
    """Another verdict or figure than the model's; bills follow."""

    def told(cheat: Cheat, slot: int) -> None:
        cheat.rewrite("wires", lambda r: {**r, **columns} if r["slot"] == slot else r)
        _rebill(cheat)

    return told


def _of_the_losses(**columns: Any) -> Callable[[Cheat, int], None]:
    """Another purchase of what was lost than settlement makes."""

    def posted(cheat: Cheat, slot: int) -> None:
        names = {"member": cheat.rows("postings", kind="tax")[0]["debit"]}

        def other(row: dict[str, Any]) -> dict[str, Any]:
            row = {**row, **{name: names.get(str(value), value) for name, value in columns.items()}}
            return {**row, "amount_nano": row["energy_wh"] * row["price_micro_per_kwh"]}

        cheat.rewrite("postings", lambda r: other(r) if (r["slot"], r["kind"]) == (slot, "losses") else r)

    return posted


def _failed_although_cuts_help(cheat: Cheat, slot: int) -> None:
    """The grid is blamed for a slot that the supplier would rather serve."""
    cheat.rewrite("curtailments", lambda r: None if r["slot"] == slot else r)
    cheat.rewrite("wires", lambda r: {**r, "verdict": "infeasible"} if r["slot"] == slot else r)
    _failed_at_will(cheat, slot)


def _shorter_line(cheat: Cheat, slot: int) -> None:
    """A feeder that loses less than the one that the ledger was founded on."""
    text = cheat.texts["feeder.toml"]
    assert "length_m = 60.0" in text
    cheat.texts["feeder.toml"] = text.replace("length_m = 60.0", "length_m = 20.0", 1)


def _moved_house(cheat: Cheat, slot: int) -> None:
    """A member is said to live where its way is shorter."""
    cheat.rewrite("members", lambda r: {**r, "bus": "h1"} if r["bus"] == "h4" else r)


def _caps_from_nowhere(cheat: Cheat, slot: int) -> None:
    row = {"slot": slot, "member": cheat.public.pseudonyms[0], "export_wh": 0, "import_wh": 0, "counted_wh": 0}
    cheat.add("envelopes", row)


CHEATS = [
    (_fee_for_the_other_side, CLEARING, "trades {slot}-t0"),
    (_fee_forgiven, CLEARING, "trades {slot}-t0"),
    (_cut_of_another, WIRES, "curtailments slot {slot} row 0 energy_wh"),
    (_of_a_cut(element="h0-h1"), WIRES, "curtailments slot {slot} row 0 element"),
    (_of_a_cut(rule="newest"), WIRES, "curtailments slot {slot} row 0 rule"),
    (_of_a_cut(why="a storm"), WIRES, "curtailments slot {slot} row 0 why"),
    (_cut_left_out, WIRES, "curtailments slot {slot}"),
    (_of_the_wires(losses_wh=500), WIRES, "wires slot {slot} losses_wh"),
    (_of_the_wires(losses_wh=0), WIRES, "wires slot {slot} losses_wh"),
    (_of_the_wires(flowed="feasible", flowed_why=""), WIRES, "wires slot {slot} flowed"),
    (_of_the_wires(verdict="feasible", verdict_why=""), WIRES, "wires slot {slot} verdict"),
    (_of_the_wires(fullest="h4-h5"), WIRES, "wires slot {slot} fullest"),
    (_of_the_losses(energy_wh=99), BILLS, "postings slot {slot}"),
    (_of_the_losses(price_micro_per_kwh=90_000), BILLS, "postings slot {slot}"),
    (_of_the_losses(debit="member"), BILLS, "postings slot {slot}"),
    (_failed_although_cuts_help, FAILURES, "orders slot {slot} reason"),
    (_shorter_line, FOUNDATION, "rules_hash"),
    (_shorter_line, WIRES, "wires slot {slot} losses_wh"),
    (_moved_house, FOUNDATION, "rules_hash"),
    (_caps_from_nowhere, ENVELOPES, "envelopes"),
]


@pytest.mark.parametrize(("commit", "check", "named"), CHEATS)
def test_what_is_told_otherwise_of_wires_is_found_and_named_although_all_of_it_was_signed_anew(
    cheat: Cheat, slot: int, commit: Callable[[Cheat, int], None], check: str, named: str
) -> None:
    commit(cheat, slot)
    found = failed(cheat.publish().audit())
    assert check in found, sorted(found)
    assert any(named.format(slot=slot) in str(finding) for finding in found[check]), found[check]


def test_the_same_run_published_again_is_found_sound(cheat: Cheat) -> None:
    assert failed(cheat.publish().audit()) == {}


@pytest.fixture(scope="module")
def bill(honest: Path) -> BillTexts:
    """The bill of a member who was cut and pays for the way."""
    out = honest / "bills"
    assert make_bills(BillRequest(honest / "run", ("flat-1",), out=out)).passed
    return BillTexts.of(out / "flat-1")


def _where(bill: BillTexts) -> tuple[int, int, dict[str, Any]]:
    """An entry of the bill with a trade that pays for the way, its line of that fee, and the trade."""
    for at, entry in enumerate(json.loads(bill.json)["entries"]):
        for trade in entry["trades"]:
            fees = [i for i, one in enumerate(entry["lines"]) if (one["leg"], one["price_micro_per_kwh"]) == ("local_fee", trade["buy_fee_micro_per_kwh"])]  # fmt: skip
            if fees:
                return at, fees[0], trade
    raise AssertionError("expected a fee of the way on the bill")


def test_a_fee_of_the_way_cannot_be_changed_on_a_bill_with_everything_that_follows_from_it(bill: BillTexts) -> None:
    assert failures(bill) == ""
    said, (at, line, trade) = json.loads(bill.json), _where(bill)
    price, energy_wh = (
        ("entries", at, "lines", line, "price_micro_per_kwh"),
        said["entries"][at]["lines"][line]["energy_wh"],
    )
    for by in (-4000, 4000):
        fee = trade["buy_fee_micro_per_kwh"] + by
        forged = with_value(said, ("entries", at, "trades", 0, "buy_fee_micro_per_kwh"), fee)
        forged = with_value(with_value(forged, price, fee), (*price[:-1], "amount_nano"), -fee * energy_wh)
        words = failures(consistent(forged, bill))
        assert f"trade of {energy_wh} Wh: expected under the root of the slot's trades, found not there" in words
        assert "FAIL  lines are what the chain posted to the member" in words
    other = with_value(said, ("entries", at, "trades", 0, "sell_fee_micro_per_kwh"), 4000)
    assert "expected under the root of the slot's trades, found not there" in failures(consistent(other, bill))


def test_what_the_grid_left_of_an_order_cannot_be_told_otherwise_on_a_bill(bill: BillTexts) -> None:
    said = json.loads(bill.json)
    cut = [i for i, entry in enumerate(said["entries"]) if any(order["is_left_out"] for order in entry["orders"])]
    assert cut
    place = ("entries", cut[0], "trades", 0, "energy_wh")
    assert "FAIL" in failures(consistent(with_value(said, place, value_at(said, place) + 1), bill))
