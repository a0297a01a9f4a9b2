"""`commonwatt clear`: one market from a file of orders."""

from pathlib import Path
from typing import Annotated

import typer

from commonwatt.cli.endings import example, say

EXAMPLE = example("commonwatt clear examples/orders.csv --mechanism uniform_price --out out/market")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(short_help="Clear one market from a file of orders.", epilog=EXAMPLE)(clear)


def clear(
    orders: Annotated[
        Path,
        typer.Argument(
            metavar="ORDERS.csv",
            help="Columns order_id, member, side (buy or sell), energy_wh, limit_micro_per_kwh; optional sequence, source, "
            "preference, bus, trust, proof, budget_nano, microgrid.",
        ),
    ],
    mechanism: Annotated[
        str, typer.Option(metavar="NAME", help="How to clear; `commonwatt list clearing` shows the names.")
    ],
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="New or empty folder for trades.csv, orders.csv and summary.json.")
    ],
    param: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="A parameter of the mechanism; may be given again."),
    ] = None,
    pricing: Annotated[
        str, typer.Option(metavar="NAME", help="Price between two limits, for mechanisms that leave it open.")
    ] = "midpoint",
    retail_micro_per_kwh: Annotated[
        int | None,
        typer.Option(
            metavar="PRICE", help="The supplier's price, micro per kWh; default: the highest limit of a buyer."
        ),
    ] = None,
    feed_in_micro_per_kwh: Annotated[
        int | None,
        typer.Option(
            metavar="PRICE", help="What the supplier pays, micro per kWh; default: the lowest limit of a seller."
        ),
    ] = None,
    lines: Annotated[
        Path | None,
        typer.Option(
            metavar="LINES.csv",
            help="A feeder under the orders' buses, which every mechanism keeps: columns bus, toward (the next bus; empty at a root), limit_wh, optional loss_share, fee_micro_per_kwh (what a kWh that crosses the line pays).",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="NUMBER", help="For mechanisms that draw.")] = 1,
) -> None:
    """Clear one market from a file of orders: who trades how much at what price, and why others do not.

    Energy is whole Wh, a limit whole micro-currency per kWh, without fees. Ties go to the earlier sequence, by default the order of the file.
    """
    from commonwatt.wiring.one_market import ClearRequest, clear_file

    prices = (retail_micro_per_kwh, feed_in_micro_per_kwh)
    say(clear_file(ClearRequest(orders, mechanism, tuple(param or ()), out, pricing, *prices, seed, lines)))
