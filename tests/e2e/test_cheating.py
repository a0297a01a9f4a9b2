"""A dishonest operator with a run's folder and keys publishes another story: what an auditor notices, and what it cannot."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.fakes import cheating
from tests.fakes.cheating import Cheat, failed

from commonwatt.adapters.ledger import foundation, open_export
from commonwatt.adapters.ledger.embedded import EmbeddedLedger, ExportedLedger
from commonwatt.adapters.ledger.memory import MemoryLedger
from commonwatt.adapters.store.files import write_table, write_text
from commonwatt.adapters.store.run_folder import file_hashes, files_root
from commonwatt.contracts import artifact
from commonwatt.core.accounts import FIRST_MEMBER, Account
from commonwatt.core.determinism import merkle_root
from commonwatt.core.records import Agreement, Quality, Reason, Statement
from commonwatt.core.tariff import clearing_book
from commonwatt.crypto.signatures import Signer
from commonwatt.metering import enrolment_digest, packet_hash, packet_leaves, packets_digest
from commonwatt.services.audit import Audited
from commonwatt.services.audit.chain import _calls
from commonwatt.services.drawing import in_drawn_sequence
from commonwatt.services.instructing import order_digests
from commonwatt.services.ports import Call, OpenCall, SettleCall
from commonwatt.settlement import correction
from commonwatt.venues import book_root, commitments
from commonwatt.wiring.auditing import AuditRequest, audit_run
from commonwatt.wiring.running import RunRequest, run_community

EXAMPLE = Path(__file__).parents[2] / "examples" / "fontana"
MEMBERS = [*(f"home-0{i}" for i in range(1, 6)), "flat-01", "flat-07", "flat-08"]
STRANGER = bytes(31) + b"\x07"

CLEARING = "orders cleared again give the same trades"
BILLS = "trades, readings and tariff settled again give the same bills"
BALANCES = "statements = postings = balances on the chain"
CHAIN_HASHES = "the chain holds these orders, trades and postings"
ENTRIES = "the chain holds nothing else, each thing once, in its time"
FOUNDATION = "the ledger was founded on these terms and members"
COVERAGE = "every slot, member and packet is there"
FAILURES = "failed slots and cut trades had a reason"
REFUSALS = "refused orders could not be paid, accepted ones could"
PLAIN_FILES = "files say one thing, in one way"
LEDGER_KIND = "the ledger is of the kind that the settings say"
INSTRUCTIONS = "orders lie within what their members' wallets signed"
ENROLMENTS = "gateways were enrolled by the meters"
PACKETS = "meter packets: hash, signature, no replay"


class _Silent:
    def stage(self, name: str, total: int | None = None) -> None: ...

    def at(self, done: int) -> None: ...

    def say(self, text: str) -> None: ...


@pytest.fixture(scope="session")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A day of eight members who trade before delivery, with its key file beside it."""
    root = tmp_path_factory.mktemp("cheating")
    cheating.small_community(root / "street", EXAMPLE, MEMBERS, "2016-08-05", "2016-08-12")
    request = RunRequest(
        root / "street",
        out=root / "run",
        overrides=("market.timing=ex_ante", "metering.signing=gateway"),
        first="2016-08-10",
        end="2016-08-11",
    )
    assert run_community(request, _Silent()).verified
    return root


@pytest.fixture
def slot(cheat: Cheat) -> int:
    """The slot with most trades."""
    slots = [row["slot"] for row in cheat.tables["trades"].to_pylist()]
    return int(max(set(slots), key=lambda s: (slots.count(s), s)))


def test_a_whole_other_history_passes_and_only_its_head_tells(cheat: Cheat, slot: int) -> None:
    """Nothing in a folder can show that its operator signed two: who was shown another chain head can."""
    victim = cheat.rows("orders", slot=slot, side="buy", reason="filled")[0]
    _forget_order(cheat, slot, victim["sequence"])
    cheat.publish()
    assert not failed(cheat.audit())
    heads = [_manifest(folder)["chain_head"] for folder in (cheat.honest, cheat.out)]
    assert heads[0]["hash"] != heads[1]["hash"]


def _manifest(run: Path) -> dict[str, Any]:
    return dict(json.loads((run / "public" / "manifest.json").read_text(encoding="utf-8")))


