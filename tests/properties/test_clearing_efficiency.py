"""The table of efficiencies is what the mechanisms do now, and its optimum is a linear programme's."""

from __future__ import annotations

import csv

import pytest
from scripts.clearing_efficiency import CSV, PAGE, SIZES, Books, all_books, linear_optimum, page, row

from commonwatt.clearing import CLEARINGS

TOLD = list(csv.DictReader(CSV.read_text(encoding="utf-8").splitlines()))
AGAIN = "run `python scripts/clearing_efficiency.py` and commit what it writes"


@pytest.fixture(scope="module")
def few() -> Books:
    return all_books(SIZES[0])


def told(name: str, orders: int) -> list[dict[str, str]]:
    return [line for line in TOLD if (line["mechanism"], line["orders"]) == (name, str(orders))]


def test_the_page_shows_the_csv_file() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(TOLD), AGAIN


@pytest.mark.parametrize("name", CLEARINGS.names())
def test_small_books_reach_what_is_told(name: str, few: Books) -> None:
    assert told(name, SIZES[0]) == [row(name, few)], AGAIN


@pytest.mark.full
def test_larger_books_reach_what_is_told() -> None:
    books = all_books(SIZES[1])
    for name in CLEARINGS.names():
        assert told(name, SIZES[1]) == [row(name, books)], AGAIN


@pytest.mark.parametrize(
    "name", [name for name in CLEARINGS.names() if "efficiency" not in CLEARINGS.answer(name).breaks]
)
def test_whoever_promises_the_largest_welfare_reaches_it_on_every_book(name: str) -> None:
    assert {line["least"] for line in TOLD if line["mechanism"] == name} == {"1.0000"}


def test_the_optimum_of_the_table_is_the_linear_programme_s(few: Books) -> None:
    for (_, book), most in list(zip(few.books, few.optimum_nano, strict=True))[:200]:
        assert linear_optimum(book) == most
