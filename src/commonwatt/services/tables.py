"""Tables: the public tables of a run, and the private ones its report needs, from the journalled halves."""

from binascii import hexlify
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from commonwatt.core.accounts import account_names, kind_names
from commonwatt.core.events import EventKind, EventOutcome
from commonwatt.core.orders import Instructions, Preference, Source
from commonwatt.core.records import GridVerdict, Leg, Quality, Readings, Reason, Receipt, Statement, Trades, Verdict
from commonwatt.core.units import Bytes2D, Flags, Ints
from commonwatt.services.gathering import HeldTables, Tables
from commonwatt.services.halves import DeliveryHalf, GateHalf, Trading
from commonwatt.services.market import Market
from commonwatt.services.ports import Balances
from commonwatt.services.schemas import HELD, PUBLIC_RECEIPTS, SCHEMAS

Column: TypeAlias = npt.NDArray[np.generic] | Sequence[str | None] | Sequence[int] | pa.Array


class TableBuilder:
    """Turns the halves into rows of Arrow tables, without a loop per row of numbers; `tables` is where they go, memory without one."""

    def __init__(self, market: Market, tables: Tables | None = None) -> None:
        self._market = market
        self._tables = HeldTables() if tables is None else tables
        self._pseudonyms = [market.keys.pseudonym(m.id) for m in market.members]
        self._member_names = _texts(self._pseudonyms)
        self._account_names = _texts(account_names(self._pseudonyms))
        self._trading: dict[int, Trading] = {}
        self._wallets = ["0x" + market.keys.wallet(m.id).hex() for m in market.members]
        self._instruction_ids = _texts([])

    def add(self, half: GateHalf | DeliveryHalf) -> None:
        """One more finished half, in journal order."""
        if isinstance(half, GateHalf):
            self._trading[half.slot] = half.trading
            return
        trading = half.trading or self._trading.pop(half.slot)
        self._add_slot(half, trading)
        self._add_orders(half.slot, trading, void=bool(half.failed))
        self._add_events(half.slot, trading)
        self._add_trades(half.slot, trading, half.statement.delivered_wh)
        self._add_readings(half.slot, half.readings)
        self._add_flows(half)
        self._add_envelope(half)
        for statement in half.statements():
            self._add_statement(statement)
        for correction in half.corrections:
            self._add_readings(correction.statement.slot, correction.readings)

    def finish(self, receipts: Iterable[Receipt], balances: Balances, deposits: Ints) -> dict[str, pa.Table]:
        """The tables that are no slot's, then what `Tables.whole` gives; receipts and balances come from the ledger."""
        self._add_members()
        self._add_enrolments()
        self._add_receipts([r for r in receipts if r.kind in PUBLIC_RECEIPTS])
        self._put(
            "balances",
            account=account_names(self._pseudonyms),
            free_nano=balances.free_nano,
            pending_nano=balances.pending_nano,
            deposit_nano=deposits,
        )
        return dict(self._tables.whole())

    def _put(self, table: str, **columns: Column) -> None:
        schema = HELD[table]
        arrays = [_held(columns[field.name], field.type) for field in schema]
        self._tables.put(table, pa.Table.from_arrays(arrays, schema=schema))

    def _add_slot(self, half: DeliveryHalf, trading: Trading) -> None:
        reason = trading.failed or half.failed
        self._put(
            "slots",
            slot=[half.slot],
            failed=[bool(reason)],
            reason=[reason],
            losses_wh=[half.flowed.losses_wh],
            verdict=[_verdict(trading.verdict)],
        )
        verdict = trading.verdict if not reason or trading.verdict.verdict == Verdict.INFEASIBLE else FAILED
        self._put("wires", slot=[half.slot], **{name: [said] for name, said in wires_row(verdict, half.flowed).items()})
        # Of a slot that failed after its gate all trades are void, those that were cut like the others.
        if len(trading.curtailed) and verdict is trading.verdict:
            self._put("curtailments", **curtailment_columns(half.slot, trading.curtailed, trading.verdict))

    def _add_orders(self, slot: int, trading: Trading, void: bool) -> None:
        book, accepted = trading.book, trading.accepted
        # What was refused stays refused, whatever became of the rest.
        void_rows = np.arange(len(book)) < (accepted if void else 0)
        reason = np.where(void_rows, int(Reason.SLOT_FAILED), trading.agreement.reason)
        self._put(
            "orders",
            slot=np.full(len(book), slot),
            order_id=order_names(slot, np.arange(len(book))),
            member=coded(book.member, self._member_names),
            side=coded(book.is_sell, SIDES),
            energy_wh=book.energy_wh,
            limit_micro_per_kwh=book.limit_micro_per_kwh,
            sequence=book.sequence,
            source=coded(book.source, _names(Source)),
            preference=coded(book.preference, _names(Preference)),
            filled_wh=trading.agreement.trades.filled_wh(len(book)),
            reason=coded(reason, _names(Reason)),
            nonce=pa.concat_arrays([hexes(trading.nonces), pa.nulls(len(book) - accepted, pa.string())]),
            instruction=coded(trading.instruction, self._add_instructions(trading)),
        )

    def _add_events(self, slot: int, trading: Trading) -> None:
        events = trading.events
        if not len(events):
            return
        self._put(
            "events",
            slot=np.full(len(events), slot),
            sequence=np.arange(len(events)),
            time_ms=events.time_ms,
            kind=coded(events.kind, _names(EventKind)),
            member=coded(events.member, self._member_names),
            order_id=order_names(slot, events.order),
            request=order_names(slot, events.request),
            energy_wh=events.energy_wh,
            price_micro_per_kwh=events.price_micro_per_kwh,
            commitment=hexes(events.commitment, events.are(EventKind.COMMIT)),
            outcome=coded(trading.outcome, _names(EventOutcome)),
        )

    def _add_instructions(self, trading: Trading) -> pa.Array:
        """Put what was signed at a slot; returns the ids of the instructions that its orders name by row."""
        signed = trading.signed
        if len(signed):
            self._instruction_ids = _texts(instruction_names(signed))
            self._put(
                "instructions",
                instruction_id=self._instruction_ids,
                member=coded(signed.member, self._member_names),
                side=coded(signed.is_sell, SIDES),
                salt=hexes(signed.salt),
                signature=hexes(signed.signature),
                wallet=[self._wallets[member] for member in signed.member.tolist()],
                **{name: getattr(signed, name) for name in _SIGNED_NUMBERS},
            )
        return self._instruction_ids

    def _add_trades(self, slot: int, trading: Trading, delivered_wh: Ints) -> None:
        trades, book = trading.agreement.trades, trading.book
        if not len(trades):
            return
        if len(delivered_wh) != len(trades):
            # The trades were void after the gate.
            delivered_wh = np.zeros(len(trades), np.int64)
        # Row -1 of the extended column is the pool, which is nobody.
        members = np.append(book.member, -1)
        self._put(
            "trades",
            slot=np.full(len(trades), slot),
            trade_id=[f"{slot}-t{row}" for row in range(len(trades))],
            seller=coded(members[trades.sell_order], self._member_names),
            buyer=coded(members[trades.buy_order], self._member_names),
            sell_order=order_names(slot, trades.sell_order),
            buy_order=order_names(slot, trades.buy_order),
            energy_wh=trades.energy_wh,
            sell_price_micro_per_kwh=trades.sell_price_micro_per_kwh,
            buy_price_micro_per_kwh=trades.buy_price_micro_per_kwh,
            sell_amount_nano=delivered_wh * trades.sell_price_micro_per_kwh,
            buy_amount_nano=delivered_wh * trades.buy_price_micro_per_kwh,
            delivered_wh=delivered_wh,
            round=trades.round.astype(np.int64),
            sell_fee_micro_per_kwh=trades.sell_fee_micro_per_kwh,
            buy_fee_micro_per_kwh=trades.buy_fee_micro_per_kwh,
        )

    def _add_readings(self, slot: int, readings: Readings) -> None:
        revealed = "readings" in self._market.rules.metering.reveals
        packet = readings.counter >= 0
        self._put(
            "readings",
            slot=np.full(len(readings), slot),
            member=coded(readings.member, self._member_names),
            import_wh=readings.import_wh,
            export_wh=readings.export_wh,
            quality=coded(readings.quality, _names(Quality)),
            revision=readings.revision,
            counter=readings.counter,
            packet_hash=hexes(readings.packet_hash, packet),
            opening=hexes(readings.opening, packet) if revealed else [None] * len(readings),
            signature=hexes(readings.signature, packet),
        )

    def _add_flows(self, half: DeliveryHalf) -> None:
        flows, count, market = half.flows, len(half.flows), self._market
        slot, member = np.full(count, half.slot), coded(np.arange(count), self._member_names)
        self._put(
            "flows",
            slot=slot,
            member=member,
            storage_wh=half.state.storage_wh,
            **flows.arrays(),
        )
        self._put(
            "wishes",
            slot=slot,
            member=member,
            net_wh=half.readings.export_wh - half.readings.import_wh,
            buy_limit_micro_per_kwh=market.buy_limit_micro_per_kwh,
            sell_limit_micro_per_kwh=market.sell_limit_micro_per_kwh,
        )

    def _add_envelope(self, half: DeliveryHalf) -> None:
        count = len(half.envelope)
        if count:
            member = coded(np.arange(count), self._member_names)
            self._put("envelopes", slot=np.full(count, half.slot), member=member, **half.envelope.arrays())

    def _add_statement(self, statement: Statement) -> None:
        legs, postings = statement.legs, statement.postings
        self._put(
            "statements",
            slot=np.full(len(legs), statement.slot),
            member=coded(legs.member, self._member_names),
            revision=np.full(len(legs), statement.revision),
            leg=coded(legs.leg, _names(Leg)),
            energy_wh=legs.energy_wh,
            price_micro_per_kwh=legs.price_micro_per_kwh,
            amount_nano=legs.amount_nano,
        )
        self._put(
            "postings",
            slot=np.full(len(postings), statement.slot),
            revision=np.full(len(postings), statement.revision),
            debit=coded(postings.debit, self._account_names),
            credit=coded(postings.credit, self._account_names),
            amount_nano=postings.amount_nano,
            kind=coded(postings.kind, KINDS),
            energy_wh=postings.energy_wh,
            price_micro_per_kwh=postings.price_micro_per_kwh,
        )

    def _add_members(self) -> None:
        members = self._market.members
        self._put(
            "members",
            member=self._pseudonyms,
            meter_key=["0x" + address.hex() for address in self._market.meter_addresses],
            wallet=self._wallets,
            role=[m.role for m in members],
            connection_w=[m.connection_w for m in members],
            supplier=[m.supplier for m in members],
            microgrid=[m.microgrid for m in members],
            trust=[m.trust for m in members],
            budget_nano=[m.budget_nano for m in members],
            key_parts=[m.key_parts for m in members],
            bus=[m.facts.bus for m in self._market.terms.members],
        )

    def _add_enrolments(self) -> None:
        enrolments = self._market.enrolments
        self._put(
            "enrolments",
            member=[self._pseudonyms[e.member] for e in enrolments],
            gateway=["0x" + e.gateway.hex() for e in enrolments],
            signature=["0x" + e.signature.hex() for e in enrolments],
        )

    def _add_receipts(self, receipts: Sequence[Receipt]) -> None:
        names = [field.name for field in SCHEMAS["receipts"]]
        self._put("receipts", **{name: [getattr(r, name) for r in receipts] for name in names})