def _forget_order(cheat: Cheat, slot: int, sequence: int) -> None:
    """Strike an order out and make everything that follows fit."""
    book, accepted, _, _ = cheat.public.orders(slot)
    left = book.take(np.array([row for row in range(accepted) if row != sequence]))
    drawn = in_drawn_sequence(cheat.rules.seed, slot, left).member.tolist()
    # One order a member: whoever is refused stands behind those that are accepted.
    place = {cheat.public.pseudonyms[member]: row for row, member in enumerate(drawn)}
    kept = sorted(
        (r for r in cheat.rows("orders", slot=slot) if r["sequence"] != sequence),
        key=lambda r: place.get(r["member"], len(place)),
    )
    cheat.rewrite("orders", lambda r: None if r["slot"] == slot else r)
    cheat.add("orders", *({**r, "sequence": k, "order_id": f"{slot}-o{k}"} for k, r in enumerate(kept)))
    _reclear(cheat, slot)


def _reclear(cheat: Cheat, slot: int) -> None:
    book, accepted, _, _ = cheat.public.orders(slot)
    orders = clearing_book(book.take(np.arange(accepted)), cheat.rules.rates(slot))
    again = cheat.rules.clearing.clear(orders, cheat.rules.clearing_context(slot))
    filled = again.trades.filled_wh(len(book))
    cheat.rewrite(
        "orders",
        lambda r: (
            {
                **r,
                "filled_wh": int(filled[r["sequence"]]),
                "reason": Reason(int(again.reason[r["sequence"]])).name.lower(),
            }
            if r["slot"] == slot
            else r
        ),
    )
    _publish_trades(cheat, slot, again)


def _publish_trades(cheat: Cheat, slot: int, agreement: Agreement) -> None:
    """Trades of an agreement and the bills that follow from them, in every later slot too."""
    trades, public = agreement.trades, cheat.public
    book, names = public.orders(slot)[0], [*public.pseudonyms, None]
    context = cheat.rules.settlement_context(slot, cheat.members, 0)
    delivered = cheat.rules.settlement.settle(book, agreement, public.readings(slot, 0), context).delivered_wh
    who = np.append(book.member, -1)
    cheat.rewrite("trades", lambda r: None if r["slot"] == slot else r)
    rows = zip(*(a.tolist() for a in trades.arrays().values()), delivered.tolist(), strict=True)
    for k, (sell, buy, energy, sell_price, buy_price, round_, sell_fee, buy_fee, wh) in enumerate(rows):
        cheat.add(
            "trades",
            {
                "slot": slot,
                "trade_id": f"{slot}-t{k}",
                "seller": names[who[sell]],
                "buyer": names[who[buy]],
                "sell_order": f"{slot}-o{sell}" if sell >= 0 else None,
                "buy_order": f"{slot}-o{buy}" if buy >= 0 else None,
                "energy_wh": energy,
                "sell_price_micro_per_kwh": sell_price,
                "buy_price_micro_per_kwh": buy_price,
                "sell_amount_nano": wh * sell_price,
                "buy_amount_nano": wh * buy_price,
                "delivered_wh": wh,
                "round": round_,
                "sell_fee_micro_per_kwh": sell_fee,
                "buy_fee_micro_per_kwh": buy_fee,
            },
        )
    _rebill(cheat)


def _rebill(cheat: Cheat) -> None:
    """Bills of every slot from the tables as they stand, the pool of rewards carried along."""
    rewards = 0
    for slot in cheat.slots:
        public = cheat.public
        context = cheat.rules.settlement_context(slot, cheat.members, rewards, losses_wh=public.losses_wh(slot))
        again = cheat.rules.settlement.settle(
            public.orders(slot)[0], public.agreement(slot)[0], public.readings(slot, 0), context
        )
        cheat.state(again)
        rewards += int(np.sum(again.postings.amount_nano[again.postings.credit == Account.REWARDS]))
        rewards -= int(np.sum(again.postings.amount_nano[again.postings.debit == Account.REWARDS]))


# --- trades and bills


def _dearer(cheat: Cheat, slot: int) -> None:
    """A buyer pays above its limit, and bills and chain follow."""
    agreement, _ = cheat.public.agreement(slot)
    prices = agreement.trades.buy_price_micro_per_kwh + 400_000
    trades = agreement.trades.replaced(buy_price_micro_per_kwh=prices, sell_price_micro_per_kwh=prices)
    _publish_trades(cheat, slot, Agreement(trades, agreement.reason))


