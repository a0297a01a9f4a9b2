"""Canonical bytes: every record comes back as it was, equal records give equal bytes, other bytes are refused."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from tests.fakes.books import NO_FEES, books, context

from commonwatt.clearing import CLEARINGS
from commonwatt.core.encoding import decode, encode
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Agreement, Election, Forecasts, GridVerdict, History, Observed, Receipt, Verdict


@dataclass(frozen=True)
class Odd:
    """Fields whose order in the file is not that of their names, and every kind of value."""

    zeta: bytes
    alpha: bytes
    share: float
    middle: Forecasts | None
    several: tuple[Forecasts, ...]


FORECASTS = Forecasts(np.array([1, -2]), np.array([2**62, 0]))


@settings(max_examples=50, deadline=None)
@given(book=books())
def test_a_book_and_its_agreement_come_back(book: OrderBook) -> None:
    agreement = CLEARINGS.make("uniform_price").clear(book, context())
    for record, kind in ((book, OrderBook), (agreement, Agreement)):
        again = decode(kind, encode(record))
        assert type(again) is kind
        assert encode(again) == encode(record)
    for name, column in decode(OrderBook, encode(book)).arrays().items():
        assert column.dtype == getattr(book, name).dtype
        assert (column == getattr(book, name)).all()


@pytest.mark.parametrize(
    "record",
    [
        GridVerdict(Verdict.CURTAILED, 5, ((1, 200), (3, 4)), "line 3"),
        GridVerdict(Verdict.UNCHECKED),
        Receipt(5, "clear", 0, 0, 1, "ab", "cd", 12, 1),
        Election(3, ("a", "b", "c")),
    ],
)
def test_a_record_of_plain_values_comes_back(record: object) -> None:
    assert decode(type(record), encode(record)) == record


def test_nested_records_come_back_with_every_array() -> None:
    observed = Observed(9, 3600, History(2, np.array([[1, 2], [3, 4]]), np.array([[5, 6], [7, 8]])), NO_FEES)
    again = decode(Observed, encode(observed))
    assert again.rates == NO_FEES
    assert again.history.load_wh.tolist() == [[1, 2], [3, 4]]
    assert again.history.pv_wh.tolist() == [[5, 6], [7, 8]]


def test_buffers_find_their_fields_whatever_the_order_of_declaration() -> None:
    odd = Odd(b"last", b"first", 0.1, FORECASTS, (FORECASTS, FORECASTS))
    again = decode(Odd, encode(odd))
    assert (again.zeta, again.alpha, again.share) == (b"last", b"first", 0.1)
    assert again.several[1].pv_wh.tolist() == again.middle.pv_wh.tolist() == [2**62, 0]
    assert decode(Odd, encode(replace(odd, middle=None))).middle is None


def test_a_change_of_one_value_changes_the_bytes() -> None:
    assert encode(FORECASTS) != encode(FORECASTS.replaced(load_wh=np.array([1, -3])))
    assert encode(Election(3, ("a", "b"))) != encode(Election(3, ("ab",)))


def test_other_bytes_are_refused() -> None:
    data = encode(FORECASTS)
    for bad in (b"", data[:3], data[:-1], data + b"\x00", b"\x00\x00\x00\x02{}", b"\x00\x00\x00\x015", b"\xff" * 40):
        with pytest.raises(ValueError, match="expected"):
            decode(Forecasts, bad)


def test_what_is_no_record_is_refused() -> None:
    with pytest.raises(TypeError, match="was set"):
        encode({1, 2})
