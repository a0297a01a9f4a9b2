"""The page of results: what a run leaves behind, file by file, column by column, key by key."""

import ast
import inspect
from enum import IntEnum
from typing import Final

from scripts.reference.markdown import code, head, table, text_of, unit

from commonwatt.core import accounts, events, orders, records
from commonwatt.services.reporting import burden
from commonwatt.services.reporting.federation import EXCHANGE_COLUMNS
from commonwatt.services.schemas import COLUMNS, PUBLIC

TEXT = """
Numbers in tables are whole (`int64`); ids, hashes and addresses are text; an empty side is null. Energy is in Wh, power in W, prices in
micro-currency per kWh (300 000 is 0.30), amounts in nano-currency (1 000 000 000 is 1.00), shares are fractions of one. In every public
table a member appears by pseudonym.
"""
FILES: Final = {
    "report.html": "The report: open it in a browser. Everything is inside the one file.",
    "summary.json": "The run's figures, by the [names below](#summaryjson).",
    "timing.json": "Time and memory, by the [names below](#timingjson). The only file, beside `private/`, that differs between equal runs.",
    "public/manifest.json": "SHA-256 of every public file, their root, the chain's head, the operator's address, hashes of the contracts' code.",
    "public/settings.toml": "The effective configuration, defaults and presets written out, without members and secrets.",
    "public/inputs.json": "SHA-256 of the data, seed, first slot, slot behind the last, versions, and the federation if it belongs to one: what the run can be made again from.",
    "public/chain.sqlite": "The chain: every block with its transactions.",
    **{f"public/{name}.parquet": f"The table [{name}](#{name}); with `--csv` as `{name}.csv`, too." for name in PUBLIC},
    "members/ID/instructions.csv": "What the member signed for its orders: its own rows of [instructions](#instructions).",
    "members/ID/orders.csv": "The member's own rows of [orders](#orders).",
    "members/ID/events.csv": "What the member sent to the market: its own rows of [events](#events).",
    "members/ID/readings.csv": "The member's own rows of [readings](#readings).",
    "members/ID/bill.csv": "The member's bill: rows of [statements](#statements) with local time, decimal amounts and a running total.",
    "members/ID/wires.csv": "What the wires did to the member, slot by slot, by the [columns below](#wirescsv-of-a-member).",
    "private/journal.sqlite": "The operator's: every finished half slot, from which a run is resumed.",
    "private/journal.lock": "The operator's: keeps a second process out.",
    "private/chain.sqlite": "The operator's: the chain while the run goes on.",
    "private/settings.toml": "The operator's: the effective settings, by which a member can watch the run before it is finished.",
    "private/pseudonyms.json": "The operator's: which member has which pseudonym.",
    "private/origins.json": "The operator's: where each member's profile comes from (measured, doubtful, resampled, simulated), for the bills.",
}
"""Every file of a run with members ID, whatever the member did; a test compares with a run."""
BILL_FILES: Final = {
    "bill.html": "The page: what is paid, what it is made of, day by day down to the slot, and how to check it.",
    "bill.csv": "The lines of the period; for a whole run the bytes of the member's `bill.csv`.",
    "bill.json": "The lines again, with the proof of each.",
    "verify_bill.py": "The verifier: `python3 verify_bill.py` in the folder, with Python 3.11 and nothing else.",
}
"""Every file of a bill's folder; a test compares with a bill."""
BILL_COLUMNS: Final = {
    "slot_start": "Beginning of the slot on the community's wall clock, with its offset.",
    "slot": "Number of the slot.",
    "revision": "0, or the number of the correction.",
    "leg": "What the line is for: a [leg](#leg).",
    "reading": "How the meter's value came about: a [quality](#quality).",
    "energy_wh": "What is charged on.",
    "price_micro_per_kwh": "At what price.",
    "amount_nano": "Price times energy, exact; positive: to the member.",
    "price_CURRENCY_per_kwh": "The price as a decimal, exact.",
    "amount_CURRENCY": "The amount as a decimal, exact.",
    "running_total_CURRENCY": "Sum of the amounts so far.",
}
"""Every column of `bill.csv`; a test compares with a bill."""
MEMBER_WIRES_COLUMNS: Final = {
    "slot_start": "Beginning of the slot on the community's wall clock, with its offset.",
    "slot": "Number of the slot.",
    "export_cap_wh": "The most that the member may send out (`[grid] allocation`); empty where there are no caps.",
    "import_cap_wh": "The most that it may order and charge storage with; load is never switched off.",
    "held_back_wh": "What its panels could have given besides, and its inverter held back.",
    "cut_sold_wh": "What the grid took at the gate of what the member had sold.",
    "cut_bought_wh": "The same of what it had bought.",
    "cut_why": "Which limit asked for that, and by which rule.",
    "way_fee_nano": "What it paid for the way of its trades (`[grid] fee`), as seller and as buyer; part of the legs `local_fee` of its bill.",
}
"""Every column of a member's `wires.csv`; a test compares with a run."""
SUMMARY: Final = {
    "slots": "Slots of the run.",
    "failed_slots": "Slots whose trades were void.",
    "members": "Members of the community.",
    "traded_wh": "Energy agreed between neighbours.",
    "delivered_wh": "Of it, what was metered or, where trades are firm, owed as sold.",
    "backed_wh": "Of it, what sellers' meters really sent out.",
    "imported_wh": "Energy that came into the community: sum over slots of what its members together drew, losses included.",
    "exported_wh": "Energy that left the community.",
    "losses_wh": "Energy lost in the wires, by what was metered; 0 without a feeder.",
    "curtailed_pv_wh": "What panels could have given besides and inverters held back, to keep their caps.",
    "supplier_sold_wh": "Energy that the supplier sold to members, by the bills.",
    "supplier_bought_wh": "Energy that the supplier bought from members, by the bills.",
    "self_sufficiency_share": "Share of the community's use that was generated in it, at least 0.",
    "self_consumption_share": "Share of the community's generation that was used in it, at least 0.",
    "curtailed_slots": "Slots in which the grid cut trades.",
    "infeasible_slots": "Slots in which what was metered passed a limit of the grid.",
    "unsolved_slots": "Of them those without a power flow: more was asked of the feeder than it can bring, and what they lost is in no figure.",
    "scheduled_violation_slots": "Slots at whose gate the schedule passed a limit of a line, the transformer or a voltage, or has no power flow, cuts aside; 0 in `ex_post`.",
    "scheduled_line_violations": "Lines and transformers beyond their rating by those schedules, slot by slot.",
    "scheduled_voltage_violations": "Buses outside the band of voltages by those schedules, slot by slot.",
    "metered_violation_slots": "Slots in which what was metered passed such a limit, or has no power flow.",
    "metered_line_violations": "Lines and transformers that it filled beyond their rating, slot by slot.",
    "metered_voltage_violations": "Buses that it brought outside the band, slot by slot.",
    "curtailed_wh": "Energy of trades that the grid cut, sell side.",
    "curtailed_trades": "Trades that it cut, whole or in part; one side of the pool counts as a trade.",
    "recleared_slots": "Slots whose market was cleared again, within tighter limits, because of a power flow.",
    "line_loading_max_share": "How full the fullest line, or the transformer, ever was, of its rating; null without a feeder.",
    "voltage_min_share": "Lowest voltage at any bus, of the nominal one; null without a feeder.",
    "voltage_max_share": "Highest voltage at any bus; null without a feeder.",
    "lines_short_share": "Most by which a line was fuller by the power flow of what was metered than by the lines that the market was told of, of what it may carry (below 0: never fuller); null where it was told of no limits, or loads of the feeder take part of them.",
    "loss_loading_share": "Loading at which the loss factors of the market's lines would have been right for what flowed, to be held against `[grid] loss_loading_share`; null where it was told of no lines.",
    "losses_cost_nano": "What the grid paid the supplier for what was lost.",
    "grid_fees_nano": "What fees left with the grid: of supply, of neighbours and of the way, less reliefs and what the pool of rewards took.",
    "losses_recovered_share": "Part of the cost of losses that those fees bear, at most 1; null where losses cost nothing.",
    "recovering_fee_micro_per_kwh": "The least grid fee on energy from the supplier that alone bears the cost of losses; null where they cost nothing or nothing was supplied.",
    "clearing_efficiency_share": "Welfare of the fills over the optimum of the submitted orders; 1.0 where the optimum is 0.",
    "efficiency_share": "Welfare of the fills over the optimum of members' true values; 1.0 where the optimum is 0.",
    "price_mean_micro_per_kwh": "Mean price that buyers paid neighbours, by energy, fees and taxes apart; null without trades.",
    "price_min_micro_per_kwh": "Lowest such price; null without trades.",
    "price_max_micro_per_kwh": "Highest such price; null without trades.",
    "baseline_nano": "What all members would pay without a market: import at retail with fee and tax, less export at feed-in.",
    "cost_nano": "What all members pay: their bills' sum.",
    "cost_saving_share": "1 - cost / baseline over the members whose baseline is a cost.",
    "revenue_gain_share": "Revenue / baseline revenue - 1 over the others; 0 where there are none.",
    "members_worse_off": "Members whose bill is higher than their baseline.",
    "way_fees_nano": "Fees by location: what both sides of trades paid for their part of the way; 0 without such fees.",
    "imbalance_wh": "Energy bought or sold and not metered, on bills as imbalance.",
    "forecast_cost_nano": "What errors of the forecasts cost members in an `ex_ante` run; null in `ex_post`.",
    "money_mismatch_nano": "Statements, postings and ledger compared; must be 0.",
    "energy_mismatch_wh": "Bills compared with meters, member by member and slot by slot; must be 0.",
    "transactions": "Transactions of the run on the ledger.",
    "gas_per_trade": "Gas of all transactions over rows of trades; null without trades.",
    "gas_source": "Where the gas comes from.",
    "demands": "What members demanded of the operator on the ledger: what stands behind a line, or their own position.",
    "demands_answered": "Of them, those that it answered.",
    "demands_unanswered": "Of them, those without an answer in time, so that the settlement was void.",
    "voided_settlements": "Settlements, or parts of them, that were void on the ledger.",
    "proofs_verified": "Zero-knowledge proofs that were checked.",
    "ledger_verified": "Whether the run's audit of its own `public/` passed; false ends with exit code 1.",
    "not_built": "What the design's paper asks for and this version does not do.",
}
TIMING: Final = {
    "wall_s": "Time on the clock.",
    "cpu_s": "Processor time.",
    "step_cpu_s": "Processor time by step: what a step asks of another counts for the inner one.",
    "latency": "Time on the clock by stage (a step as above, or `gate` and `delivery`, the half slots as a whole) over the half slots that had it: how many (`halves`), and by nearest rank `p50_s`, `p95_s`, `p99_s`, `max_s`. What a step asks of another counts for the inner one.",
    "resumed_steps": "Half slots taken from the journal.",
    "executed_steps": "Half slots made in this run.",
    "peak_mb": "Most memory held.",
}
NAMES: Final[dict[str, type[IntEnum]]] = {
    "leg": records.Leg,
    "reason": records.Reason,
    "quality": records.Quality,
    "kind": accounts.Kind,
    "account": accounts.Account,
    "source": orders.Source,
    "preference": orders.Preference,
    "verdict": records.Verdict,
    "event kind": events.EventKind,
    "outcome": events.EventOutcome,
}
"""Columns whose texts come from a list."""


