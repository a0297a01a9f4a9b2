"""The table of every market is whole, sound, and what the page shows; one of its runs gives the same today."""

from __future__ import annotations

import pytest
from scripts.every_market import PAGE, is_sound, kept, keys, page, ran

TOLD = kept()
AGAIN = "run `python -m scripts.every_market` and commit what it writes"


def test_every_mechanism_stands_in_the_table_with_both_timings_and_both_rules() -> None:
    assert list(TOLD) == keys(), AGAIN


def test_no_run_of_the_table_is_off() -> None:
    assert [key for key, row in TOLD.items() if not is_sound(row)] == []


def test_the_page_shows_the_table() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(TOLD), AGAIN


@pytest.mark.full
def test_a_run_gives_what_is_told() -> None:
    key = ("mid_market_rate", "ex_ante", "delivered")
    assert ran(key) == TOLD[key], AGAIN