def _overfilled(cheat: Cheat, slot: int) -> None:
    agreement, _ = cheat.public.agreement(slot)
    trades = agreement.trades.replaced(energy_wh=agreement.trades.energy_wh * 3)
    _publish_trades(cheat, slot, Agreement(trades, agreement.reason))


def _other_bill(cheat: Cheat, slot: int) -> None:
    """One statement line and its posting, 1000 nano more."""
    victim = cheat.rows("postings", slot=slot, kind="fee")[0]
    cheat.rewrite(
        "postings",
        lambda r: (
            {**r, "price_micro_per_kwh": r["price_micro_per_kwh"] + 1, "amount_nano": r["amount_nano"] + r["energy_wh"]}
            if r == victim
            else r
        ),
    )


def _other_tariff(cheat: Cheat, slot: int) -> None:
    """The settings promise a lower tariff than was charged."""
    old = "retail_micro_per_kwh = 300000"
    assert old in cheat.texts["settings.toml"]
    cheat.texts["settings.toml"] = cheat.texts["settings.toml"].replace(old, "retail_micro_per_kwh = 290000")


def _failed_at_will(cheat: Cheat, slot: int) -> None:
    """Nobody trades in the slot that the operator's friend, the supplier, would rather serve."""
    cheat.rewrite("trades", lambda r: None if r["slot"] == slot else r)
    cheat.rewrite("orders", lambda r: {**r, "filled_wh": 0, "reason": "slot_failed"} if r["slot"] == slot else r)
    nothing = Agreement.nothing(len(cheat.public.orders(slot)[0]), Reason.SLOT_FAILED)
    _publish_trades(cheat, slot, nothing)


def _curtailed_at_will(cheat: Cheat, slot: int) -> None:
    """One order is said to be cut by the grid, and under that word a buyer pays above its limit."""
    first = cheat.rows("orders", slot=slot)[0]
    cheat.rewrite("orders", lambda r: {**r, "reason": "curtailed"} if r == first else r)
    _dearer(cheat, slot)


def _refused_at_will(cheat: Cheat, slot: int) -> None:
    """A member with money enough is told that it has none."""
    victim = cheat.rows("orders", slot=slot, side="buy", reason="filled")[0]
    others = [r for r in cheat.rows("orders", slot=slot) if r != victim]
    cheat.rewrite("orders", lambda r: None if r["slot"] == slot else r)
    renamed = [{**r, "sequence": k, "order_id": f"{slot}-o{k}"} for k, r in enumerate([*others, victim])]
    cheat.add("orders", *renamed[:-1], {**renamed[-1], "nonce": None, "reason": "balance", "filled_wh": 0})
    book, accepted, _, _ = cheat.public.orders(slot)
    orders = clearing_book(book.take(np.arange(accepted)), cheat.rules.rates(slot))
    again = cheat.rules.clearing.clear(orders, cheat.rules.clearing_context(slot))
    _publish_trades(cheat, slot, Agreement(again.trades, np.append(again.reason, int(Reason.BALANCE))))


# --- readings


def _swap_reading(cheat: Cheat, slot: int, member: int, **columns: Any) -> None:
    name = cheat.public.pseudonyms[member]
    cheat.rewrite("readings", lambda r: {**r, **columns} if (r["slot"], r["member"]) == (slot, name) else r)
    _rebill(cheat)


def _substituted_although_measured(cheat: Cheat, slot: int) -> None:
    """The packet that a meter (whose key the operator has not) sent is put aside for a larger substitute."""
    blank = {"counter": -1, "packet_hash": None, "opening": None, "signature": None, "quality": "substituted"}
    _swap_reading(cheat, slot, 5, import_wh=3000, export_wh=0, **blank)


def _corrected_without_a_packet(cheat: Cheat, slot: int) -> None:
    """A measured value is corrected by the operator's word."""
    early = cheat.slots.start
    public = cheat.public
    before = public.readings(early, 0).take(np.array([5]))
    after = before.replaced(
        import_wh=before.import_wh + 2000,
        counter=np.array([-1]),
        quality=np.array([int(Quality.SUBSTITUTED)]),
        revision=np.array([1]),
    )
    context = cheat.rules.settlement_context(early, cheat.members, 0)
    first = Statement(early, 0, public.legs(early, 0), public.postings(early), np.zeros(0, np.int64))
    cheat.state(correction(first, 1, before, after, context))
    row = cheat.rows("readings", slot=early, member=public.pseudonyms[5])[0]
    blank = {"counter": -1, "packet_hash": None, "opening": None, "signature": None, "quality": "substituted"}
    cheat.add("readings", {**row, **blank, "revision": 1, "import_wh": int(after.import_wh[0])})
    held: list[Call] = []

    def settling(settled: int, calls: list[Call]) -> list[Call]:
        if settled == early:
            held.extend(calls[1:])
            return calls[:1]
        return [*calls, *held] if settled == early + 12 else calls

    cheat.on_settling = settling


