"""Settlement: from what was agreed and metered to every member's legs and the postings that pay them."""

from commonwatt.settlement._corrections import correction
from commonwatt.settlement._findings import correction_findings, statement_findings
from commonwatt.settlement.base import SETTLEMENTS, Settlement, SettlementContext

__all__ = [
    "SETTLEMENTS",
    "Settlement",
    "SettlementContext",
    "correction",
    "correction_findings",
    "statement_findings",
]
