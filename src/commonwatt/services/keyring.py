"""The port of keys: what services ask of a community's secrets. `adapters.keys` fulfils it."""

from collections.abc import Sequence
from typing import Protocol

from commonwatt.core.units import Ints
from commonwatt.metering import MeterKeys


class Keyring(MeterKeys, Protocol):
    """Secrets of a community, all derived from one key file, never from the run's seed."""

    def pseudonym(self, member_id: str) -> str:
        """The public name of a member, 16 hex digits."""
        ...

    def wallet(self, member_id: str) -> bytes:
        """The 20-byte address of a member's wallet."""
        ...

    def sign_wallet(self, member_id: str, digest: bytes) -> bytes:
        """The signature of a member's wallet over a 32-byte digest: 65 bytes r, s, v."""
        ...

    def order_salt(self, slot: int, member: int, value: bytes) -> bytes:
        """32 bytes that tell a signed order or instruction from every other."""
        ...

    def meter_address(self, member: int) -> bytes:
        """The 20-byte address of the meter key of a member index."""
        ...

    def operator_key(self) -> bytes:
        """The operator's 32-byte private key."""
        ...

    def order_nonces(self, slot: int, members: Ints, values: Sequence[bytes]) -> bytes:
        """32-byte blindings of sealed orders, one after the other; each serves one value only."""
        ...
