"""The bytes the contracts read: lines, nets, keys and digests."""

import hypothesis.strategies as st
import numpy as np
import pytest
from eth_abi import encode
from eth_account.messages import encode_typed_data
from hypothesis import given, settings

from commonwatt.contracts import encoding

INDEX = st.integers(0, 1023)
ENERGY = st.tuples(INDEX, INDEX, st.integers(0, 2**32 - 1), st.integers(-(2**31), 2**31 - 1)).filter(
    lambda t: t[0] != t[1]
)
AMOUNT = st.tuples(INDEX, INDEX, st.integers(-(2**63), 2**63 - 1)).filter(lambda t: t[0] != t[1])


def columns(rows: list[tuple[int, ...]], count: int) -> list[list[int]]:
    return [[row[place] for row in rows] for place in range(count)]


def packed(energy: list[tuple[int, ...]], amounts: list[tuple[int, ...]]) -> bytes:
    return encoding.pack_lines(
        encoding.energy_lines(*columns(energy, 4)),
        encoding.amount_lines(*columns(amounts, 3)),
    )


def test_a_batch_has_known_bytes() -> None:
    lines = packed([(8, 9, 1000, -2)], [(1, 1023, -1)])
    assert lines.hex() == "00080009000003e8fffffffe000103ffffffffffffffffff" + "00" * 20


@given(energy=st.lists(ENERGY, max_size=20), amounts=st.lists(AMOUNT, max_size=20))
@settings(max_examples=50, deadline=None)
def test_lines_come_back_as_they_were(energy: list[tuple[int, ...]], amounts: list[tuple[int, ...]]) -> None:
    lines = packed(energy, amounts)
    back = encoding.unpack_lines(lines, len(energy))
    assert [tuple(map(int, row)) for row in back[0].tolist()] == energy
    assert [tuple(map(int, row)) for row in back[1].tolist()] == amounts
    assert encoding.pack_lines(*back) == lines


@given(energy=st.lists(ENERGY, max_size=20), amounts=st.lists(AMOUNT, max_size=20))
@settings(max_examples=50, deadline=None)
def test_nets_are_exact_and_sum_to_zero(energy: list[tuple[int, ...]], amounts: list[tuple[int, ...]]) -> None:
    expected = [0] * 1024
    for who, other, amount in [(w, o, e * p) for w, o, e, p in energy] + [(w, o, a) for w, o, a in amounts]:
        expected[who] += amount
        expected[other] -= amount
    nets = encoding.net_positions(*encoding.unpack_lines(packed(energy, amounts), len(energy)), 1024)
    assert nets == tuple(expected)
    assert sum(nets) == 0


@pytest.mark.parametrize(("column", "value"), [(0, -1), (0, 2**16), (2, -1), (2, 2**32), (3, 2**31), (3, -(2**31) - 1)])
def test_an_energy_value_that_does_not_fit_is_refused(column: int, value: int) -> None:
    row = [[8], [9], [1], [1]]
    row[column] = [value]
    with pytest.raises(ValueError, match=f"was {value}\\.\\.{value}"):
        encoding.energy_lines(*row)


def test_fractions_are_refused() -> None:
    with pytest.raises(ValueError, match="expected integers, was float64"):
        encoding.amount_lines([8], [9], [1.5])


def test_more_than_a_thousand_lines_are_refused() -> None:
    energy = encoding.energy_lines(np.full(1000, 8), 9, 1, 1)
    assert len(encoding.pack_lines(energy, encoding.amount_lines([], [], []))) == 12_020
    with pytest.raises(ValueError, match="at most 1000 lines, was 1001"):
        encoding.pack_lines(energy, encoding.amount_lines([8], [9], [1]))


def test_other_columns_are_no_lines() -> None:
    energy = encoding.energy_lines([8], [9], [1], [1])
    with pytest.raises(ValueError, match="expected energy and amount lines"):
        encoding.pack_lines(energy, energy)


@pytest.mark.parametrize(("size", "count"), [(19, 0), (21, 0), (32, 2), (32, -1), (12 * 1001 + 20, 0)])
def test_bytes_that_are_no_batch_are_refused(size: int, count: int) -> None:
    with pytest.raises(ValueError, match="expected lines of 12 bytes"):
        encoding.unpack_lines(bytes(size), count)


