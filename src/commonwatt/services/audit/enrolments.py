"""Gateways that sign for meters: each was enrolled by the meter's own key."""

from commonwatt.core.findings import Finding
from commonwatt.metering import GATEWAY
from commonwatt.services.audit.base import Audited, Check
from commonwatt.services.enrolment import is_enrolled


def check_enrolments(audited: Audited) -> Check:
    """Every enrolment is signed by its member's registered meter key; one a member where the settings say `gateway`, else none."""
    public, rules = audited.public, audited.rules
    found = [
        Finding(f"enrolments row {row}", f"a signature of the meter of {public.pseudonyms[e.member]}", "another")
        for row, e in enumerate(public.enrolments)
        if not is_enrolled(e, public.meter_addresses, rules.community)
    ]
    expected = list(range(len(public.pseudonyms))) if rules.packet_signing == GATEWAY else []
    if [e.member for e in public.enrolments] != expected:
        said = "one of every member, in order" if expected else "none: meters sign for themselves"
        found.append(Finding("enrolments", said, f"{len(public.enrolments)} rows"))
    return Check("gateways were enrolled by the meters", len(public.enrolments), "enrolments", tuple(found))
