"""The page of the tight month: an answer, the feeder, what the wires saw, what it cost, and whom."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from itertools import groupby

from scripts.reference.markdown import table
from scripts.tight.answer import answer
from scripts.tight.lane import explored, street, tight
from scripts.tight.told import Key, Rows, Told, chosen, kwh, percent, told, usd

NONE = "\N{EN DASH}"
MIDNIGHT = dt.datetime(2017, 5, 1, 7, tzinfo=dt.UTC)
"""When May begins in Fontana."""
SHARES = (0.02, 0.1, 0.15, 0.2, 0.25)
"""Of the ratings, that were tried on the street."""
SAW = (
    "design",
    "mechanism",
    "agreed beyond",
    "left after cuts",
    "metered beyond",
    "cut, kWh",
    "cleared again",
    "PV held back, kWh",
    "limit",
)
COST = (
    "design",
    "mechanism",
    "trades worth, USD",
    "lost, %",
    "all bills, USD",
    "more",
    "Jain",
    "pays most more",
    "gives most",
)
WHO = {
    "verdict": ("sales, kWh (cut, `pro_rata`)", "sold_wh"),
    "market": ("sales, kWh (market)", "sold_wh"),
    "fixed": ("held back, kWh (fixed caps)", "held_back_wh"),
    "envelope": ("held back, kWh (envelopes)", "held_back_wh"),
}
HEADS = {
    "ex_ante": "## Agreed at a gate, before delivery\n\nOrders come from forecasts (`median_14d`); what was agreed is firm.",
    "ex_post": (
        "## Agreed after delivery\n\nOrders are what was metered, so nothing is scheduled and no verdict cuts; the market knows what lines carry "
        "and no voltages, which are the limit here."
    ),
}
ALT = "Bars of every design: hours in which limits were passed, worth of trades lost, and energy of panels held back"
DRAWN = "The feeder in the report: along the whole long cable the voltage is too high, and energy goes from it to the transformer and to the flats"
NOTES = """## How to read the tables

*Agreed beyond* are hours whose schedule passed a limit, *left after cuts* those whose schedule still does with the cuts taken off, *metered beyond* those whose
meters did; *limit* is where most often, by schedules and by meters. All three are counted anew from a run's tables by a power flow
(`scripts/tight/counts.py`); where the run's own counts differ, the script fails. *Cleared again*: hours whose market was cleared within tighter limits.

*Trades worth* is what buyers would have paid at most less what sellers asked at least, for what stands after cuts, and *lost* the part of it that is not there
beside no limits. *All bills* are those of all members, *more* is beside no limits. *Jain* is the evenness of what members gain beside no market and no limits (1: all
alike; who loses counts as 0), energy held back counted as lost. *Pays most more* names the member whose bill rises most, in USD; *gives most* the one whose
panels are held back most, or else whose sales fall most, in kWh, beside no limits.

The numbers of [all runs](tight-feeder.csv) and of [all their members](tight-feeder-members.csv) are CSV files. The [feeder](tight-feeder.toml) can be run, from the
folder of the source; `--set grid.limits=none` and `--set grid.allocation=envelope` are the two ends of the tables:

```
commonwatt run examples/fontana --from 2017-05-01 --to 2017-06-01 --set market.timing=ex_ante --set grid.model=radial --set grid.feeder=../../docs/reference/tight-feeder.toml
```
"""


def page(rows: Rows, keys: Sequence[Key]) -> str:
    """The whole page; what has not been run is said."""
    there = told(rows, keys)
    if not there:
        return "# A tight month\n\nNothing has been run yet.\n"
    lines = ["# A tight month", "", "*Written by `scripts/tight_feeder.py`; a test holds the page to its tables.*", ""]
    lines += [*answer(there), f"![{ALT}](tight-feeder.svg)", "", *_feeder(there)]
    for timing, runs in groupby(there, lambda run: run.row["timing"]):
        here = list(runs)
        lines += [HEADS[timing], "", "What the wires saw:", "", *table(SAW, map(_saw, here))]
        lines += ["What it cost:", "", *table(COST, map(_cost, here))]
    lines += [*_who(chosen(there)), NOTES]
    if len(there) < len(keys):
        lines += [f"{len(keys) - len(there)} of {len(keys)} combinations have not been run yet.", ""]
    return "\n".join(lines)


def _feeder(there: Sequence[Told]) -> list[str]:
    hours, plain = there[0].whole("slots"), street()
    tried = [("the street", share, *explored(plain, share, MIDNIGHT, hours)) for share in SHARES]
    tried.append(("this one", 1.0, *explored(tight(), 1.0, MIDNIGHT, hours)))
    highest = percent(float(there[0].row["voltage_max_share"]))
    return [
        "## The feeder",
        "",
        f"{tight().about} Allowed are {percent(tight().voltage_low_share)} to {percent(tight().voltage_high_share)}.",
        "",
        "Why not the street with less of its ratings? Because these homes draw more in the evening than their panels ever feed in at noon: a wire that carries the",
        f"evening carries the noon, and a voltage has a ceiling that loads never touch. Hours of {hours} beyond a limit, batteries and the market aside:",
        "",
        *table(
            ("feeder", "of its ratings", "by loads alone", "more, with all panels"),
            [(name, f"{100 * share:g} %", str(alone), str(more)) for name, share, alone, more in tried],
        ),
        f"Without limits the highest voltage by the meters is {highest}: many a real inverter would have switched off before. Here only caps hold it back.",
        "",
    ]


def _saw(run: Told) -> list[str]:
    row, is_ante = run.row, run.row["timing"] == "ex_ante"
    cells = [run.design, f"`{row['clearing']}`"]
    cells += [row["agreed_slots"], row["left_slots"]] if is_ante else [NONE, NONE]
    cells += [
        row["metered_slots"],
        kwh(run.whole("curtailed_wh")),
        row["recleared_slots"],
        kwh(run.whole("curtailed_pv_wh")),
    ]
    places = dict.fromkeys(place for place in (row["agreed_most"], row["metered_most"]) if place)
    return [*cells, ", ".join(map(_limit, places)) or NONE]


def _limit(place: str) -> str:
    return f"voltage {place}" if place in {bus.id for bus in tight().buses} else place


def _cost(run: Told) -> list[str]:
    cells = [run.design, f"`{run.row['clearing']}`", usd(run.whole("welfare_nano"))]
    jain_share = f"{run.jain_share:.3f}"
    if run.is_plain:
        return [*cells, NONE, usd(run.whole("cost_nano")), NONE, jain_share, NONE, NONE]
    bills = [usd(run.whole("cost_nano")), f"{run.more('cost_nano') / 1e9:+.2f}"]
    paying, more = run.most("cost_nano")
    (selling, less), (holding, held) = run.most("sold_wh", -1), run.most("held_back_wh")
    gives = (
        f"{holding} holds back {kwh(held)}" if held > 0 else f"{selling} sells {kwh(less)} less" if less > 0 else NONE
    )
    cells += [f"{100 * run.lost_share:.1f}", *bills, jain_share]
    return [*cells, f"{paying} {more / 1e9:+.2f}" if more > 0 else NONE, gives]


def _who(runs: Sequence[Told]) -> list[str]:
    """Members along the long cable, then the others together, under `uniform_price`."""
    columns = {}
    for run in runs:
        name = run.row["allocation"] if run.row["allocation"] != "none" else run.row["limits"]
        if name in WHO and run.row["curtailment"] == "pro_rata":
            columns[name] = run
    if not columns:
        return []
    places = {member["member"]: member["bus"] for member in runs[0].members}
    lane = [member for member in places if places[member] in {f"n{number:02d}" for number in range(1, 10)}]
    others = [member for member in places if member not in lane]
    rows = []
    for name, group in [*((member, [member]) for member in lane), (f"the other {len(others)}", others)]:
        sold = sum(int(member["sold_wh"]) for member in runs[0].plain_members if member["member"] in group)
        cells = [name, places.get(name, NONE), kwh(sold)]
        for which, run in columns.items():
            changes = run.changes(WHO[which][1])
            cells.append(f"{sum(changes[member] for member in group) / 1000:+,.1f}")
        if (last := columns.get("envelope")) is not None:
            cells.append(f"{sum(last.changes('cost_nano')[member] for member in group) / 1e9:+.2f}")
        rows.append(cells)
    heads = ["member", "bus", "sells, kWh (no limits)", *(WHO[which][0] for which in columns)]
    heads += ["bill, USD (envelopes)"] if "envelope" in columns else []
    limits = " and ".join(map(_limit, dict.fromkeys((runs[0].row["agreed_most"], runs[0].row["metered_most"]))))
    return [
        "## Who gives, and why",
        "",
        "Members in the order in which they stand on the long cable, `ex_ante`, `uniform_price`; but for the first figure all are changes beside no limits. The limit that",
        f"asks is {limits}. Only who sells over the cable is cut, and who asks so much that it sells little has little to lose; in the market another seller takes its place.",
        "",
        "Caps take from both cables: members on the other one hardly move that voltage, but they do, through the transformer they share, and an envelope lets nobody have more",
        "where that takes from somebody who has less (max-min). Bills fall for some whose panels are held back: who may promise less can fail less. Who bought their energy pays.",
        "",
        *table(heads, rows),
        f"![{DRAWN}](../images/tight-month.png)",
        "",
        "The report's drawing of the fullest hour (`grid.limits=verdict`, slider on 13 May, 13:00): triangles are voltages above the limit, dark arrows what was metered, green ones",
        "what was traded. The market had agreed less than the panels gave: its cuts kept the schedule within the limit, the meters did not.",
        "",
    ]