FEDERATION_FILES: Final = {
    "report.html": "The report of the whole: what members of each community saved by trading with the others.",
    "summary.json": "The whole's figures, by the names below.",
    "timing.json": "Time and memory of the whole.",
    "communities/NAME/": "A whole run of each community, with every file above.",
    "public/federation.json": "Name, slots, links, and each community with its folder and the root of its manifest.",
    "public/exchanges.parquet": "Level 2 slot by slot, the table below; with `--csv` as `exchanges.csv`, too.",
    "private/journal.sqlite": "The operators': what was agreed in every slot, from which a federation is resumed.",
    "private/journal.lock": "The operators': keeps a second process out.",
    "private/outcomes/NAME.json": "The operators': what the report of the whole needs of each community.",
}
"""Every file of a federation; a test compares with one."""
FEDERATION_SUMMARY: Final = {
    "communities": "How many there are.",
    "slots": "Slots of the run.",
    "slots_with_exchange": "Slots in which anything crossed.",
    "members": "Of all communities.",
    "exchanged_wh": "Energy that left one community for another.",
    "exchanged_nano": "What was paid for it, supplier to supplier.",
    "exchange_price_mean_micro_per_kwh": "By energy, rounded half up; null where nothing crossed. Likewise the lowest and the highest:",
    "exchange_price_min_micro_per_kwh": "The lowest.",
    "exchange_price_max_micro_per_kwh": "The highest.",
    "baseline_nano": "What all members would pay without any market.",
    "cost_alone_nano": "What they would pay on the same orders and meters, had nothing crossed.",
    "cost_nano": "What they pay.",
    "saving_by_exchange_nano": "`cost_alone_nano` less `cost_nano`.",
    "members_better_by_exchange": "How many pay less than alone.",
    "members_worse_by_exchange": "How many pay more.",
    "energy_mismatch_wh": "Of all communities, and between them; 0.",
    "money_mismatch_nano": "Of all communities, and between them; 0.",
    "failed_slots": "Of all communities.",
    "ledger_verified": "Every community audited itself, and level 2 met again from all their public orders gave the same.",
    "by_community": "The same of each community by name, with what it sold, bought and received.",
    "payments": "Who pays whom in the end: payer, receiver, `amount_nano`.",
}
"""Every key of a federation's `summary.json`; a test compares with one."""


