"""What each function costs, to the unit, so that a change of price is a decision (`gas.json` holds the figures)."""

import json
from pathlib import Path

import pytest
from tests.fakes.contract_world import FIRST_SLOT, Batch, World

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
    signatures = world.signatures(encoding.void_digest(world.domain(), batch.content, 1))
    gas["void of 100 lines"] = world.market.transaction_gas("void", *batch.arguments, signatures)
    gas["announce"] = world.vault.transaction_gas("announce", 8, 5, sender=world.wallet(8))
    world.pass_epochs(2)
    gas["withdraw"] = world.vault.transaction_gas("withdraw", 8, sender=world.wallet(8))
    gas["admit"] = world.members.transaction_gas("admit", *world.admission(33), sender=world.regulator)
    return gas


def test_every_function_costs_what_it_did(measured: dict[str, int]) -> None:
    assert measured == json.loads(SNAPSHOT.read_text(encoding="utf-8")), f"now {json.dumps(measured)}"


def test_a_busy_slot_fits_a_block_many_times(measured: dict[str, int]) -> None:
    assert measured["settle_net of 100 lines"] < 30_000_000 // 50
