"""Two EVMs, one behaviour: whatever is called on the contracts, well formed or spoilt, both answer and store the same."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import pytest
from eth_abi import encode
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.contract_world import (
    ANSWER_S,
    BOND_NANO,
    BOND_SHARE,
    CLOSE_AFTER_S,
    COIN,
    COMMUNITY,
    DEMAND_BOND_NANO,
    FINAL_S,
    FIRST_SLOT,
    NO_ADDRESS,
    PRICE_CAP,
    RECOVERY_S,
    RULES,
    SLOT_S,
    START_S,
    WINDOW_S,
    Batch,
    World,
    abi_type,
    address_of,
    sign,
)
from tests.fakes.demanding import NOTHING_BEFORE, Book, Said, Wish

from commonwatt.adapters.chain.executors import open_executor
from commonwatt.adapters.chain.executors.base import state_digest
from commonwatt.contracts import artifact, encoding

CHAIN_ID = 77
SIGNERS = ("signer a", "signer b")
OPERATOR = address_of("operator")
WISHES = [Wish(k, is_sell, 2000, 100_000 if is_sell else 250_000) for k in (8, 9) for is_sell in (True, False)]
BOOK = Book(WISHES)
BATCH = Batch(FIRST_SLOT, [(8, 9, 600, 200_000), (8, 0, 300, 80_000), (0, 9, 400, 300_000)], [(1, 9, 500)])
SECOND = Batch(FIRST_SLOT, [(8, 9, 500, 200_000), (0, 9, 500, 300_000)])
TRADES = Batch(FIRST_SLOT, [(8, 9, 600, 200_000)], kind=encoding.TRADES)


class Both:
    """The five contracts on both executors; every call goes to both."""

    def __init__(self) -> None:
        self.executors = [open_executor(name, CHAIN_ID, "cancun")[0] for name in ("pyrevm", "py-evm")]
        self.nonces: dict[bytes, int] = {}
        self.addresses: dict[str, bytes] = {}
        self.block, self.time_s = 0, START_S
        self.pass_s(0)
        system = [NO_ADDRESS if k == encoding.POOL else address_of(f"system {k}") for k in range(8)]
        self.create("token", "Watt", "W", OPERATOR)
        self.create("members", OPERATOR, system, RECOVERY_S)
        self.create("vault", self.addresses["token"], 1, self.addresses["members"], WINDOW_S)
        signers = [address_of(name) for name in SIGNERS]
        bond = (RULES, BOND_NANO, BOND_SHARE, CLOSE_AFTER_S)
        terms = (OPERATOR, signers, 1, SLOT_S, PRICE_CAP, FINAL_S, *bond)
        self.create("market", COMMUNITY, self.addresses["vault"], *terms)
        self.create("claims", self.addresses["market"], DEMAND_BOND_NANO, ANSWER_S, 300_000, 80_000, 60_000, 10_000)
        vault = self.addresses["vault"]
        for name, function, arguments in (
            ("vault", "set_market", (self.addresses["market"], self.addresses["claims"])),
            ("members", "admit_many", ([World.admission(k) for k in (8, 9, 10)],)),
            ("token", "mint", (OPERATOR, 2**80)),
            ("token", "approve", (vault, 2**255)),
            ("vault", "deposit_many", ([0, 7, 8, 9, 10], [100 * COIN] * 5)),
            ("market", "open", (FIRST_SLOT, BOOK.proof(0)[2], len(WISHES))),
            ("market", "clear", (FIRST_SLOT, RULES, RULES)),
            ("market", "settle_net", (*BATCH.arguments, self.quorum(encoding.batch_digest, BATCH, 1))),
        ):
            assert self.call(name, self.data(name, function, *arguments), OPERATOR)

    @property
    def domain(self) -> bytes:
        """The market's EIP-712 domain."""
        return encoding.domain_separator(CHAIN_ID, self.addresses["market"])

    def quorum(self, digest: Any, batch: Batch, attempt: int) -> list[tuple[int, int, int]]:
        """The one signature that is enough."""
        return [sign(SIGNERS[0], digest(self.domain, batch.content, attempt))]

    def pass_s(self, seconds: int) -> None:
        """A block later."""
        self.block, self.time_s = self.block + 1, self.time_s + seconds
        for executor in self.executors:
            executor.begin_block(self.block, self.time_s)

    def create(self, name: str, *arguments: Any) -> None:
        """Create a contract."""
        shipped = artifact(name)
        (constructor,) = (entry for entry in shipped.abi if entry["type"] == "constructor")
        code = shipped.creation_code + encode([abi_type(entry) for entry in constructor["inputs"]], arguments)
        first, second = (e.create(OPERATOR, self.nonces.get(OPERATOR, 0), code) for e in self.executors)
        assert first.contract == second.contract is not None
        self.nonces[OPERATOR] = self.nonces.get(OPERATOR, 0) + 1
        self.addresses[name] = second.contract

    def data(self, name: str, function: str, *arguments: Any) -> bytes:
        """Calldata of a call."""
        (entry,) = (e for e in artifact(name).abi if e["type"] == "function" and e["name"] == function)
        types = [abi_type(argument) for argument in entry["inputs"]]
        return encoding.keccak256(f"{function}({','.join(types)})".encode())[:4] + bytes(encode(types, arguments))

    def call(self, name: str, data: bytes, sender: bytes) -> bool:
        """Call on both and compare what they say; whether it succeeded."""
        nonce = self.nonces.get(sender, 0)
        self.nonces[sender] = nonce + 1
        first, second = (e.call(sender, nonce, self.addresses[name], data) for e in self.executors)
        assert (first.succeeded, first.return_data, first.logs) == (second.succeeded, second.return_data, second.logs)
        return first.succeeded

    def known_calls(self) -> list[tuple[str, str, Sequence[Any], bytes]]:
        """Contract, function, arguments and sender of calls that mean something here, some of them in time."""
        wallet = World.wallet(10)
        calls: list[tuple[str, str, Sequence[Any], bytes]] = []
        for line, side in ((0, 0), (0, 1), (1, 0), (2, 1), (3, 1), (4, 10)):
            demand = encoding.demand_id(BATCH.key, 1, 0, line, side)
            calls.append(("claims", "demand", (BATCH.place, BATCH.lines, line, side, 10), wallet))
            calls.append(("claims", "feed", (demand, BATCH.place, BATCH.lines), OPERATOR))
            for said in (Said(8, export_wh=900), Said(9, import_wh=1000), Said(10)):
                calls.append(("claims", "answer_position", (demand, said.packet(), NOTHING_BEFORE), OPERATOR))
            calls.append(("claims", "expire", (demand, BATCH.place, BATCH.lines), wallet))
            calls.append(("claims", "reclaim", (demand,), wallet))
        for at, wish in enumerate(WISHES):
            demand = encoding.demand_id(BATCH.key, 1, 0, 0, 0 if wish.is_sell else 1)
            signature = sign(f"member {wish.member}", encoding.order_digest(self.domain, **wish.fields))
            shown = (demand, wish.order, signature, wish.entry, BOOK.proof(at))
            calls.append(("claims", "answer_order", shown, OPERATOR))
            calls.append(("market", "cancel", (wish.order,), World.wallet(wish.member)))
        paths = [Wish(w.member, w.is_sell, w.energy_wh, w.limit, path=encoding.PATH_TRADES) for w in WISHES]
        signed = [(w.order, *sign(f"member {w.member}", encoding.order_digest(self.domain, **w.fields))) for w in paths]
        trades = (TRADES.slot, 0, 1, TRADES.lines, signed, b"\x00\x03" + bytes(30))
        void = (*BATCH.arguments, self.quorum(encoding.void_digest, BATCH, 1))
        second = (*SECOND.arguments, self.quorum(encoding.batch_digest, SECOND, 2))
        return [
            *calls,
            ("market", "settle_trades", trades, OPERATOR),
            ("market", "void", void, OPERATOR),
            ("market", "settle_net", second, OPERATOR),
            ("market", "close_out", (), wallet),
            ("vault", "announce", (10, COIN), wallet),
            ("vault", "withdraw", (10,), wallet),
            ("vault", "touch", (list(range(11)),), wallet),
        ]


