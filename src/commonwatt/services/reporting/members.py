"""What every member used, paid and saved, and the sums over the community."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from commonwatt.core.units import Floats, Ints
from commonwatt.services.reporting.books import Books, numbers
from commonwatt.services.reporting.words import shown_saving_nano


@dataclass(frozen=True)
class MemberFigures:
    """One row a member, in order of index; Wh and nano-currency."""

    load_wh: Ints
    pv_wh: Ints
    import_wh: Ints
    export_wh: Ints
    bought_wh: Ints
    """From neighbours, as billed."""
    sold_wh: Ints
    cost_nano: Ints
    """What the statements add up to, paid = positive."""
    baseline_nano: Ints
    """What the same meters would have cost without a market: import x (retail + grid fee + tax) - export x feed-in."""

    @property
    def saving_nano(self) -> Ints:
        """Positive: better off than without a market."""
        return self.baseline_nano - self.cost_nano


def shown_savings_nano(figures: MemberFigures) -> list[int]:
    """Every member's saving as its two rounded amounts say it."""
    pairs = zip(figures.baseline_nano.tolist(), figures.cost_nano.tolist(), strict=True)
    return [shown_saving_nano(baseline, cost) for baseline, cost in pairs]


def shown_total_nano(figures: MemberFigures) -> int:
    """The saving of all as the two rounded sums say it."""
    return shown_saving_nano(int(figures.baseline_nano.sum()), int(figures.cost_nano.sum()))


def member_figures(books: Books) -> MemberFigures:
    """Figures of every member from readings, statements, flows and rates."""
    meters = books.meters
    flows, cell = books.tables["flows"], books.cell_rows("flows")
    amounts = books.per_cell(books.cell_rows("statements"), numbers(books.tables["statements"], "amount_nano"))
    return MemberFigures(
        load_wh=books.by_member(books.per_cell(cell, numbers(flows, "load_wh"))),
        pv_wh=books.by_member(books.per_cell(cell, numbers(flows, "pv_wh"))),
        import_wh=books.by_member(meters.import_wh),
        export_wh=books.by_member(meters.export_wh),
        bought_wh=books.by_member(books.legs("energy_wh", "peer_buy")),
        sold_wh=books.by_member(books.legs("energy_wh", "peer_sell")),
        cost_nano=-books.by_member(amounts),
        baseline_nano=books.by_member(books.baseline_nano),
    )


def cost_saving_share(figures: MemberFigures) -> float:
    """1 - cost / baseline over the members whose baseline is a cost; 0 when there are none."""
    payers = figures.baseline_nano > 0
    return 1 - _share(figures.cost_nano, figures.baseline_nano, payers) if payers.any() else 0.0


def revenue_gain_share(figures: MemberFigures) -> float:
    """Revenue / baseline revenue - 1 over the members who earn without a market; 0 when there are none."""
    earners = figures.baseline_nano < 0
    return _share(figures.cost_nano, figures.baseline_nano, earners) - 1 if earners.any() else 0.0


def jain(benefits: Floats) -> Floats:
    """Jain's index over members of each row, 1/n (one has everything) to 1 (all alike); who loses counts as 0, nan where nobody gains."""
    gains = np.maximum(benefits, 0)
    squares = gains.shape[1] * (gains**2).sum(axis=1)
    return np.where(squares != 0, gains.sum(axis=1) ** 2 / np.where(squares != 0, squares, 1), np.nan)


def _share(part: Ints, whole: Ints, rows: np.ndarray) -> float:
    return int(part[rows].sum()) / int(whole[rows].sum())