_SIGNED_NUMBERS = ("energy_wh", "limit_micro_per_kwh", "first_slot", "last_slot", "path")


def instruction_names(instructions: Instructions) -> list[str]:
    """The ids of instructions that were signed together: `467376-i0`, first slot and row."""
    return [f"{first}-i{row}" for row, first in enumerate(instructions.first_slot.tolist())]


def order_names(slot: int, rows: Ints) -> list[str | None]:
    """The ids of orders by row of the slot's book; None for the pool."""
    return [f"{slot}-o{row}" if row >= 0 else None for row in rows.tolist()]


def hexes(rows: Bytes2D, present: Flags | None = None) -> pa.Array:
    """Each row as `0x...`; null where it is not present."""
    there = np.ones(len(rows), np.bool_) if present is None else present
    shown, width = int(there.sum()), 2 + 2 * rows.shape[1]
    text = np.empty((shown, width), np.uint8)
    text[:, :2] = np.frombuffer(b"0x", np.uint8)
    text[:, 2:] = np.frombuffer(hexlify(rows[there].tobytes()), np.uint8).reshape(shown, width - 2)
    ends = np.append(0, np.cumsum(there * width)).astype(np.int32)
    bitmap = None if present is None else pa.py_buffer(np.packbits(there, bitorder="little"))
    return pa.StringArray.from_buffers(len(rows), pa.py_buffer(ends), pa.py_buffer(text), bitmap)


