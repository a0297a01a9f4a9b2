"""Public tables: what is read back from the files is what went into them."""

from __future__ import annotations

from functools import cache

import numpy as np
import pyarrow as pa
import pytest
from tests.fakes import markets
from tests.fakes.markets import Ran

from commonwatt.core.columns import Columns
from commonwatt.services.halves import DeliveryHalf, GateHalf, Trading
from commonwatt.services.public import PublicTables
from commonwatt.services.rules import EX_ANTE, EX_POST
from commonwatt.services.schemas import PUBLIC, SCHEMAS

TIMINGS = pytest.mark.parametrize("timing", [EX_ANTE, EX_POST])


@cache
def world(timing: str) -> tuple[Ran, PublicTables]:
    ran = markets.eventful(timing)
    return ran, PublicTables({name: ran.tables[name] for name in PUBLIC})


def deliveries(ran: Ran) -> list[DeliveryHalf]:
    return [half for half in ran.halves if isinstance(half, DeliveryHalf)]


def tradings(ran: Ran) -> dict[int, Trading]:
    """What happened to the orders of each slot, from whichever half holds it."""
    gates = {half.slot: half.trading for half in ran.halves if isinstance(half, GateHalf)}
    return gates or {half.slot: half.trading for half in deliveries(ran) if half.trading}


def assert_same(one: Columns, two: Columns) -> None:
    for name, column in one.arrays().items():
        np.testing.assert_array_equal(column, two.arrays()[name], err_msg=name)


@TIMINGS
def test_orders_and_trades_come_back_as_they_were(timing: str) -> None:
    ran, public = world(timing)
    refused = 0
    for slot, trading in tradings(ran).items():
        book, accepted, nonces, reason = public.orders(slot)
        assert_same(book, trading.book)
        assert accepted == trading.accepted
        assert nonces.tolist() == trading.nonces.tolist()
        assert reason.tolist() == trading.agreement.reason.tolist()
        agreement, _ = public.agreement(slot)
        assert_same(agreement.trades, trading.agreement.trades)
        refused += len(book) - accepted
    assert refused


@TIMINGS
def test_readings_statements_and_postings_come_back_as_they_were(timing: str) -> None:
    ran, public = world(timing)
    revisions = 0
    for half in deliveries(ran):
        assert_same(public.readings(half.slot, 0), half.readings)
        _, delivered = public.agreement(half.slot)
        assert delivered.tolist() == half.statement.delivered_wh.tolist()
        for correction in half.corrections:
            statement = correction.statement
            assert_same(public.readings(statement.slot, statement.revision), correction.readings)
            assert public.revisions(statement.slot) == [0, statement.revision]
            revisions += 1
        for statement in half.statements():
            assert_same(public.legs(statement.slot, statement.revision), statement.legs)
            assert_same(public.postings(statement.slot, statement.revision), statement.postings)
    assert revisions == 1


@TIMINGS
def test_members_have_pseudonyms_and_keys_only(timing: str) -> None:
    ran, public = world(timing)
    keys, members = ran.market.keys, ran.market.members
    assert public.pseudonyms == [keys.pseudonym(m.id) for m in members]
    assert public.meter_addresses == tuple(keys.meter_address(i) for i in range(len(members)))
    assert public.slots == list(ran.slots)
    text = "".join(str(table.to_pydict()) for table in public.tables.values())
    assert not [m.id for m in members if f"'{m.id}'" in text]


def test_every_table_is_there_with_its_columns_when_nothing_happened() -> None:
    ran = markets.run(markets.market(hours=1), 0)
    for name, table in ran.tables.items():
        assert table.schema == SCHEMAS[name]
    empty = {name for name, table in ran.tables.items() if not table.num_rows}
    assert empty == set(SCHEMAS) - {"members", "balances"}
    assert PublicTables({name: ran.tables[name] for name in PUBLIC}).slots == []


@TIMINGS
def test_rows_of_a_slot_keep_the_order_of_the_file(timing: str) -> None:
    _, public = world(timing)
    table = public.tables["postings"]
    turned = PublicTables({**public.tables, "postings": pa.concat_tables([table.slice(60), table.slice(0, 60)])})
    slot = public.slots[-1]
    rows = [row for row in turned.tables["postings"].to_pylist() if row["slot"] == slot]
    assert turned.rows("postings", slot).to_pylist() == rows