def _replayed_packet(cheat: Cheat, slot: int) -> None:
    """A thirsty hour's packet is shown for another hour too."""
    name = cheat.public.pseudonyms[5]
    thirsty = max(cheat.rows("readings", member=name), key=lambda r: r["import_wh"])
    other = slot if slot != thirsty["slot"] else slot - 1
    _swap_reading(cheat, other, 5, **{k: v for k, v in thirsty.items() if k not in ("slot", "member")})


def _changed_reading(cheat: Cheat, slot: int) -> None:
    """A register is another, its commitment fits it, the gateway's signature is the old one."""
    victim = cheat.rows("readings", slot=slot, quality="measured")[0]
    hashed = packet_hash(
        cheat.rules.community,
        member=cheat.public.pseudonyms.index(victim["member"]),
        slot=slot,
        counter=victim["counter"],
        revision=victim["revision"],
        import_wh=victim["import_wh"] + 1000,
        export_wh=victim["export_wh"],
        opening=bytes.fromhex(victim["opening"][2:]),
    )
    other = {**victim, "import_wh": victim["import_wh"] + 1000, "packet_hash": "0x" + hashed.hex()}
    cheat.rewrite("readings", lambda r: other if r == victim else r)
    cheat.resettle(slot)


def _signed_by_a_stranger(cheat: Cheat, slot: int) -> None:
    """Another gateway signs the very packets."""
    readings = cheat.public.readings(slot, 0)
    root = merkle_root(packet_leaves(slot, readings.take(readings.counter >= 0)))
    signed = Signer(STRANGER).sign(packets_digest(cheat.rules.community, slot, root))
    _sign_slot(cheat, slot, signed)


def _sign_slot(cheat: Cheat, slot: int, signed: bytes) -> None:
    cheat.rewrite(
        "readings",
        lambda r: {**r, "signature": "0x" + signed.hex()} if r["slot"] == slot and r["counter"] >= 0 else r,
    )


def _enrolled_by_a_stranger(cheat: Cheat, slot: int) -> None:
    """The stranger's gateway is listed for every member, by its own word."""
    _signed_by_a_stranger(cheat, slot)
    stranger = Signer(STRANGER)
    word = stranger.sign(enrolment_digest(cheat.rules.community, stranger.address)).hex()
    cheat.rewrite("enrolments", lambda r: {**r, "gateway": f"0x{stranger.address.hex()}", "signature": f"0x{word}"})


def _swapped_packets(cheat: Cheat, slot: int) -> None:
    """Two members' packets change places: each is billed what the other used."""
    one, two = cheat.rows("readings", slot=slot, quality="measured")[:2]
    swapped = {one["member"]: two["member"], two["member"]: one["member"]}
    cheat.rewrite(
        "readings", lambda r: {**r, "member": swapped.get(r["member"], r["member"])} if r["slot"] == slot else r
    )
    cheat.resettle(slot)


def _beyond_the_instruction(cheat: Cheat, slot: int) -> None:
    """A member orders more than its connection carries, and all that follows fits."""
    order = cheat.rows("orders", slot=slot, reason="filled")[0]
    most = cheat.rows("instructions", instruction_id=order["instruction"])[0]["energy_wh"]
    cheat.rewrite("orders", lambda r: {**r, "energy_wh": most + 1} if r == order else r)
    _reclear(cheat, slot)


def _worse_than_the_instruction(cheat: Cheat, slot: int) -> None:
    """A buyer's limit is higher than the buyer ever signed."""
    order = cheat.rows("orders", slot=slot, side="buy", reason="filled")[0]
    cheat.rewrite("orders", lambda r: {**r, "limit_micro_per_kwh": r["limit_micro_per_kwh"] + 1} if r == order else r)
    _reclear(cheat, slot)


