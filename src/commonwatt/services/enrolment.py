"""Enrolment: the gateway that a meter named, once, to sign its packets."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from commonwatt.crypto.signatures import signer_address
from commonwatt.metering import enrolment_digest


@dataclass(frozen=True)
class Enrolment:
    """A meter's word that a gateway signs for it."""

    member: int
    """Dense index."""
    gateway: bytes
    """20-byte address."""
    signature: bytes
    """The meter's, 65 bytes, over `metering.enrolment_digest`."""


def is_enrolled(enrolment: Enrolment, meter_keys: Sequence[bytes], community: str) -> bool:
    """Whether the enrolment is signed by its member's own meter key; `meter_keys` are addresses by member index."""
    if not 0 <= enrolment.member < len(meter_keys):
        return False
    digest = enrolment_digest(community, enrolment.gateway)
    return signer_address(digest, enrolment.signature) == meter_keys[enrolment.member]


def packet_signers(meter_keys: Sequence[bytes], enrolments: Iterable[Enrolment]) -> tuple[tuple[bytes, ...], ...]:
    """By member index the addresses that may sign its packets: the meter's own, then those of its (checked) enrolments."""
    signers = [[key] for key in meter_keys]
    for enrolment in enrolments:
        signers[enrolment.member].append(enrolment.gateway)
    return tuple(tuple(addresses) for addresses in signers)
