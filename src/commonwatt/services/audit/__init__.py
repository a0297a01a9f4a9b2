"""Audit: everything a stranger can check of a run from its public folder, each check with what it found."""

from collections.abc import Callable
from dataclasses import replace

from commonwatt.services.audit.base import SHOWN, Audited, Check
from commonwatt.services.audit.chain import check_balances, check_members, check_receipts, check_roots
from commonwatt.services.audit.form import check_form
from commonwatt.services.audit.links import check_links
from commonwatt.services.audit.slots import check_clearing, check_readings, check_statements

__all__ = ["CHECKS", "SHOWN", "Audited", "Check", "audit_tables"]

CHECKS: tuple[Callable[[Audited], Check], ...] = (
    check_form,
    check_links,
    check_members,
    check_readings,
    check_clearing,
    check_roots,
    check_statements,
    check_balances,
    check_receipts,
)
"""Checks of the public tables, in order; those of the files and of the chain itself come before them."""

NOT_MADE = "the public tables are not well-formed, so nothing can be computed from them"


def audit_tables(audited: Audited) -> list[Check]:
    """Every check; where the tables are not even well-formed, that one only, and the names of the others."""
    form = check_form(audited)
    if form.passed:
        return [form, *(check(audited) for check in CHECKS[1:])]
    return [form, *(replace(Check(name, 0, ""), skipped=NOT_MADE) for name in _NAMES)]


_NAMES = ("links, members, packets, clearing, settlement, balances and receipts",)