def _forged_instruction(cheat: Cheat, slot: int) -> None:
    """A better limit for the operator, signed by the operator."""
    signed = cheat.rows("instructions", side="buy")[0]
    other = {**signed, "limit_micro_per_kwh": signed["limit_micro_per_kwh"] + 100_000}
    _replace_instruction(cheat, signed, other, Signer(cheat.keys.operator_key()).sign)


def _replace_instruction(
    cheat: Cheat, signed: dict[str, Any], other: dict[str, Any], sign: Callable[[bytes], bytes]
) -> None:
    cheat.rewrite("instructions", lambda r: other if r == signed else r)
    row = cheat.tables["instructions"].to_pylist().index(other)
    cheat.ledger.found(cheat.terms, cheat.rules.slots.start_s(cheat.slots.start) - cheat.rules.slots.slot_s)
    digest = order_digests(cheat.ledger.order_domain(), cheat.public.instructions.take(np.array([row])))[0]
    cheat.rewrite("instructions", lambda r: {**r, "signature": "0x" + sign(digest).hex()} if r == other else r)


def _anothers_instruction(cheat: Cheat, slot: int) -> None:
    """An order stands under what another member signed."""
    order = cheat.rows("orders", slot=slot, side="buy")[0]
    other = next(r for r in cheat.rows("instructions", side="buy") if r["member"] != order["member"])
    cheat.rewrite("orders", lambda r: {**r, "instruction": other["instruction_id"]} if r == order else r)


def _expired_instruction(cheat: Cheat, slot: int) -> None:
    """The member's own signature, but for slots that are over."""
    order = cheat.rows("orders", slot=slot, side="buy")[0]
    signed = cheat.rows("instructions", instruction_id=order["instruction"])[0]
    ids = {cheat.keys.pseudonym(name): name for name in MEMBERS}
    _replace_instruction(
        cheat,
        signed,
        {**signed, "last_slot": slot - 1},
        lambda digest: cheat.keys.sign_wallet(ids[signed["member"]], digest),
    )


def _refused_as_unsigned(cheat: Cheat, slot: int) -> None:
    """An order that lies within what was signed is refused as if it did not."""
    order = cheat.rows("orders", slot=slot, side="buy", reason="filled")[0]
    _forget_order(cheat, slot, order["sequence"])
    last = len(cheat.rows("orders", slot=slot))
    refused = {**order, "sequence": last, "order_id": f"{slot}-o{last}", "nonce": None, "filled_wh": 0}
    cheat.add("orders", {**refused, "reason": "instruction"})


def _left_out_member(cheat: Cheat, slot: int) -> None:
    """A friend's consumption of a slot is nowhere."""
    name = cheat.public.pseudonyms[-1]
    cheat.rewrite("readings", lambda r: None if (r["slot"], r["member"]) == (slot, name) else r)


# --- the chain


def _mint_and_deposit(cheat: Cheat, slot: int) -> None:
    """Money from nothing for a friend, in the middle of the run."""

    def between(settled: int) -> None:
        if settled == slot:
            cheat.send("token", "mint(address,uint256)", address(cheat), 10**12)
            cheat.send("token", "approve(address,uint256)", cheat.ledger.deployment.addresses["vault"], 10**12)
            cheat.send("vault", "deposit(uint256,uint256)", FIRST_MEMBER, 10**12)

    cheat.between = between


def address(cheat: Cheat) -> bytes:
    """The operator's."""
    return cheat.ledger.deployment.operator


def _raised_connection(cheat: Cheat, slot: int) -> None:
    cheat.between = lambda s: cheat.send("members", "set_connection(uint256,uint256)", 9, 10**6) if s == slot else None


def _recovered_wallet(cheat: Cheat, slot: int) -> None:
    cheat.between = lambda s: (
        cheat.send("members", "recover_wallet(uint256,address)", 9, b"\x09" * 20) if s == slot else None
    )


def _announced_withdrawal(cheat: Cheat, slot: int) -> None:
    """The operator takes the supplier's deposit home before bills are final."""
    cheat.between = lambda s: cheat.send("vault", "announce(uint256,uint256)", 0, 10**9) if s == slot else None


def _extra_batch(cheat: Cheat, slot: int) -> None:
    """An imbalance batch that no table speaks of, and its opposite, so that every sum is right."""

    def between(settled: int) -> None:
        if settled != cheat.slots[-1]:
            return
        call = cheat.on_settling(slot, _settling(cheat, slot))[0]
        assert isinstance(call, SettleCall)
        market = cheat.ledger.deployment.addresses["market"]
        cheat.send_raw(market, _as_imbalance(cheat, call))

    cheat.between = between


