"""A made-up, internally consistent run: tables and facts as a trading day hands them to reporting, without a market behind them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from hashlib import sha3_256
from typing import Any

import numpy as np
import pyarrow as pa

from commonwatt.core.accounts import account_names
from commonwatt.core.determinism import stream
from commonwatt.core.tariff import Rates
from commonwatt.services.reporting.facts import RunFacts
from commonwatt.services.schemas import SCHEMAS

FIRST_SLOT = 467376
RATES = Rates(300_000, 80_000, 300_000, 80_000, 40_000, 10_000, 20_000, 5_000, 80_000)


@dataclass
class Rows:
    """Tables being written, a list of rows each."""

    rows: dict[str, list[tuple[Any, ...]]] = field(default_factory=lambda: defaultdict(list))

    def add(self, table: str, *row: Any) -> None:
        self.rows[table].append(row)

    def tables(self) -> dict[str, pa.Table]:
        return {name: table_of(name, self.rows[name]) for name in SCHEMAS}


def table_of(name: str, rows: list[tuple[Any, ...]]) -> pa.Table:
    """A table of the contract; rows may leave out the last columns, which reporting does not read."""
    schema = SCHEMAS[name]
    columns = [schema.field(at) for at in range(len(rows[0]) if rows else len(schema))]
    return pa.table({c.name: pa.array([row[at] for row in rows], c.type) for at, c in enumerate(columns)})


def changed(table: pa.Table, column: str, row: int, by: int) -> pa.Table:
    """The table with one number moved."""
    values = table.column(column).to_pylist()
    values[row] += by
    at = table.schema.get_field_index(column)
    return table.set_column(at, column, pa.array(values, table.schema.field(column).type))


def facts_of(names: list[str], ids: list[str], slots: int, **changes: Any) -> RunFacts:
    """Facts of a run over these members, with constant rates."""
    facts = RunFacts(
        name="Fontana", currency="USD", time_zone="America/Los_Angeles", slot_s=3600, first_slot=FIRST_SLOT, slots=slots, seed=7,
        design="community", timing="ex_post", venue="sealed_batch", clearing="uniform_price", pricing="midpoint",
        settlement="scheduled", residual="metered", forecasting="persistence", metering="plain", chain="embedded", executor="pyrevm",
        rates={FIRST_SLOT + at: RATES for at in range(slots)}, member_ids=dict(zip(names, ids, strict=True)),
        origins={name: "measured" if i.startswith("home") else "resampled" for name, i in zip(names, ids, strict=True)},
        failed={}, notices=(), not_built=("dispute",), gas_by_transaction={}, gas_source="none", ledger_verified=True, proofs_verified=0,
    )  # fmt: skip
    return replace(facts, **changes)


def week(slots: int = 168, homes: int = 17, flats: int = 8, *, timing: str = "ex_post", failed: tuple[int, ...] = (),
         trading: bool = True, rates: Rates = RATES, noise: float = 0.5) -> tuple[RunFacts, dict[str, pa.Table]]:  # fmt: skip
    """Homes with PV and flats without, trading at one price; `failed` counts slots from the first."""
    draw = stream(7, "week")
    count = homes + flats
    ids = [f"home-{n + 1:02d}" for n in range(homes)] + [f"flat-{n + 1:02d}" for n in range(flats)]
    names = [sha3_256(i.encode()).hexdigest()[:16] for i in ids]
    ceiling = rates.retail_micro_per_kwh + rates.grid_fee_micro_per_kwh + rates.tax_micro_per_kwh
    spread = ceiling - rates.feed_in_micro_per_kwh
    limits_buy = ceiling - draw.integers(0, spread * 4 // 7, count)
    limits_sell = rates.feed_in_micro_per_kwh + draw.integers(0, spread * 3 // 7, count)
    size = np.append(draw.uniform(2000, 6000, homes), np.zeros(flats))
    base = draw.uniform(200, 900, count)
    rows, storage = Rows(), np.zeros(count, np.int64)
    for name, i in zip(names, ids, strict=True):
        rows.add(
            "members",
            name,
            "0x" + "1" * 40,
            "0x" + "2" * 40,
            "prosumer" if i.startswith("home") else "consumer",
            10_000,
        )
    gas = {}
    for at in range(slots):
        slot, hour = FIRST_SLOT + at, (FIRST_SLOT + at - 7) % 24
        sun = max(0.0, np.sin((hour - 6) / 12 * np.pi)) if 6 <= hour <= 18 else 0.0
        pv = (size * sun * draw.uniform(0.5, 1)).astype(np.int64)
        load = (base * (1.2 + np.sin((hour - 13) / 12 * np.pi)) * draw.uniform(0.4, 1.8, count)).astype(np.int64)
        battery = np.where(np.arange(count) < homes // 3, 1500, 0)
        charge = np.minimum(np.maximum(pv - load, 0), np.minimum(battery, 6000 - storage))
        discharge = np.minimum(np.maximum(load - pv, 0), np.minimum(battery, storage))
        storage = storage + charge - discharge
        net = pv - load - charge + discharge
        wish = net if timing == "ex_post" else (net * draw.uniform(1 - noise, 1 + noise, count)).astype(np.int64)
        for m, name in enumerate(names):
            rows.add("flows", slot, name, load[m], pv[m], charge[m], discharge[m], 0, storage[m])
            rows.add("wishes", slot, name, net[m], limits_buy[m], limits_sell[m])
            rows.add(
                "readings",
                slot,
                name,
                max(-net[m], 0),
                max(net[m], 0),
                "substituted" if (m, at) == (2, 30) else "measured",
                0,
                at,
            )
        void = at in failed
        rows.add("slots", slot, void, "the clearing raised an error" if void else None, 0, "unchecked")
        sold = _trade(rows, slot, names, wish, limits_buy, limits_sell, rates, net, is_open=trading and not void)
        _settle(rows, slot, names, sold, net, rates)
        for kind in ("open", "clear", "settle")[0 if trading else 2 :]:
            transaction = "0x" + sha3_256(f"{slot}{kind}".encode()).hexdigest()
            gas[transaction] = {"open": 61_000, "clear": 72_000, "settle": 180_000}[kind] + 40 * at
            rows.add("receipts", slot, kind, 0, 0, 1, "00" * 32, transaction, 2 * at, 1)
    _balance(rows, names)
    facts = facts_of(names, ids, slots, timing=timing, rates=dict.fromkeys(range(FIRST_SLOT, FIRST_SLOT + slots), rates),
                     failed={FIRST_SLOT + at: "the clearing raised an error" for at in failed}, notices=("1 gap substituted",),
                     gas_by_transaction=gas, gas_source="model", design="community" if timing == "ex_post" else "p2pet")  # fmt: skip
    return facts, rows.tables()


def _trade(rows: Rows, slot: int, names: list[str], wish: Any, limits_buy: Any, limits_sell: Any, rates: Rates, net: Any, *,
           is_open: bool) -> Any:  # fmt: skip
    """Two queues by limit, crossed; everybody trades at one price. Returns what each member sold less what it bought."""
    fees = rates.local_fee_micro_per_kwh + rates.local_tax_micro_per_kwh
    ceiling = rates.retail_micro_per_kwh + rates.grid_fee_micro_per_kwh + rates.tax_micro_per_kwh
    bid, ask = np.minimum(limits_buy, ceiling) - fees, np.maximum(limits_sell, rates.feed_in_micro_per_kwh)
    sells = sorted((m for m in range(len(names)) if wish[m] > 0), key=lambda m: ask[m])
    buys = sorted((m for m in range(len(names)) if wish[m] < 0), key=lambda m: -bid[m])
    left, pairs = np.abs(wish).copy(), []
    at = to = 0
    while is_open and at < len(sells) and to < len(buys) and ask[sells[at]] <= bid[buys[to]]:
        seller, buyer = sells[at], buys[to]
        energy = min(left[seller], left[buyer])
        pairs.append((seller, buyer, energy))
        left[[seller, buyer]] -= energy
        at, to = at + (left[seller] == 0), to + (left[buyer] == 0)
    price = int(ask[pairs[-1][0]] + bid[pairs[-1][1]]) >> 1 if pairs else 0
    orders = {m: f"{slot}-o{n}" for n, m in enumerate([*sells, *buys])}
    for n, (m, order) in enumerate(orders.items()):
        selling = bool(wish[m] > 0)
        limit = limits_sell[m] if selling else limits_buy[m]
        filled = abs(wish[m]) - left[m]
        rows.add("orders", slot, order, names[m], "sell" if selling else "buy", abs(wish[m]), limit, n, "pv" if selling else "unknown",
                 "any", filled, "filled" if left[m] == 0 else "no_counterpart" if is_open else "slot_failed")  # fmt: skip
    sold = np.zeros(len(names), np.int64)
    for n, (seller, buyer, energy) in enumerate(pairs):
        rows.add("trades", slot, f"{slot}-t{n}", names[seller], names[buyer], orders[seller], orders[buyer], energy, price, price,
                 energy * price, energy * price, energy, 1, 0, 0)  # fmt: skip
        _leg(rows, slot, names, seller, "peer_sell", energy, price, "member:" + names[buyer], "trade")
        _leg(rows, slot, names, buyer, "peer_buy", energy, -price, None, "trade")
        sold[seller] += energy
        sold[buyer] -= energy
    return sold


def _settle(rows: Rows, slot: int, names: list[str], sold: Any, net: Any, rates: Rates) -> None:
    """The rule `scheduled` with a metered residual (`mechanisms`, section 0)."""
    for m in range(len(names)):
        gap, firm = int(sold[m] - net[m]), int(sold[m])
        short, long = max(0, min(gap, firm)), max(0, min(-gap, -firm))
        bought = max(gap, 0) - short + short
        retail, back = rates.retail_micro_per_kwh, rates.feed_in_micro_per_kwh
        _leg(rows, slot, names, m, "supplier_buy", max(gap, 0) - short, -retail, "supplier", "supplier")
        _leg(
            rows, slot, names, m, "imbalance_short", short, -rates.imbalance_buy_micro_per_kwh, "supplier", "imbalance"
        )
        _leg(rows, slot, names, m, "supplier_sell", max(-gap, 0) - long, back, "supplier", "supplier")
        _leg(rows, slot, names, m, "imbalance_long", long, rates.imbalance_sell_micro_per_kwh, "supplier", "imbalance")
        _leg(rows, slot, names, m, "grid_fee", bought, -rates.grid_fee_micro_per_kwh, "grid", "fee")
        _leg(rows, slot, names, m, "tax", bought, -rates.tax_micro_per_kwh, "state", "tax")
        _leg(rows, slot, names, m, "local_fee", max(-firm, 0), -rates.local_fee_micro_per_kwh, "grid", "fee")
        _leg(rows, slot, names, m, "tax", max(-firm, 0), -rates.local_tax_micro_per_kwh, "state", "tax")


def _leg(
    rows: Rows, slot: int, names: list[str], m: int, leg: str, energy: int, price: int, other: str | None, kind: str
) -> None:
    """A line of a bill and its posting; a leg without another account has had its posting already."""
    if not energy:
        return
    rows.add("statements", slot, names[m], 0, leg, energy, abs(price), energy * price)
    ends = [other, "member:" + names[m]] if price > 0 else ["member:" + names[m], other]
    if other and price:
        rows.add("postings", slot, 0, *ends, energy * abs(price), kind)


def _balance(rows: Rows, names: list[str]) -> None:
    net: dict[str, int] = defaultdict(int)
    for _, _, debit, credit, amount, _ in rows.rows["postings"]:
        net[debit] -= amount
        net[credit] += amount
    for account in account_names(names):
        if account != "wholesale":
            deposit = 100_000_000_000 if account.startswith("member:") else 0
            pending = max(net[account], 0) // 3
            rows.add("balances", account, deposit + net[account] - pending, pending, deposit)
