"""The two conservation checks of a run: energy and money, each from sources that were written independently. Both must be 0."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from commonwatt.core.accounts import OFF_LEDGER, Account, Kind, account_names
from commonwatt.core.records import LEG_ENERGY_SIGN
from commonwatt.core.units import Ints
from commonwatt.services.reporting.books import LEG_NAMES, Books, codes, numbers, summed


def energy_mismatch_wh(books: Books) -> int:
    """How many Wh the books are off, absolute amounts added up; rows that belong to no slot or member of the run count in full.

    Readings against statements, member by member and slot by slot; peer legs against trades, likewise; the supplier's net legs, with
    what it took from the pool for other communities, against the community's sum of export - import, slot by slot (`records`, Energy);
    what came from outside against what was drawn and lost, and what the grid bought against what was lost, likewise.
    """
    net = books.meters.export_wh - books.meters.import_wh
    energy = {name: books.legs("energy_wh", name) for name in LEG_NAMES}
    billed = sum((int(sign) * energy[name] for name, sign in zip(LEG_NAMES, LEG_ENERGY_SIGN, strict=True)), 0 * net)
    peers = _peer_difference(books, energy["peer_sell"], "seller") + _peer_difference(
        books, energy["peer_buy"], "buyer"
    )
    supplier = books.by_slot(billed - energy["peer_sell"] + energy["peer_buy"])
    supplier = supplier + _crossed_wh(books)
    off = _off(billed - net) + peers + _off(supplier - books.by_slot(net)) + _lost_off(books, books.by_slot(net))
    return off + _strays(books)


def _lost_off(books: Books, net_wh: Ints) -> int:
    """Where something was lost: what the grid bought against it, and what came from outside against what members drew and what was lost."""
    if not books.losses_wh.any():
        return 0
    bought = _given_wh(books, "grid", Kind.LOSSES)
    # What is closed at no price leaves no posting.
    drawn = np.where(books.rates["balancing"] != 0, books.losses_wh - net_wh - _given_wh(books, "wholesale"), 0)
    return _off(books.losses_wh + bought) + _off(drawn)


def _given_wh(books: Books, account: str, *kinds: Kind) -> Ints:
    """By slot the energy that an account gave (negative: took), by postings; of these kinds, or of those of the outside world."""
    postings = books.tables["postings"]
    named = codes(postings, "kind", [kind.name.lower() for kind in kinds or OFF_LEDGER]) >= 0
    credit, debit = (codes(postings, side, [account]) == 0 for side in ("credit", "debit"))
    # Who gives energy is credited, or debited at a negative price.
    sign = (credit.astype(np.int64) - debit) * np.where(numbers(postings, "price_micro_per_kwh") < 0, -1, 1)
    slot = books.slot_rows("postings")
    within = named & (slot >= 0) & (slot < books.slots)
    return summed(slot[within], (sign * numbers(postings, "energy_wh"))[within], books.slots)


def _crossed_wh(books: Books) -> Ints:
    """By slot what the supplier took from the pool (negative: gave), which is what members trade with other communities."""
    postings, ends = books.tables["postings"], ["supplier", "pool"]
    debit, credit = (codes(postings, side, ends) for side in ("debit", "credit"))
    # Who gives energy is credited, or debited at a negative price.
    taken = np.where((debit == 0) & (credit == 1), 1, np.where((debit == 1) & (credit == 0), -1, 0))
    if not taken.any():
        return np.zeros(books.slots, np.int64)
    taken = np.where(numbers(postings, "price_micro_per_kwh") < 0, -taken, taken) * numbers(postings, "energy_wh")
    slot = books.slot_rows("postings")
    within = (slot >= 0) & (slot < books.slots)
    return summed(slot[within], taken[within], books.slots)


def _peer_difference(books: Books, legs_wh: Ints, side: str) -> int:
    table = books.tables["trades"]
    traded = books.per_cell(books.cell_rows("trades", side), numbers(table, "delivered_wh"))
    return _off(legs_wh - traded)


def _strays(books: Books) -> int:
    """Energy of readings, statement legs and trades that no slot or member of the run owns."""
    readings, statements, trades = (books.tables[name] for name in ("readings", "statements", "trades"))
    lost = books.cell_rows("readings") < 0
    off = int(numbers(readings, "import_wh")[lost].sum() + numbers(readings, "export_wh")[lost].sum())
    off += int(numbers(statements, "energy_wh")[books.cell_rows("statements") < 0].sum())
    for side in ("seller", "buyer"):
        named = np.asarray(pc.is_valid(trades.column(side)).to_numpy(), bool)
        lost = named & (books.cell_rows("trades", side) < 0)
        off += int(numbers(trades, "delivered_wh")[lost].sum())
    return off


def money_mismatch_nano(books: Books) -> int:
    """How much money the books are off, absolute amounts added up.

    Statements against postings by slot, revision and member; postings against the balances on the ledger less the deposits, account
    by account (every account but `wholesale`).
    """
    return _statements_against_postings(books) + _postings_against_balances(books)


def _statements_against_postings(books: Books) -> int:
    """Slot, revision and member as one key; what belongs to no member and slot of the run counts in full."""
    statements, postings = books.tables["statements"], books.tables["postings"]
    names = account_names(books.pseudonyms)
    first = len(names) - books.members
    columns = [("statements", books.cell_rows("statements"), -numbers(statements, "amount_nano"))]
    for side, sign in (("credit", 1), ("debit", -1)):
        account, slot = codes(postings, side, names), books.slot_rows("postings")
        within = (account >= first) & (slot >= 0) & (slot < books.slots)
        cell = np.where(within, slot * books.members + account - first, -1)
        system = (account >= 0) & (account < first)
        columns.append(("postings", cell, np.where(system, 0, sign * numbers(postings, "amount_nano"))))
    revisions = {name: numbers(books.tables[name], "revision") for name in ("statements", "postings")}
    off = sum(_off(amounts[cell < 0]) for _, cell, amounts in columns)
    for revision in np.unique(np.concatenate([np.unique(column) for column in revisions.values()])):
        parts = [books.per_cell(cell, amounts, revisions[name] == revision) for name, cell, amounts in columns]
        off += _off(sum(parts, np.zeros(books.cells, np.int64)))
    return off


def _postings_against_balances(books: Books) -> int:
    balances = books.tables["balances"]
    # What the supplier settles with the outside world is in the books only.
    postings = books.tables["postings"]
    outside = pa.array([kind.name.lower() for kind in OFF_LEDGER], pa.string())
    postings = postings.filter(pc.invert(pc.is_in(postings.column("kind").cast(pa.string()), value_set=outside)))
    named: list[str] = balances.column("account").cast(pa.string()).to_pylist()
    names = sorted({*account_names(books.pseudonyms), *named})
    net = np.zeros(
        len(names) + 1, np.int64
    )  # the last one, which code -1 finds, is for accounts that have no name here
    for side, sign in (("credit", 1), ("debit", -1)):
        np.add.at(net, codes(postings, side, names), sign * numbers(postings, "amount_nano"))
    held = numbers(balances, "free_nano") + numbers(balances, "pending_nano") - numbers(balances, "deposit_nano")
    np.subtract.at(net, codes(balances, "account", names), held)
    net[names.index(Account.WHOLESALE.name.lower())] = 0
    return _off(net)


def _off(differences: Ints) -> int:
    return int(np.abs(differences).sum())
