"""Audit in words: what each check found, and the rows somebody asked to see."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from commonwatt.adapters.store.run_folder import read_names
from commonwatt.core.accounts import FIRST_MEMBER
from commonwatt.core.errors import require
from commonwatt.core.findings import Finding, one_of
from commonwatt.services.audit import SHOWN, Audited, Check
from commonwatt.services.public import PublicTables
from commonwatt.services.reporting.words import counted, several

NANO = 10**9


def result_lines(checks: list[Check]) -> list[str]:
    """One line a check, its findings under it, and the verdict."""
    lines = []
    for check in checks:
        if check.skipped:
            lines.append(f"  not checked  {check.name}: {check.skipped}")
            continue
        mark = "ok         " if check.passed else "FAILED     "
        lines.append(f"  {mark}  {check.name} ({counted(check.checked, check.unit)})")
        lines += [f"                 {finding}" for finding in check.findings[:SHOWN]]
        if check.note:
            lines.append(f"                 {check.note}")
        if len(check.findings) > SHOWN:
            lines.append(f"                 and {several(len(check.findings) - SHOWN, 'more finding')}")
    failed = sum(not check.passed for check in checks)
    skipped = sum(bool(check.skipped) for check in checks)
    verdict = (
        f"{failed} of {several(len(checks), 'check')} FAILED."
        if failed
        else "Everything that could be checked is right."
    )
    return [*lines, verdict + (f" {skipped} could not be made." if skipped else "")]


def slot_lines(tables: PublicTables, slot: int, trade: str | None) -> list[str]:
    """The orders and trades of a slot, or one trade."""
    trades = _rows(tables, "trades", "slot", slot)
    if trade is not None:
        trades = trades.filter(pc.equal(trades["trade_id"], trade))
    orders = several(_rows(tables, "orders", "slot", slot).num_rows, "order")
    lines = [f"slot {slot}: {orders}, {several(trades.num_rows, 'trade')} shown"]
    for row in trades.to_pylist():
        seller, buyer = row["seller"] or "the pool", row["buyer"] or "the pool"
        price = row["buy_price_micro_per_kwh"] / 10**6
        lines.append(
            f"  {row['trade_id']}: {seller} to {buyer}, {row['energy_wh']} Wh agreed, {row['delivered_wh']} Wh delivered, {price:.6f} per kWh"
        )
    return lines


def member_lines(audited: Audited, member: str, directory: Path, currency: str) -> list[str]:
    """What a member was billed and what the chain holds for it.

    Raises:
        InvalidInput: no such member.

    """
    pseudonym = pseudonym_of(audited.public.pseudonyms, member, directory)
    rows = _rows(audited.public, "statements", "member", pseudonym)
    number = FIRST_MEMBER + audited.public.pseudonyms.index(pseudonym)
    balances, deposits = audited.ledger.balances(audited.final_s), audited.ledger.deposits()
    held = int(balances.free_nano[number] + balances.pending_nano[number])
    lines = [f"member {pseudonym}: amounts in {currency}; what the member pays has a minus"]
    for leg in sorted(set(rows["leg"].to_pylist())):
        of = rows.filter(pc.equal(rows["leg"], leg))
        lines.append(
            f"  {leg:<16} {pc.sum(of['energy_wh']).as_py():>12} Wh {pc.sum(of['amount_nano']).as_py() / NANO:>14.6f}"
        )
    billed = pc.sum(rows["amount_nano"]).as_py() or 0
    lines.append(
        f"  billed {billed / NANO:.9f}; on the chain {held / NANO:.9f} = deposit {int(deposits[number]) / NANO:.9f} + billed"
    )
    return lines


def pseudonym_of(pseudonyms: Sequence[str], member: str, directory: Path) -> str:
    """The pseudonym of a member that is named by it or, where the run's private/ is there, by id; InvalidInput for nobody."""
    if member in pseudonyms:
        return member
    known = read_names(directory / "private" / "pseudonyms.json")
    if member not in known:
        require([Finding("--member", one_of(member, known or pseudonyms), member)])
    return known[member]


def _rows(tables: PublicTables, table: str, column: str, value: int | str) -> pa.Table:
    rows = tables.tables[table]
    return rows.filter(pc.equal(rows[column], value))