def _settling(cheat: Cheat, slot: int) -> list[Call]:
    return _calls(Audited(cheat.rules, cheat.public, cheat.ledger, 0), slot)[2:]


def _as_imbalance(cheat: Cheat, call: SettleCall) -> bytes:
    data = bytearray(cheat.settle_data(replace(call, prior=cheat.ledger.content_hash(call))))
    data[36:68] = (1).to_bytes(32, "big")
    return bytes(data)


def _stranger_on_the_chain(cheat: Cheat, slot: int) -> None:
    """Somebody else settles: contents that a quorum signed may be carried by anyone, but here the quorum is the operator."""
    held: list[Call] = []

    def settling(of: int, calls: list[Call]) -> list[Call]:
        held.extend(calls if of == slot else ())
        return [] if of == slot else calls

    def between(settled: int) -> None:
        # When the next slot is settled: the chain's time is that of its newest block, and a slot has to be over.
        for call in held if settled == slot + 1 else ():
            cheat.send_raw(cheat.ledger.deployment.addresses["market"], cheat.settle_data(call), STRANGER)

    cheat.on_settling, cheat.between = settling, between


def _orders_after_the_gate(cheat: Cheat, slot: int) -> None:
    """The book that was opened lacks an order; a second opening, which the contract refuses, holds it."""

    def opening(of: int, calls: list[Call]) -> list[Call]:
        if of != slot:
            return calls
        book, accepted, nonces, _ = cheat.public.orders(slot)
        early = book.take(np.arange(accepted - 1))
        sealed = OpenCall(slot, book_root(commitments(early, nonces[: accepted - 1], slot)), accepted - 1)
        return [sealed, *calls]

    cheat.on_opening = opening


def _opened_late(cheat: Cheat, slot: int) -> None:
    """Every book is opened when its slot begins, half a slot after the gate."""
    cheat.late_s = cheat.rules.slots.slot_s // 2


def _no_period_anchor(cheat: Cheat, slot: int) -> None:
    cheat.anchors_periods = False


# --- the foundation


def _another_cap(cheat: Cheat, slot: int) -> None:
    cheat.terms = replace(cheat.terms, price_cap_micro_per_kwh=2**31 - 1)


def _another_window(cheat: Cheat, slot: int) -> None:
    cheat.terms = replace(cheat.terms, window_slots=1, answer_s=60)


def _other_rules(cheat: Cheat, slot: int) -> None:
    """A tariff of the operator's own behind the hash that members rely on."""
    cheat.terms = replace(cheat.terms, rules_hash=bytes(32))


def _small_bond(cheat: Cheat, slot: int) -> None:
    cheat.terms = replace(cheat.terms, bond_nano=0, bond_share=0)


def _dear_demands(cheat: Cheat, slot: int) -> None:
    cheat.terms = replace(cheat.terms, demand_bond_nano=2**62)


def _small_supplier(cheat: Cheat, slot: int) -> None:
    cheat.terms = replace(cheat.terms, supplier_deposit_nano=cheat.terms.supplier_deposit_nano - 1)


def _extra_member(cheat: Cheat, slot: int) -> None:
    """An invented account with money, which no table shows."""
    ghost = replace(cheat.terms.members[0], pseudonym="ghost", wallet=b"\x01" * 20, meter_key=b"\x02" * 20)
    cheat.terms = replace(cheat.terms, members=(*cheat.terms.members, ghost))


def _stolen_wallet(cheat: Cheat, slot: int) -> None:
    """On the chain the money is the operator's; the table shows the member's own wallet."""
    members = list(cheat.terms.members)
    members[2] = replace(members[2], wallet=b"\x03" * 20)
    cheat.terms = replace(cheat.terms, members=tuple(members))


def _swapped_members(cheat: Cheat, slot: int) -> None:
    """Two members' accounts change places on the chain."""
    members = list(cheat.terms.members)
    members[0], members[1] = members[1], members[0]
    cheat.terms = replace(cheat.terms, members=tuple(members))


