"""Few runs that meet every pair: rows of a table in which any two values of different columns stand together at least once."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from itertools import combinations, product

Row = dict[str, str]
Pair = frozenset[tuple[str, str]]


def pairs_of(row: Mapping[str, str]) -> set[Pair]:
    """The pairs of values that stand in a row."""
    return {frozenset(two) for two in combinations(row.items(), 2)}


def pairwise(choices: Mapping[str, Sequence[str]], tries: int = 20) -> list[Row]:
    """Rows that meet every pair of values, always the same: each the one that meets most that are left, the shortest of some tables."""
    rows = [dict(zip(choices, values, strict=True)) for values in product(*choices.values())]
    bit: dict[Pair, int] = {}
    met = [sum(1 << bit.setdefault(pair, len(bit)) for pair in pairs_of(row)) for row in rows]
    tables = [_table(met, (1 << len(bit)) - 1, random.Random(number)) for number in range(tries)]
    return [rows[at] for at in min(tables, key=len)]


def _table(met: Sequence[int], left: int, draws: random.Random) -> list[int]:
    """Rows by number until no pair is left; `met` are the pairs of each, as bits."""
    order, chosen = draws.sample(range(len(met)), len(met)), list[int]()
    while left:
        chosen.append(max(order, key=lambda at: (met[at] & left).bit_count()))
        left &= ~met[chosen[-1]]
    return chosen
