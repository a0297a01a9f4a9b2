"""What an operator takes away from the tight month: five sentences, each from the runs."""

from __future__ import annotations

from collections.abc import Sequence

from scripts.tight.told import Told, chosen, kwh, percent, usd


def answer(runs: Sequence[Told]) -> list[str]:
    """Lines of the top of the page, as far as the runs that they speak of are there."""
    by_design = {
        (run.row["limits"], run.row["allocation"]): run
        for run in reversed(chosen(runs))
        if run.row["curtailment"] == "pro_rata"
    }
    plain = by_design.get(("none", "none"))
    lines = [_problem(plain)] if plain else []
    held = [run for run in runs if run.row["limits"] != "none" and run.row["timing"] == "ex_ante"]
    if held:
        lines.append(_kept(held))
    cut, market = by_design.get(("verdict", "none")), by_design.get(("market", "none"))
    if cut and market:
        lines.append(_price(cut, market))
    fixed, envelope = by_design.get(("market", "fixed")), by_design.get(("market", "envelope"))
    if market and fixed and envelope:
        lines += [_energy(market, fixed, envelope), _whose(market, envelope)]
    return [*(f"- {line}" for line in lines), ""]


def _problem(plain: Told) -> str:
    return (
        f"On a street with one long thin cable the loads alone pass a limit in {plain.whole('loads_alone_slots')} of the {plain.whole('slots')} hours of May 2017; "
        f"but without limits what neighbours agree at the gate passes one in **{plain.whole('agreed_slots')}** hours, and what flows then in "
        f"**{plain.whole('metered_slots')}**: at noon the voltage at the end of the cable is too high."
    )


def _kept(held: Sequence[Told]) -> str:
    left = sum(run.whole("left_slots") for run in held)
    told = f"in {left} hours of all {len(held)} runs together" if left else f"in 0 hours of each of {len(held)} runs"
    return f"With limits in the market, or trades cut at the gate, what stands agreed passes a limit **{told}**."


def _price(cut: Told, market: Told) -> str:
    return (
        f"That costs {percent(market.lost_share)} of what the trades were worth where the market is cleared within limits, because another neighbour sells instead, and "
        f"{percent(cut.lost_share)} where trades are cut afterwards; together the members pay {_more(market)} and {_more(cut)} (what is cut cannot come short)."
    )


def _energy(market: Told, fixed: Told, envelope: Told) -> str:
    left = envelope.whole("metered_slots")
    ends = "and only caps on energy end that" if not left else f"and envelopes leave {left} of them"
    return (
        f"Meters still pass limits in {market.whole('metered_slots')} hours, because a panel feeds in whether its energy is traded or not, {ends}: envelopes "
        f"hold back {kwh(envelope.whole('curtailed_pv_wh'))} kWh ({percent(envelope.whole('curtailed_pv_wh') / envelope.pv_wh)} of what the panels give) and the members "
        f"pay {_more(envelope)}, fixed caps {kwh(fixed.whole('curtailed_pv_wh'))} kWh and {_more(fixed)}."
    )


def _whose(market: Told, envelope: Told) -> str:
    selling, less = market.most("sold_wh", -1)
    holding, held = envelope.most("held_back_wh")
    paying, more = envelope.most("cost_nano")
    return (
        f"Energy is taken from the long cable first ({selling} sells {kwh(less)} kWh less to neighbours where the market keeps limits, {holding} holds back {kwh(held)} kWh under "
        f"envelopes), money from who bought it ({paying} pays {usd(more)} USD more under envelopes), and the evenness of the gains goes from {market.plain_jain_share:.3f} to "
        f"{market.jain_share:.3f} and {envelope.jain_share:.3f} (Jain)."
    )


def _more(run: Told) -> str:
    nano = run.more("cost_nano")
    return f"{usd(abs(nano))} USD {'more' if nano >= 0 else 'less'}"
