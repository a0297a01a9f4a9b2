"""What members sign: their wallets' signatures, the orders that lie within them, and what an audit says of those that do not."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from eth_account import Account as Wallet
from eth_account.messages import encode_typed_data
from tests.fakes import markets
from tests.fakes.markets import FIRST, Ran, rows

from commonwatt.adapters.ledger.foundation import Genesis, chain_id_of
from commonwatt.core.accounts import FIRST_MEMBER
from commonwatt.core.columns import Columns
from commonwatt.core.orders import SETTLE_NET, SETTLE_TRADES, Instructions, OrderBook
from commonwatt.crypto.secp256k1 import address_of_secret
from commonwatt.crypto.signatures import Signer, signer_address
from commonwatt.services.audit import CHECKS, Check
from commonwatt.services.instructing import order_digests
from commonwatt.services.rules import EVERY_ORDER, EX_ANTE, STANDING

MODES = pytest.mark.parametrize("signing", [STANDING, EVERY_ORDER])


@cache
def ran(signing: str, chain: str = "memory") -> Ran:
    design = markets.rules(EX_ANTE, order_signing=signing)
    return markets.run(markets.market(EX_ANTE, hours=4, chain=chain, design=design), 4)


def check(of: Ran, **tables: pa.Table) -> Check:
    (named,) = [c for c in CHECKS if c.__name__ == "check_instructions"]
    return named(of.audited(tables))


def changed(table: pa.Table, row: int, **values: Any) -> pa.Table:
    listed = table.to_pylist()
    listed[row] = {**listed[row], **values}
    return pa.Table.from_pylist(listed, schema=table.schema)


def instruction(**changes: Any) -> Instructions:
    usual = {"member": 1, "is_sell": 0, "energy_wh": 900, "limit_micro_per_kwh": 50, "first_slot": 5, "last_slot": 9}
    return Instructions.of(1, **{**usual, "path": SETTLE_NET, **changes})


def order(**changes: Any) -> OrderBook:
    return OrderBook.of(1, **{"member": 1, "is_sell": 0, "energy_wh": 900, "limit_micro_per_kwh": 50, **changes})


@pytest.mark.parametrize(
    ("signed", "wish", "slot", "is_covered"),
    [
        ({}, {}, 5, True),
        ({}, {}, 9, True),
        ({}, {}, 4, False),
        ({}, {}, 10, False),
        ({}, {"energy_wh": 901}, 5, False),
        ({}, {"limit_micro_per_kwh": 51}, 5, False),
        ({}, {"limit_micro_per_kwh": 49}, 5, True),
        ({}, {"is_sell": 1}, 5, False),
        ({}, {"member": 2}, 5, False),
        ({"path": SETTLE_TRADES}, {}, 5, False),
        ({"is_sell": 1}, {"is_sell": 1, "limit_micro_per_kwh": 51}, 5, True),
        ({"is_sell": 1}, {"is_sell": 1, "limit_micro_per_kwh": 49}, 5, False),
    ],
)
def test_an_order_lies_within_what_was_signed(signed: Any, wish: Any, slot: int, is_covered: bool) -> None:
    assert instruction(**signed).covers(order(**wish), slot, SETTLE_NET).tolist() == [is_covered]


@MODES
@pytest.mark.parametrize("chain", ["memory", "embedded"])
def test_a_run_s_orders_lie_within_what_wallets_signed(signing: str, chain: str) -> None:
    found = check(ran(signing, chain))
    assert found.findings == ()
    assert found.checked == ran(signing, chain).tables["orders"].num_rows > 0


def test_each_member_signs_once_a_side_for_the_whole_run() -> None:
    table = ran(STANDING).tables["instructions"].to_pylist()
    members = ran(STANDING).tables["members"]["member"].to_pylist()
    assert [(row["member"], row["side"]) for row in table] == [(m, side) for m in members for side in ("buy", "sell")]
    assert {(row["first_slot"], row["last_slot"], row["path"]) for row in table} == {(FIRST, FIRST + 3, 0)}
    first = markets.MEMBERS[0]
    assert [row["limit_micro_per_kwh"] for row in table[:2]] == [
        first.buy_limit_micro_per_kwh,
        first.sell_limit_micro_per_kwh,
    ]
    assert [row["energy_wh"] for row in table[:2]] == [first.connection_w] * 2
    assert len({row["salt"] for row in table}) == len(table)


def test_an_order_that_is_signed_by_itself_is_its_own_instruction() -> None:
    tables = ran(EVERY_ORDER).tables
    pairs = zip(tables["orders"].to_pylist(), tables["instructions"].to_pylist(), strict=True)
    for wish, signed in pairs:
        assert wish["instruction"] == signed["instruction_id"] == wish["order_id"].replace("o", "i")
        same = ("member", "side", "energy_wh", "limit_micro_per_kwh")
        assert [wish[name] for name in same] == [signed[name] for name in same]
        assert signed["first_slot"] == signed["last_slot"] == wish["slot"]


@MODES
def test_what_is_signed_is_what_any_wallet_shows_and_signs(signing: str) -> None:
    of = ran(signing)
    signed = of.audited().public.instructions.take(np.array([1]))
    operator = address_of_secret(markets.keys().operator_key())
    market = Genesis(of.market.terms, operator).addresses["market"]
    kinds = "member uint256,isSell bool,energyWh uint256,limitMicroPerKwh int256,firstSlot uint256,lastSlot uint256,path uint256,salt uint256"
    fields = [dict(zip(("name", "type"), pair.split(), strict=True)) for pair in kinds.split(",")]
    columns = ("member", "is_sell", "energy_wh", "limit_micro_per_kwh", "first_slot", "last_slot", "path")
    values = [getattr(signed, name)[0].item() for name in columns]
    values[0] += FIRST_MEMBER
    message = encode_typed_data(
        {
            "name": "Commonwatt market",
            "version": "1",
            "chainId": chain_id_of(markets.COMMUNITY),
            "verifyingContract": "0x" + market.hex(),
        },
        {"Order": fields},
        dict(zip((f["name"] for f in fields), [*values, int.from_bytes(signed.salt[0].tobytes())], strict=True)),
    )
    wallet = Wallet.recover_message(message, signature=signed.signature[0].tobytes())
    assert wallet.lower() == of.tables["instructions"]["wallet"][1].as_py()


def test_the_same_member_signs_the_same_bytes_on_every_ledger() -> None:
    assert ran(STANDING).tables["instructions"].equals(ran(STANDING, "embedded").tables["instructions"])


def test_an_order_outside_is_refused_and_says_so() -> None:
    # A connection that carries less than what the meter is expected to show.
    thin = tuple(replace(m, connection_w=300) if m.id == "eve" else m for m in markets.MEMBERS)
    of = markets.run(markets.market(EX_ANTE, hours=4, members=thin), 4)
    refused = rows(of.tables["orders"], reason="instruction")
    assert refused
    assert {row["energy_wh"] > 300 for row in refused} == {True}
    assert {row["nonce"] for row in refused} == {None}
    assert check(of).findings == ()


@MODES
def test_a_forged_signature_is_found(signing: str) -> None:
    of = ran(signing)
    public = of.audited().public
    (digest,) = order_digests(of.market.order_domain, public.instructions.take(np.array([0])))
    stranger = Signer(bytes(31) + b"\x07")
    forged = "0x" + stranger.sign(digest).hex()
    (finding,) = check(of, instructions=changed(of.tables["instructions"], 0, signature=forged)).findings
    assert finding.where == "instructions row 0 signature"
    assert finding.found == f"that of 0x{stranger.address.hex()}"


def resigned(of: Ran, row: int, **changes: Any) -> pa.Table:
    """The table of instructions with one that its member signed otherwise."""
    table = of.tables["instructions"]
    public = of.audited({"instructions": changed(table, row, **changes)}).public
    signed = public.instructions.take(np.array([row]))
    (digest,) = order_digests(of.market.order_domain, signed)
    member = of.market.members[int(signed.member[0])].id
    signature = "0x" + of.market.keys.sign_wallet(member, digest).hex()
    return changed(table, row, **changes, signature=signature)


def row_in_use(of: Ran) -> int:
    """The instruction of the first accepted order."""
    return int(of.audited().public.instructed(FIRST)[0])


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"energy_wh": 1}, "at most 1 Wh"),
        ({"first_slot": FIRST + 1}, f"slots {FIRST + 1}..{FIRST + 3}"),
        ({"last_slot": FIRST - 1, "first_slot": FIRST - 2}, f"slots {FIRST - 2}..{FIRST - 1}"),
        ({"path": 1}, "path 0"),
    ],
    ids=["energy", "too early", "expired", "path"],
)
def test_an_order_beyond_what_its_member_signed_is_found(changes: dict[str, int], says: str) -> None:
    of = ran(STANDING)
    row = row_in_use(of)
    findings = check(of, instructions=resigned(of, row, **changes)).findings
    assert any(f.where == f"orders {FIRST}-o0" and says in f.expected for f in findings)
    assert not any("signature" in f.where for f in findings)


def test_an_order_at_a_worse_limit_than_its_member_signed_is_found() -> None:
    of = ran(STANDING)
    row = row_in_use(of)
    is_sell = of.tables["instructions"]["side"][row].as_py() == "sell"
    worse = of.tables["orders"]["limit_micro_per_kwh"][0].as_py() + (1 if is_sell else -1)
    findings = check(of, instructions=resigned(of, row, limit_micro_per_kwh=worse)).findings
    assert any(f.where == f"orders {FIRST}-o0" and f"limit {worse} or better" in f.expected for f in findings)


@MODES
def test_an_order_under_another_members_instruction_is_found(signing: str) -> None:
    of = ran(signing)
    orders = of.tables["orders"]
    others = of.tables["instructions"].to_pylist()
    mine = orders["member"][0].as_py()
    other = next(i for i in others if i["member"] != mine and i["side"] == orders["side"][0].as_py())
    findings = check(of, orders=changed(orders, 0, instruction=other["instruction_id"])).findings
    assert any(f.found.startswith("another member's") for f in findings)


def test_two_orders_that_share_an_instruction_share_its_energy() -> None:
    of = ran(STANDING)
    wish = of.tables["orders"].to_pylist()[0]
    most = rows(of.tables["instructions"], instruction_id=wish["instruction"])[0]["energy_wh"]
    full = {**wish, "energy_wh": most}
    rest = of.tables["orders"].to_pylist()[1:]
    last = {**wish, "energy_wh": 1, "sequence": 10**6, "order_id": f"{FIRST}-o99"}
    orders = pa.Table.from_pylist([full, *rest, last], schema=of.tables["orders"].schema)
    findings = check(of, orders=orders).findings
    assert any(f.expected == f"at most {most} Wh together" and f.found == f"{most + 1} Wh" for f in findings)


def test_every_column_that_is_signed_changes_the_digest() -> None:
    usual = instruction()
    domain = bytes(32)
    digests = {order_digests(domain, usual)[0]}
    for name, column in usual.arrays().items():
        if name != "signature":
            other: Columns = usual.replaced(**{name: (column.astype(np.int64) + 1) % 256})
            assert isinstance(other, Instructions)
            digests.add(order_digests(domain, other)[0])
    digests.add(order_digests(bytes([1]) * 32, usual)[0])
    assert len(digests) == 10


def test_a_wallet_s_signature_is_its_own() -> None:
    keys = markets.keys()
    assert signer_address(b"\7" * 32, keys.sign_wallet("ann", b"\7" * 32)) == keys.wallet("ann") != keys.wallet("bob")
