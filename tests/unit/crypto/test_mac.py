"""HMAC for many messages against the standard library's for one."""

import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commonwatt.crypto.mac import Mac


@given(key=st.binary(max_size=64), messages=st.lists(st.binary(max_size=200), max_size=5))
def test_codes_are_those_of_the_standard_library_in_order(key: bytes, messages: list[bytes]) -> None:
    assert Mac(key).digests(messages) == b"".join(hmac.digest(key, message, "sha256") for message in messages)


def test_a_key_longer_than_a_block_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 64 bytes, was 65"):
        Mac(bytes(65))