def test_unknown_accounts_and_self_trades_have_no_nets() -> None:
    amounts = encoding.amount_lines([], [], [])
    with pytest.raises(ValueError, match="indices below 12, was 12"):
        encoding.net_positions(encoding.energy_lines([8], [12], [1], [1]), amounts, 12)
    with pytest.raises(ValueError, match="two accounts on a line, was 8"):
        encoding.net_positions(encoding.energy_lines([8], [8], [1], [1]), amounts, 12)


def test_the_pool_is_left_with_what_it_bought_less_what_it_sold() -> None:
    pool = encoding.POOL
    assert encoding.pool_energy_wh(encoding.energy_lines([8, pool, 8], [pool, 9, 9], [10, 4, 100], 1)) == 6


def test_the_cap_is_connection_times_slot_times_price() -> None:
    assert encoding.cap_nano(10_000, 900, 1_000_000) == 2_500 * 1_000_000
    assert encoding.cap_nano(1, 900, 3) == 0


def test_keys_and_contents_are_abi_encodings() -> None:
    community, lines = encoding.keccak256(b"c"), bytes(20)
    key = encoding.batch_key(community, 5, 1, 2, 3)
    assert key == encoding.keccak256(encode(["bytes32"] + ["uint256"] * 4, [community, 5, 1, 2, 3]))
    types = ["bytes32", "uint256", "bytes32", "uint256", "bytes32"]
    expected = encode(types, [key, 4, community, 0, encoding.keccak256(lines)])
    assert encoding.content_hash(key, 4, community, 0, lines) == encoding.keccak256(expected)
    assert encoding.book_commitment(community, 7) == encoding.keccak256(encode(["bytes32", "uint256"], [community, 7]))
    assert encoding.clearing_commitment(community, key) == encoding.keccak256(community + key)


def test_words_have_32_bytes_and_addresses_20() -> None:
    with pytest.raises(ValueError, match="expected 32 bytes, was 31"):
        encoding.batch_key(bytes(31), 5, 1, 2, 3)
    with pytest.raises(ValueError, match="address of 20 bytes, was 21"):
        encoding.domain_separator(1, bytes(21))


@pytest.mark.parametrize(("name", "digest"), [("Batch", encoding.batch_digest), ("Void", encoding.void_digest)])
def test_digests_are_what_a_wallet_signs(name: str, digest: object) -> None:
    assert callable(digest)
    market, content = bytes(range(20)), encoding.keccak256(b"content")
    message = encode_typed_data(
        {"name": "Commonwatt market", "version": "1", "chainId": 5, "verifyingContract": "0x" + market.hex()},
        {name: [{"name": "content", "type": "bytes32"}, {"name": "attempt", "type": "uint256"}]},
        {"content": content, "attempt": 2},
    )
    domain = encoding.domain_separator(5, market)
    assert domain == message.header
    assert digest(domain, content, 2) == encoding.keccak256(b"\x19\x01" + message.header + message.body)


@pytest.mark.parametrize("limit", [250_000, -3])
def test_an_order_s_digest_is_what_a_wallet_signs(limit: int) -> None:
    market = bytes(range(20))
    values = [("member", 9), ("isSell", True), ("energyWh", 2500), ("limitMicroPerKwh", limit)]
    values += [("firstSlot", 7), ("lastSlot", 11), ("path", 1), ("salt", 2**255 + 3)]
    kinds = ["uint256", "bool", "uint256", "int256", "uint256", "uint256", "uint256", "uint256"]
    message = encode_typed_data(
        {"name": "Commonwatt market", "version": "1", "chainId": 5, "verifyingContract": "0x" + market.hex()},
        {"Order": [{"name": name, "type": kind} for (name, _), kind in zip(values, kinds, strict=True)]},
        dict(values),
    )
    digest = encoding.order_digest(
        encoding.domain_separator(5, market),
        member=9,
        is_sell=True,
        energy_wh=2500,
        limit_micro_per_kwh=limit,
        first_slot=7,
        last_slot=11,
        path=1,
        salt=(2**255 + 3).to_bytes(32, "big"),
    )
    assert digest == encoding.keccak256(b"\x19\x01" + message.header + message.body)
