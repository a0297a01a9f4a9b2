"""Audit: everything a stranger can check of a run from its public folder, each check with what it found."""

from dataclasses import dataclass

from commonwatt.core.findings import Finding
from commonwatt.services.ports import LedgerReader
from commonwatt.services.public import PublicTables
from commonwatt.services.rules import Rules


@dataclass(frozen=True)
class Check:
    """One check of an audit."""

    name: str
    checked: int
    """How many things were looked at."""
    findings: tuple[Finding, ...] = ()
    skipped: str = ""
    """Why it could not be made at this run's metering level or stage; empty when it was."""

    @property
    def passed(self) -> bool:
        """Nothing was found (a check that could not be made has not failed)."""
        return not self.findings


@dataclass(frozen=True)
class Audited:
    """What an audit works on."""

    rules: Rules
    public: PublicTables
    ledger: LedgerReader
    only: frozenset[int] | None = None
    """Slots to look at; None for all."""

    def slots(self) -> list[int]:
        """The slots to look at, ascending."""
        return [s for s in self.public.slots if self.only is None or s in self.only]
