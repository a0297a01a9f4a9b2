"""Tables: the public tables of a run, and the private ones its report needs, from the journalled halves."""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from commonwatt.core.accounts import account_names, kind_names
from commonwatt.core.orders import Instructions, Preference, Source
from commonwatt.core.records import Leg, Quality, Readings, Reason, Receipt, Statement, Verdict
from commonwatt.core.units import Bytes2D, Ints
from commonwatt.services.halves import DeliveryHalf, GateHalf, Trading
from commonwatt.services.market import Market
from commonwatt.services.ports import Balances
from commonwatt.services.schemas import SCHEMAS

PUBLIC_RECEIPTS = ("open", "clear", "settle")
Column = npt.NDArray[np.generic] | Sequence[str | None] | Sequence[int]


class TableBuilder:
    """Collects the halves as columns and turns them into Arrow tables at the end, without a loop per row of numbers."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._pseudonyms = np.array([market.keys.pseudonym(m.id) for m in market.members], dtype=object)
        self._parts: dict[str, list[pa.Table]] = {name: [] for name in SCHEMAS}
        self._trading: dict[int, Trading] = {}
        self._wallets = np.array(["0x" + market.keys.wallet(m.id).hex() for m in market.members], dtype=object)
        self._instruction_ids: npt.NDArray[np.object_] = np.array([], dtype=object)

    def add(self, half: GateHalf | DeliveryHalf) -> None:
        """One more finished half, in journal order."""
        if isinstance(half, GateHalf):
            self._trading[half.slot] = half.trading
            return
        trading = half.trading or self._trading.pop(half.slot)
        self._add_slot(half, trading)
        self._add_orders(half.slot, trading, void=bool(half.failed))
        self._add_trades(half.slot, trading, half.statement.delivered_wh)
        self._add_readings(half.slot, half.readings)
        self._add_flows(half)
        for statement in half.statements():
            self._add_statement(statement)
        for correction in half.corrections:
            self._add_readings(correction.statement.slot, correction.readings)

    def finish(self, receipts: Iterable[Receipt], balances: Balances, deposits: Ints) -> dict[str, pa.Table]:
        """Every table by name; receipts and balances come from the ledger."""
        self._add_members()
        self._add_enrolments()
        self._add_receipts([r for r in receipts if r.kind in PUBLIC_RECEIPTS])
        self._put(
            "balances",
            account=account_names(list(self._pseudonyms)),
            free_nano=balances.free_nano,
            pending_nano=balances.pending_nano,
            deposit_nano=deposits,
        )
        return {name: self._whole(name) for name in SCHEMAS}

    def _whole(self, name: str) -> pa.Table:
        """One chunk a column: what is made of hundreds of small ones is slow to filter and sort ever after. The parts are given up for it."""
        return pa.concat_tables([SCHEMAS[name].empty_table(), *self._parts.pop(name)]).combine_chunks()

    def _put(self, table: str, **columns: Column) -> None:
        schema = SCHEMAS[table]
        arrays = [pa.array(columns[field.name], type=field.type) for field in schema]
        self._parts[table].append(pa.Table.from_arrays(arrays, schema=schema))

    def _add_slot(self, half: DeliveryHalf, trading: Trading) -> None:
        reason = trading.failed or half.failed
        self._put(
            "slots",
            slot=[half.slot],
            failed=[bool(reason)],
            reason=[reason],
            losses_wh=[trading.verdict.losses_wh],
            verdict=[Verdict(trading.verdict.verdict).name.lower()],
        )

    def _add_orders(self, slot: int, trading: Trading, void: bool) -> None:
        book, accepted = trading.book, trading.accepted
        # What was refused stays refused, whatever became of the rest.
        void_rows = np.arange(len(book)) < (accepted if void else 0)
        reason = np.where(void_rows, int(Reason.SLOT_FAILED), trading.agreement.reason)
        self._put(
            "orders",
            slot=np.full(len(book), slot),
            order_id=order_names(slot, np.arange(len(book))),
            member=self._pseudonyms[book.member],
            side=np.where(book.is_sell, "sell", "buy").astype(object),
            energy_wh=book.energy_wh,
            limit_micro_per_kwh=book.limit_micro_per_kwh,
            sequence=book.sequence,
            source=_names(Source)[book.source],
            preference=_names(Preference)[book.preference],
            filled_wh=trading.agreement.trades.filled_wh(len(book)),
            reason=_names(Reason)[reason],
            nonce=[*hexes(trading.nonces), *[None] * (len(book) - accepted)],
            instruction=self._add_instructions(trading)[trading.instruction],
        )

    def _add_instructions(self, trading: Trading) -> npt.NDArray[np.object_]:
        """Put what was signed at a slot; returns the ids of the instructions that its orders name by row."""
        signed = trading.signed
        if len(signed):
            self._instruction_ids = np.array(instruction_names(signed), dtype=object)
            self._put(
                "instructions",
                instruction_id=self._instruction_ids,
                member=self._pseudonyms[signed.member],
                side=np.where(signed.is_sell, "sell", "buy").astype(object),
                salt=hexes(signed.salt),
                signature=hexes(signed.signature),
                wallet=self._wallets[signed.member],
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
        members = np.array([*self._pseudonyms[book.member], None], dtype=object)
        self._put(
            "trades",
            slot=np.full(len(trades), slot),
            trade_id=[f"{slot}-t{row}" for row in range(len(trades))],
            seller=members[trades.sell_order],
            buyer=members[trades.buy_order],
            sell_order=order_names(slot, trades.sell_order),
            buy_order=order_names(slot, trades.buy_order),
            energy_wh=trades.energy_wh,
            sell_price_micro_per_kwh=trades.sell_price_micro_per_kwh,
            buy_price_micro_per_kwh=trades.buy_price_micro_per_kwh,
            sell_amount_nano=delivered_wh * trades.sell_price_micro_per_kwh,
            buy_amount_nano=delivered_wh * trades.buy_price_micro_per_kwh,
            delivered_wh=delivered_wh,
            round=trades.round.astype(np.int64),
        )

    def _add_readings(self, slot: int, readings: Readings) -> None:
        revealed = "readings" in self._market.rules.metering.reveals
        packet = readings.counter >= 0
        self._put(
            "readings",
            slot=np.full(len(readings), slot),
            member=self._pseudonyms[readings.member],
            import_wh=readings.import_wh,
            export_wh=readings.export_wh,
            quality=_names(Quality)[readings.quality],
            revision=readings.revision,
            counter=readings.counter,
            packet_hash=hexes(readings.packet_hash, packet),
            opening=hexes(readings.opening, packet) if revealed else [None] * len(readings),
            signature=hexes(readings.signature, packet),
        )

    def _add_flows(self, half: DeliveryHalf) -> None:
        flows, count, market = half.flows, len(half.flows), self._market
        slot, member = np.full(count, half.slot), self._pseudonyms
        self._put(
            "flows",
            slot=slot,
            member=member,
            storage_wh=half.state.storage_wh,
            **{name: getattr(flows, name) for name in ("load_wh", "pv_wh", "charge_wh", "discharge_wh")},
        )
        self._put(
            "wishes",
            slot=slot,
            member=member,
            net_wh=half.readings.export_wh - half.readings.import_wh,
            buy_limit_micro_per_kwh=market.buy_limit_micro_per_kwh,
            sell_limit_micro_per_kwh=market.sell_limit_micro_per_kwh,
        )

    def _add_statement(self, statement: Statement) -> None:
        legs, postings = statement.legs, statement.postings
        self._put(
            "statements",
            slot=np.full(len(legs), statement.slot),
            member=self._pseudonyms[legs.member],
            revision=np.full(len(legs), statement.revision),
            leg=_names(Leg)[legs.leg],
            energy_wh=legs.energy_wh,
            price_micro_per_kwh=legs.price_micro_per_kwh,
            amount_nano=legs.amount_nano,
        )
        accounts = np.array(account_names(list(self._pseudonyms)), dtype=object)
        self._put(
            "postings",
            slot=np.full(len(postings), statement.slot),
            revision=np.full(len(postings), statement.revision),
            debit=accounts[postings.debit],
            credit=accounts[postings.credit],
            amount_nano=postings.amount_nano,
            kind=np.array(kind_names(), dtype=object)[postings.kind],
            energy_wh=postings.energy_wh,
            price_micro_per_kwh=postings.price_micro_per_kwh,
        )

    def _add_members(self) -> None:
        members = self._market.members
        self._put(
            "members",
            member=list(self._pseudonyms),
            meter_key=["0x" + address.hex() for address in self._market.meter_addresses],
            wallet=list(self._wallets),
            role=[m.role for m in members],
            connection_w=[m.connection_w for m in members],
        )

    def _add_enrolments(self) -> None:
        enrolments = self._market.enrolments
        self._put(
            "enrolments",
            member=[str(self._pseudonyms[e.member]) for e in enrolments],
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


def hexes(rows: Bytes2D, present: npt.NDArray[np.bool_] | None = None) -> list[str | None]:
    """Each row as `0x...`; None where it is not present."""
    width, raw = rows.shape[1], rows.tobytes().hex()
    texts: list[str | None] = [f"0x{raw[2 * width * i : 2 * width * (i + 1)]}" for i in range(len(rows))]
    if present is None:
        return texts
    return [text if there else None for text, there in zip(texts, present.tolist(), strict=True)]


_NAME_TABLES: dict[type, npt.NDArray[np.object_]] = {}


def _names(codes: type[Source | Preference | Reason | Quality | Leg]) -> npt.NDArray[np.object_]:
    if codes not in _NAME_TABLES:
        _NAME_TABLES[codes] = np.array([code.name.lower() for code in codes], dtype=object)
    return _NAME_TABLES[codes]
