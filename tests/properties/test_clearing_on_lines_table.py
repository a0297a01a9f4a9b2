"""The table of clearing on a feeder is what the mechanisms do now."""

import csv

import pytest
from scripts.clearing_on_lines import CSV, PAGE, page, row

from commonwatt.clearing import CLEARINGS

TOLD = {line["mechanism"]: line for line in csv.DictReader(CSV.read_text(encoding="utf-8").splitlines())}
AGAIN = "run `python scripts/clearing_on_lines.py` and commit what it writes"


def test_the_page_shows_the_csv_file() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(list(TOLD.values())), AGAIN
    assert list(TOLD) == CLEARINGS.names()


@pytest.mark.parametrize("name", ["central_optimum", "uniform_price", "mcafee"])
def test_what_a_mechanism_reaches_on_feeders_is_what_is_told(name: str) -> None:
    assert row(name) == TOLD[name], AGAIN


@pytest.mark.full
@pytest.mark.parametrize("name", CLEARINGS.names())
def test_what_every_mechanism_reaches_on_feeders_is_what_is_told(name: str) -> None:
    assert row(name) == TOLD[name], AGAIN