COSTS: Final = (
    "Beside `report.html`, where the feeder cost anybody anything: a row for each member whom it did, the dearest first. "
    "It names members, so it belongs to the community."
)


def page() -> str:
    """The page, as Markdown."""
    lines = head(
        "Results of a run",
        "the schemas of the tables and the lists of files and keys, which a test compares with a run",
        TEXT,
    )
    lines += ["## Files", "", *table(("file", "holds"), ((code(name), text) for name, text in FILES.items()))]
    where = (
        "in `members/ID/bill`, or `members/ID/bill_FIRST_END` for the days from FIRST to before END, or below `--out`"
    )
    lines += ["`commonwatt bill` adds a folder a member, " + where + ":", ""]
    lines += table(("file", "holds"), ((code(name), text) for name, text in BILL_FILES.items()))
    lines += ["### bill.csv", "", "One row a line, of a run's and of a bill's folder; CURRENCY is the community's.", ""]
    lines += table(("column", "unit", "meaning"), ((code(n), unit(n), text) for n, text in BILL_COLUMNS.items()))
    lines += [f"### {burden.FILE}", "", COSTS, ""]
    costs = {"member": "Its id.", **{name: text for name, (_, text) in burden.COLUMNS.items()}}
    costs["together_CURRENCY"] = "The same as a decimal, exact."
    lines += table(("column", "unit", "meaning"), ((code(n), unit(n), text) for n, text in costs.items()))
    lines += [
        "### wires.csv of a member",
        "",
        "One row a slot in which any of this happened, else the header alone.",
        "",
    ]
    lines += table(
        ("column", "unit", "meaning"), ((code(n), unit(n), text) for n, text in MEMBER_WIRES_COLUMNS.items())
    )
    for name, columns in COLUMNS.items():
        if name == PUBLIC[0]:
            lines += ["## Public tables", "", "In `public/`; they exist, with these columns, when nothing traded.", ""]
        if name not in PUBLIC and f"### {PUBLIC[-1]}" in lines and "## The operator's tables" not in lines:
            text = "They are in no file: the report is made from them, and `commonwatt.services.reporting` takes them."
            lines += ["## The operator's tables", "", text, ""]
        rows = ((code(column), _type(str(kind)), unit(column), text) for column, (kind, text) in columns.items())
        lines += [f"### {name}", "", *table(("column", "type", "unit", "meaning"), rows)]
    lines += ["## Names in tables", ""]
    for name, codes in NAMES.items():
        says = _member_docs(codes)
        lines += [f"### {name}", "", (codes.__doc__ or "").strip().splitlines()[0], ""]
        lines += table(("name", "meaning"), ((code(each.name.lower()), says.get(each.name, "")) for each in codes))
    lines += ["## summary.json", "", *_keys(SUMMARY), "## timing.json", "", *_keys(TIMING)]
    lines += [
        "",
        "## A federation",
        "",
        "What a run of [many communities](../explain/federation.md) leaves behind beside them.",
        "",
    ]
    lines += table(("file", "holds"), ((code(name), text) for name, text in FEDERATION_FILES.items()))
    lines += ["### exchanges", ""]
    rows = ((code(name), _type(str(kind)), unit(name), text) for name, (kind, text) in EXCHANGE_COLUMNS.items())
    lines += table(("column", "type", "unit", "meaning"), rows)
    lines += ["### summary.json of the whole", "", *_keys(FEDERATION_SUMMARY)]
    return text_of(lines)


def _keys(meanings: dict[str, str]) -> list[str]:
    return table(("key", "unit", "meaning"), ((code(key), unit(key), text) for key, text in meanings.items()))


def _type(arrow: str) -> str:
    return {"string": "text", "bool": "true or false"}.get(arrow, arrow)


def _member_docs(codes: type[IntEnum]) -> dict[str, str]:
    """The docstring under each name of an enumeration, where it has one."""
    (tree,) = ast.parse(inspect.getsource(codes)).body
    assert isinstance(tree, ast.ClassDef)
    said = {}
    for node, below in zip(tree.body, tree.body[1:], strict=False):
        if isinstance(node, ast.Assign) and isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
            assert isinstance(node.targets[0], ast.Name)
            said[node.targets[0].id] = " ".join(str(below.value.value).split())
    return said