@st.composite
def spoilt(draw: st.DrawFn, data: bytes) -> bytes:
    """Calldata as it is, or with a byte changed, cut, or something behind it."""
    how = draw(st.sampled_from(("", "", "", "change", "cut", "append")))
    if how == "change":
        at = draw(st.integers(0, len(data) - 1))
        return data[:at] + bytes([draw(st.integers(0, 255))]) + data[at + 1 :]
    if how == "cut":
        return data[: draw(st.integers(0, len(data)))]
    return data + draw(st.binary(min_size=1, max_size=40)) if how else data


@pytest.mark.skipif(find_spec("pyrevm") is None, reason="needs both executors")
@settings(max_examples=6, deadline=None, derandomize=True)
@given(st.data())
def test_whatever_is_called_both_evms_agree(data: st.DataObject) -> None:
    both = Both()
    known = both.known_calls()
    for _ in range(data.draw(st.integers(10, 30))):
        name, function, arguments, sender = data.draw(st.sampled_from(known))
        if data.draw(st.integers(0, 5)) == 0:
            both.pass_s(data.draw(st.sampled_from((1, ANSWER_S, ANSWER_S + 1, WINDOW_S, CLOSE_AFTER_S))))
        if data.draw(st.integers(0, 9)) == 0:
            sender = World.wallet(data.draw(st.integers(8, 10)))
        both.call(name, data.draw(spoilt(both.data(name, function, *arguments))), sender)
    first, second = (state_digest(executor) for executor in both.executors)
    assert first == second


@pytest.mark.skipif(find_spec("pyrevm") is None, reason="needs both executors")
def test_a_demand_with_its_answers_and_its_end_runs_the_same_on_both() -> None:
    both = Both()
    calls = {
        (function, str(arguments)): (name, arguments, sender)
        for name, function, arguments, sender in both.known_calls()
    }
    left = encoding.demand_id(BATCH.key, 1, 0, 4, 10)
    asked = [
        key
        for key, (_, arguments, _) in calls.items()
        if key[0] in ("demand", "feed", "answer_order") or (key[0] == "answer_position" and arguments[0] != left)
    ]
    done = [
        key[0]
        for key in asked
        if both.call(calls[key][0], both.data(calls[key][0], key[0], *calls[key][1]), calls[key][2])
    ]
    assert {name: done.count(name) for name in set(done)} == {
        "demand": 6,
        "feed": 4,
        "answer_position": 3,
        "answer_order": 2,
    }
    both.pass_s(ANSWER_S + 1)
    ended = [key for key in calls if key[0] in ("expire", "settle_net")]
    done = [
        key[0]
        for key in ended
        if both.call(calls[key][0], both.data(calls[key][0], key[0], *calls[key][1]), calls[key][2])
    ]
    assert done == ["expire", "settle_net"]
    first, second = (state_digest(executor) for executor in both.executors)
    assert first == second
