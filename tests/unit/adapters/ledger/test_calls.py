"""Calldata: the same bytes as the ABI encoder gives, and read back as what it was."""

from __future__ import annotations

import numpy as np
import pytest
from eth_abi import encode
from tests.fakes.ledgers import cleared, digest, opened, payment, settle, some_settlement, trade

from commonwatt.adapters.ledger import calldata, calls
from commonwatt.contracts import artifact, encoding
from commonwatt.core.accounts import Account, Kind, Postings
from commonwatt.services.ports import AnchorCall, Call, SettleCall

COMMUNITY = digest("community")
SIGNATURES = [(27, 2**255, 5), (28, 7, 2**254)]


def abi(signature: str, *arguments: object) -> bytes:
    types = signature[signature.index("(") + 1 : -1].split(",")
    encoded: bytes = encode(types, arguments)
    return artifact("market").method_ids[signature] + encoded


@pytest.mark.parametrize(
    "call", [some_settlement(5), settle(6), settle(7, payment(8, 9, 1), revision=3, part=1, parts=2)]
)
def test_a_settlement_is_encoded_as_the_abi_says(call: SettleCall) -> None:
    energy_count, packed = calls.pack(call.postings)
    place = (call.slot, encoding.SETTLEMENT, call.revision, call.part, call.parts, call.prior)
    expected = abi(calldata.SETTLE, *place, energy_count, packed, SIGNATURES)
    assert calls.settle_data(call, SIGNATURES) == expected


def test_the_other_calls_are_encoded_as_the_abi_says() -> None:
    one, two, three = opened(5), cleared(5), AnchorCall(9, 1, digest("root"))
    assert calls.open_data(one) == abi(calldata.OPEN, one.slot, one.book_root, one.orders)
    assert calls.clear_data(two) == abi(calldata.CLEAR, two.slot, two.order_root, two.clearing_root)
    assert calls.anchor_data(three) == abi(calldata.ANCHOR, three.period, three.kind, three.root)


def test_calldata_is_read_back_as_the_call_it_was() -> None:
    settlement = settle(7, payment(8, 9, 1), trade(8, 10, 4, 5), revision=3, part=1, parts=2, prior=digest("base"))
    anchor = AnchorCall(9, 1, digest("root"))
    pairs: list[tuple[Call, bytes]] = [
        (opened(5), calls.open_data(opened(5))),
        (cleared(5), calls.clear_data(cleared(5))),
        (anchor, calls.anchor_data(anchor)),
        (settlement, calls.settle_data(settlement, SIGNATURES)),
    ]
    for call, data in pairs:
        assert calldata.read_place(data) == calls.place_of(call)
        assert calldata.read_content_hash(COMMUNITY, data) == calls.content_hash(COMMUNITY, call)
    read = [calldata.read_batch(data) for _, data in pairs]
    assert read[:-1] == [None, None, None]
    assert read[-1] is not None
    assert (read[-1].energy_count, read[-1].packed) == calls.pack(settlement.postings)
    assert calldata.read_place(b"\x01\x02\x03\x04") is None


def test_lines_pay_whom_the_postings_pay() -> None:
    postings = Postings.joined([trade(8, 9, 700, 150), trade(9, 8, 100, -20), payment(10, Account.GRID, 77)])
    energy_count, packed = calls.pack(postings)
    nets = encoding.net_positions(*encoding.unpack_lines(packed, energy_count), accounts=12)
    assert energy_count == 2
    assert nets[8:11] == (105_000 + 2_000, -105_000 - 2_000, -77)
    assert nets[Account.GRID] == 77


def test_the_content_hash_does_not_depend_on_energy_coming_first() -> None:
    one = settle(5, payment(8, 9, 1), trade(8, 9, 4, 5))
    two = settle(5, trade(8, 9, 4, 5), payment(8, 9, 1))
    assert calls.content_hash(COMMUNITY, one) == calls.content_hash(COMMUNITY, two)


def test_an_amount_that_is_not_energy_times_price_is_refused() -> None:
    wrong = Postings.of(1, debit=8, credit=9, amount_nano=21, kind=Kind.TRADE.value, energy_wh=4, price_micro_per_kwh=5)
    with pytest.raises(ValueError, match="energy x"):
        calls.pack(wrong)


def test_more_lines_than_a_batch_holds_are_refused() -> None:
    many = Postings.joined([payment(8, 9, 1)] * (encoding.MAX_LINES + 1))
    with pytest.raises(ValueError, match="at most 1000 lines"):
        calls.pack(many)
    assert calls.pack(many.take(np.arange(encoding.MAX_LINES)))[0] == 0
