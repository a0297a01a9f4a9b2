"""What each function costs, to the unit, so that a change of price is a decision (`gas.json` holds the figures)."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from tests.fakes.contract_world import ANSWER_S, FIRST_SLOT, Batch, World
from tests.fakes.demanding import NOTHING_BEFORE, Book, Said, Wish

from commonwatt.contracts import encoding

SNAPSHOT = Path(__file__).parent / "gas.json"
ROOT = encoding.keccak256(b"root")
MEMBERS = range(8, 33)


def busy_slot(slot: int) -> Batch:
    """25 members: 70 trades and 30 fees."""
    sellers, buyers = MEMBERS[:12], MEMBERS[12:]
    energy = [(sellers[k % 12], buyers[k % 13], 50 + 7 * k, 90_000 + 1000 * k) for k in range(70)]
    amounts = [(1 + k % 4, buyers[k % 13], 1000 * k + 1) for k in range(30)]
    return Batch(slot, energy, amounts)


@pytest.fixture(scope="module")
def measured() -> dict[str, int]:
    world = World(members_count=len(MEMBERS), quorum=1)
    world.deposit(0, 10**15)
    slot = FIRST_SLOT
    gas = {
        "open": world.market.transaction_gas("open", slot, ROOT, 25, sender=world.operator),
        "clear": world.market.transaction_gas("clear", slot, ROOT, ROOT, sender=world.operator),
        "anchor": world.market.transaction_gas("anchor", 1, 0, ROOT, sender=world.operator),
        "deposit": world.vault.transaction_gas("deposit", 7, 1, sender=world.operator),
        "deposit_many of 25": world.vault.transaction_gas(
            "deposit_many", list(MEMBERS), [10**13] * len(MEMBERS), sender=world.operator
        ),
    }
    batch = busy_slot(slot)
    signatures = world.signatures(encoding.batch_digest(world.domain(), batch.content, 1))
    gas["settle_net of 100 lines"] = world.market.transaction_gas("settle_net", *batch.arguments, signatures)
    gas["settle_net again"] = world.market.transaction_gas("settle_net", *batch.arguments, signatures)
    gas |= of_demands(world, slot + 1)
    signatures = world.signatures(encoding.void_digest(world.domain(), batch.content, 1))
    gas["void of 100 lines"] = world.market.transaction_gas("void", *batch.arguments, signatures)
    gas["announce"] = world.vault.transaction_gas("announce", 8, 5, sender=world.wallet(8))
    world.pass_epochs(2)
    gas["withdraw"] = world.vault.transaction_gas("withdraw", 8, sender=world.wallet(8))
    gas["admit"] = world.members.transaction_gas("admit", *world.admission(33), sender=world.regulator)
    return gas


def of_demands(world: World, slot: int) -> dict[str, int]:
    """A demand on a trade and one on a position of a slot of 100 lines, answered and not; trades that the market checks."""
    wishes = [
        Wish(k, k < 20, 10**5, limit=90_000 if k < 20 else 300_000, first_slot=0, last_slot=2**60) for k in MEMBERS
    ]
    book, trades = Book(wishes, slot), busy_slot(slot)
    supplied = [(8, 9, 700, 200_000), (8, 0, 300, 80_000), *trades.energy[:-2]]
    batch = Batch(slot, supplied, trades.amounts)
    book.announce(world)
    world.post(batch)
    claims, operator = world.claims, world.operator
    gas = {}
    ids = []
    for name, line in (("a trade", 0), ("a position", 1)):
        asked = (batch.place, batch.lines, line, 0, 9)
        gas[f"demand of {name}"] = claims.transaction_gas("demand", *asked, sender=world.wallet(9))
        ids.append(encoding.demand_id(batch.key, 1, 0, line, 0))
    order = (wishes[0].order, wishes[0].signature(world), wishes[0].entry, book.proof(0))
    gas["answer_order"] = claims.transaction_gas("answer_order", ids[0], *order, sender=operator)
    gas["feed of 100 lines"] = claims.transaction_gas("feed", ids[1], batch.place, batch.lines, sender=operator)
    sold_wh = sum(wh for who, _, wh, _ in batch.energy if who == 8)
    packet = Said(8, export_wh=sold_wh, slot=slot).packet()
    gas["answer_position"] = claims.transaction_gas("answer_position", ids[1], packet, NOTHING_BEFORE, sender=operator)
    late = claims.call("demand", batch.place, batch.lines, 2, 0, 9, sender=world.wallet(9))
    world.pass_s(ANSWER_S + 1)
    gas["expire of 100 lines"] = claims.transaction_gas("expire", late, batch.place, batch.lines, sender=operator)
    world.clear_slot(slot + 1)
    signed = [replace(wish, path=encoding.PATH_TRADES).signed(world) for wish in wishes]
    seventy = Batch(slot + 1, [(8 + k % 12, 20 + k % 13, 50, 150_000) for k in range(70)], kind=encoding.TRADES)
    fills = b"".join(bytes([who - 8, other - 8]) for who, other, _, _ in seventy.energy) + bytes(30)
    arguments = (seventy.slot, 0, 1, seventy.lines, signed, fills)
    gas["settle_trades of 70 lines, 25 orders"] = world.market.transaction_gas(
        "settle_trades", *arguments, sender=operator
    )
    return gas


def test_every_function_costs_what_it_did(measured: dict[str, int]) -> None:
    assert measured == json.loads(SNAPSHOT.read_text(encoding="utf-8")), f"now {json.dumps(measured)}"


def test_a_busy_slot_fits_a_block_many_times(measured: dict[str, int]) -> None:
    assert measured["settle_net of 100 lines"] < 30_000_000 // 50
