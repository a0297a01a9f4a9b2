"""Audit: everything a stranger can check of a run from its public folder, each check with what it found."""

from collections.abc import Callable

from commonwatt.services.audit.base import SHOWN, Audited, Check
from commonwatt.services.audit.chain import check_balances, check_members, check_receipts, check_roots
from commonwatt.services.audit.drawn import check_drawn
from commonwatt.services.audit.enrolments import check_enrolments
from commonwatt.services.audit.entries import Claimed, check_coverage, check_entries, check_foundation
from commonwatt.services.audit.envelopes import check_envelopes
from commonwatt.services.audit.exchanges import check_exchanges
from commonwatt.services.audit.excuses import check_failures, check_refusals
from commonwatt.services.audit.form import check_form, check_tables
from commonwatt.services.audit.instructions import check_instructions
from commonwatt.services.audit.links import check_links
from commonwatt.services.audit.slots import check_clearing, check_readings, check_statements
from commonwatt.services.audit.unanswered import check_unanswered
from commonwatt.services.audit.wires import check_wires

__all__ = ["CHECKS", "CLAIM_CHECKS", "SHOWN", "Audited", "Check", "Claimed", "check_form", "check_tables"]

CHECKS: tuple[Callable[[Audited], Check], ...] = (
    check_links,
    check_members,
    check_enrolments,
    check_readings,
    check_instructions,
    check_drawn,
    check_clearing,
    check_roots,
    check_wires,
    check_envelopes,
    check_statements,
    check_balances,
    check_receipts,
)
"""Checks of well-formed public tables (`check_form` comes before), in order."""

CLAIM_CHECKS: tuple[Callable[[Claimed], Check], ...] = (
    check_foundation,
    check_entries,
    check_coverage,
    check_failures,
    check_refusals,
    check_exchanges,
    check_unanswered,
)
"""Checks of what settings and inputs claim: the foundation, what else is on the chain, what is missing, what was excused."""
