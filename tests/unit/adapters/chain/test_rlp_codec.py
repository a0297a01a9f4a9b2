"""Our RLP beside the `rlp` package: same encoding, and the same refusals of what is not canonical."""

from __future__ import annotations

import pytest
import rlp
from hypothesis import example, given, settings
from hypothesis import strategies as st

from commonwatt.adapters.chain.rlp_codec import MAX_DEPTH, RlpError, decode, encode

nested = st.recursive(st.binary(max_size=70), lambda inner: st.lists(inner, max_size=4), max_leaves=12)


@settings(max_examples=150, deadline=None)
@given(nested)
def test_it_is_the_same_encoding_and_comes_back(item: object) -> None:
    encoded = encode(item)  # type: ignore[arg-type]
    assert encoded == rlp.encode(item)
    assert decode(encoded) == item


@settings(max_examples=400, deadline=None)
@given(
    st.binary(max_size=12)
    | st.builds(bytes.__add__, st.sampled_from([b"\xb8", b"\xf8", b"\xb9\x00", b"\xc2"]), st.binary())
)
@example(b"")
@example(b"\x81\x05")
@example(b"\xb8\x05hello")
@example(b"\xb9\x00\x38" + bytes(56))
@example(b"\xc3\x83ab")
@example(b"\xbf" + b"\xff" * 8)
@example(b"\xf8")
def test_any_bytes_are_read_or_refused_alike(data: bytes) -> None:
    try:
        expected = rlp.decode(data, strict=True)
    except rlp.exceptions.DecodingError:
        with pytest.raises(RlpError):
            decode(data)
        return
    assert decode(data) == expected


def test_lists_nested_without_end_are_refused() -> None:
    deep: bytes = b"\xc0"
    for _ in range(MAX_DEPTH):
        deep = bytes((0xC0 + len(deep),)) + deep
    with pytest.raises(RlpError, match="nested"):
        decode(deep)