def _verdict(said: GridVerdict) -> str:
    return Verdict(said.verdict).name.lower()


FAILED: Final = GridVerdict(Verdict.UNCHECKED, reason="the slot failed")
"""What is published of the trades of a slot that failed for another reason than the grid; which one is the operator's to know."""


def wires_row(verdict: GridVerdict, flowed: GridVerdict) -> dict[str, str | int]:
    """What is published of a slot's wires, by column: the verdict on its trades and that on the energy that was metered."""
    at = flowed.extremes
    return {
        "verdict": _verdict(verdict),
        "rounds": verdict.rounds,
        "lines_beyond": verdict.lines_beyond,
        "buses_beyond": verdict.buses_beyond,
        "verdict_why": verdict.reason,
        "flowed": _verdict(flowed),
        "flowed_why": flowed.reason,
        "flowed_lines_beyond": flowed.lines_beyond,
        "flowed_buses_beyond": flowed.buses_beyond,
        "losses_wh": flowed.losses_wh,
        "fullest": at.fullest,
        "loading_ppm": at.loading_ppm,
        "lowest": at.lowest,
        "low_ppm": at.low_ppm,
        "highest": at.highest,
        "high_ppm": at.high_ppm,
    }


def curtailment_columns(slot: int, curtailed: Trades, verdict: GridVerdict) -> dict[str, Column]:
    """What is published of the trades that the grid cut in a slot, a row a cut that the verdict names, by column."""
    said = verdict.causes or (("", ""),) * len(curtailed)
    return {
        "slot": np.full(len(curtailed), slot),
        "sell_order": order_names(slot, curtailed.sell_order),
        "buy_order": order_names(slot, curtailed.buy_order),
        "energy_wh": curtailed.energy_wh,
        "sell_price_micro_per_kwh": curtailed.sell_price_micro_per_kwh,
        "buy_price_micro_per_kwh": curtailed.buy_price_micro_per_kwh,
        "element": [name for name, _ in said],
        "rule": [verdict.rule] * len(curtailed),
        "why": [why for _, why in said],
    }


def coded(codes: npt.NDArray[np.integer | np.bool_], names: pa.Array) -> pa.DictionaryArray:
    """The names of codes; null for a negative one."""
    whole = codes.astype(np.int32)
    return pa.DictionaryArray.from_arrays(pa.array(whole, mask=whole < 0), names)


def _held(column: Column, kind: pa.DataType) -> pa.Array:
    if isinstance(column, pa.Array):
        return column
    if pa.types.is_dictionary(kind):
        return pa.array(column, pa.string()).dictionary_encode()
    return pa.array(column, type=kind)


def _texts(names: Sequence[str]) -> pa.Array:
    return pa.array(names, pa.string())


SIDES: Final = _texts(["buy", "sell"])
KINDS: Final = _texts(kind_names())


@cache
def _names(codes: type[Source | Preference | Reason | Quality | Leg | EventKind | EventOutcome]) -> pa.Array:
    return _texts([code.name.lower() for code in codes])