TABLE_CHEATS = [
    (_dearer, CLEARING),
    (_overfilled, CLEARING),
    (_other_bill, BILLS),
    (_other_tariff, BILLS),
    (_failed_at_will, FAILURES),
    (_curtailed_at_will, FAILURES),
    (_refused_at_will, REFUSALS),
    (_substituted_although_measured, COVERAGE),
    (_corrected_without_a_packet, COVERAGE),
    (_replayed_packet, PACKETS),
    (_beyond_the_instruction, INSTRUCTIONS),
    (_worse_than_the_instruction, INSTRUCTIONS),
    (_forged_instruction, INSTRUCTIONS),
    (_anothers_instruction, INSTRUCTIONS),
    (_expired_instruction, INSTRUCTIONS),
    (_refused_as_unsigned, REFUSALS),
    (_changed_reading, PACKETS),
    (_signed_by_a_stranger, PACKETS),
    (_enrolled_by_a_stranger, ENROLMENTS),
    (_enrolled_by_a_stranger, PACKETS),
    (_swapped_packets, PACKETS),
    (_left_out_member, COVERAGE),
]
CHAIN_CHEATS = [
    (_mint_and_deposit, ENTRIES),
    (_raised_connection, ENTRIES),
    (_recovered_wallet, ENTRIES),
    (_announced_withdrawal, ENTRIES),
    (_extra_batch, ENTRIES),
    (_stranger_on_the_chain, ENTRIES),
    (_orders_after_the_gate, ENTRIES),
    (_opened_late, ENTRIES),
    (_no_period_anchor, ENTRIES),
]
FOUNDATION_CHEATS = [
    (_another_cap, FOUNDATION),
    (_another_window, FOUNDATION),
    (_other_rules, FOUNDATION),
    (_small_bond, FOUNDATION),
    (_dear_demands, FOUNDATION),
    (_small_supplier, FOUNDATION),
    (_extra_member, FOUNDATION),
    (_stolen_wallet, FOUNDATION),
    (_swapped_members, FOUNDATION),
]


@pytest.mark.parametrize(("commit", "check"), [*TABLE_CHEATS, *CHAIN_CHEATS, *FOUNDATION_CHEATS])
def test_a_cheat_that_was_signed_and_anchored_anew_is_found(
    cheat: Cheat, slot: int, commit: Callable[[Cheat, int], None], check: str
) -> None:
    commit(cheat, slot)
    found = failed(cheat.publish().audit())
    assert check in found, sorted(found)


def test_who_carried_a_settlement_that_is_not_the_operators_to_carry_is_named(cheat: Cheat, slot: int) -> None:
    _stranger_on_the_chain(cheat, slot)
    found = failed(cheat.publish().audit())
    assert any("found another sender's" in str(finding) for finding in found[ENTRIES]), found[ENTRIES]


def test_what_a_stranger_asks_of_the_contracts_is_no_cheat_of_the_operators(cheat: Cheat, slot: int) -> None:
    asked = artifact("vault").method_ids["surplus()"]
    cheat.between = lambda s: (
        cheat.send_raw(cheat.ledger.deployment.addresses["vault"], asked, STRANGER) if s == slot else None
    )
    assert failed(cheat.publish().audit()) == {}


def test_a_contract_created_by_other_code_is_found_although_its_code_is_the_packages(
    cheat: Cheat, honest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The vault as shipped, but its storage was written before it came to life: an account to come is rich already."""
    code = _deployed_code(honest, "vault")
    account = artifact("vault").storage_layout["_accounts"]["slot"] + 500
    _found_with(
        monkeypatch, "vault", cheating.replaced_code("vault", cheating.poisoned_creation(code, account, 10**15 << 176))
    )
    cheat.publish()
    monkeypatch.undo()
    assert set(failed(cheat.audit())) == {FOUNDATION}


def test_a_market_of_other_code_is_found(cheat: Cheat, honest: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same functions, but `market: cap` is never said: one jump of the code is another."""
    shipped = artifact("market")
    at = shipped.creation_code.rindex(b"market: cap")
    code = shipped.creation_code[:at] + b"market: CAP" + shipped.creation_code[at + 11 :]
    other = replace(
        shipped, creation_code=code, runtime_code=shipped.runtime_code.replace(b"market: cap", b"market: CAP")
    )
    _found_with(monkeypatch, "market", other)
    monkeypatch.setattr(
        "commonwatt.adapters.ledger.reading.artifact", lambda name: other if name == "market" else artifact(name)
    )
    cheat.publish()
    monkeypatch.undo()
    found = failed(cheat.audit())
    assert FOUNDATION in found or any("other code" in str(f) for findings in found.values() for f in findings)


def _found_with(monkeypatch: pytest.MonkeyPatch, name: str, other: Any) -> None:
    monkeypatch.setattr(foundation, "artifact", lambda asked: other if asked == name else artifact(asked))


def _deployed_code(honest: Path, name: str) -> bytes:
    ledger = open_export(honest / "run" / "public" / "chain.sqlite")
    try:
        assert isinstance(ledger, ExportedLedger)
        return ledger.chain.code(ledger.deployment.addresses[name])
    finally:
        ledger.close()


# --- the files


def _reseal(cheat: Cheat) -> None:
    """Files beside the tables were changed: anchor the root they have now, on a chain that is signed again."""
    ledger = EmbeddedLedger.open(None, cheat.ledger.chain.chain_id, cheat.keys.operator_key())
    cheat.ledger = ledger
    ledger.found(cheat.terms, cheat.rules.slots.start_s(cheat.slots.start) - cheat.rules.slots.slot_s)
    cheat._post_slots()
    cheat.seal(files_root(file_hashes(cheat.out / "public")))


def test_a_csv_that_says_otherwise_is_found(cheat: Cheat) -> None:
    cheat.csv = True
    cheat.publish()
    assert not failed(cheat.audit())
    path = cheat.out / "public" / "statements.csv"
    text = path.read_text(encoding="utf-8")
    assert '"supplier_buy"' in text
    path.write_text(text.replace('"supplier_buy"', '"peer_buy"', 1), encoding="utf-8", newline="\n")
    _reseal(cheat)
    assert set(failed(cheat.audit())) == {PLAIN_FILES}


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("notice.txt", lambda _: "The tariff of July is 0.20.\n"),
        ("settings.toml", lambda text: "# The tariff is 0.20 for members who ask.\n" + text),
        ("inputs.json", lambda text: text.replace('"seed": 1', '"seed": 2')),
        ("inputs.json", lambda text: text.replace('"seed": 1', '"note": "audited", "seed": 1')),
    ],
    ids=["extra file", "comment in settings", "another seed", "extra input"],
)
def test_a_file_that_says_more_than_a_run_would_is_found(cheat: Cheat, name: str, change: Callable[[str], str]) -> None:
    cheat.write_public()
    cheat.texts[name] = change(cheat.texts.get(name, ""))
    assert set(failed(cheat.publish().audit())) == {PLAIN_FILES}


def test_a_folder_within_the_folder_is_found(cheat: Cheat) -> None:
    cheat.publish()
    (cheat.out / "public" / "more").mkdir()
    write_text(
        cheat.out / "public" / "manifest.json",
        (cheat.out / "public" / "manifest.json").read_text(encoding="utf-8") + " ",
    )
    findings = failed(cheat.audit())[PLAIN_FILES]
    assert [f.where for f in findings] == ["public/more", "public/manifest.json"]


def test_a_slot_that_is_left_out_is_found(cheat: Cheat) -> None:
    """The last hour is in no table and on no chain."""
    last = cheat.slots[-1]
    for table in ("orders", "trades", "readings", "statements", "postings"):
        cheat.rewrite(table, lambda r: None if r["slot"] == last else r)
    cheat.slots = range(cheat.slots.start, last)
    assert COVERAGE in failed(cheat.publish().audit())


def test_plain_books_in_the_place_of_a_chain_are_found(cheat: Cheat) -> None:
    """The ledger in plain Python signs nothing and has no contracts."""
    memory = MemoryLedger.open(cheat.keys.operator_key())
    cheat.ledger = memory  # type: ignore[assignment]
    assert LEDGER_KIND in failed(cheat.publish().audit())


def test_garbage_in_a_table_is_a_finding_and_no_accident(cheat: Cheat) -> None:
    cheat.rewrite("readings", lambda r: {**r, "packet_hash": "0xzz"} if r["counter"] == 3 else r)
    for name, table in cheat.tables.items():
        (cheat.out / "public").mkdir(parents=True, exist_ok=True)
        write_table(cheat.out / "public" / f"{name}.parquet", table)
    for name in ("settings.toml", "inputs.json", "manifest.json", "chain.sqlite"):
        (cheat.out / "public" / name).write_bytes((cheat.honest / "public" / name).read_bytes())
    found = failed(audit_run(AuditRequest(cheat.out)))
    assert any("packet_hash" in str(f) for findings in found.values() for f in findings), found
