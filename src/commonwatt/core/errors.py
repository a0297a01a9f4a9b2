"""The whole error tree.

CommonwattError
├── InvalidInput (ValueError)          bad files, settings, flags: findings, exit code 2, nothing written
├── VerificationFailed                 exit code 1
│   ├── ConservationBroken             energy or money does not balance
│   ├── LedgerDisagrees                the chain says something else than the books
│   └── DepositShort                   the supplier's deposit does not cover a slot: it waits for more
├── SlotFailed (RuntimeError)          a room could not answer for one slot: recorded, the run goes on
│   └── BrokenPromise                  an answer broke a promise of its room (overfill, limit, imbalance)
├── JournalError (OSError)             the journal cannot be read, written or trusted
├── LedgerError (RuntimeError)         a chain refused, reverted or cannot be reached
└── MissingExtra (ImportError)         an answer needs a package that is not installed
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from commonwatt.core.findings import Finding


class CommonwattError(Exception):
    """Everything this package raises on purpose."""


class InvalidInput(CommonwattError, ValueError):  # noqa: N818 - reads as a sentence where it is raised
    """Input that cannot be used; carries every finding, not only the first."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("\n".join(str(f) for f in self.findings))


class VerificationFailed(CommonwattError):  # noqa: N818
    """A check of the books failed; carries what was compared."""


class ConservationBroken(VerificationFailed):
    """Energy or money does not sum to zero."""


class LedgerDisagrees(VerificationFailed):
    """The ledger and the books say different things."""


class DepositShort(VerificationFailed):
    """The supplier's deposit does not cover what a slot's settlement takes; nothing was posted, the slot waits for more."""

    def __init__(self, slot: int, missing_nano: int) -> None:
        self.slot = slot
        self.missing_nano = missing_nano
        super().__init__(f"slot {slot}: expected a supplier's deposit that covers it, {missing_nano} nano are missing")


class SlotFailed(CommonwattError, RuntimeError):  # noqa: N818
    """One slot cannot be traded; the reason becomes part of its record."""


class BrokenPromise(SlotFailed):
    """An answer returned something its room promises never to return."""


class JournalError(CommonwattError, OSError):
    """The journal cannot be read, written or trusted."""


class LedgerError(CommonwattError, RuntimeError):
    """A chain refused a transaction, reverted, or cannot be reached."""


class MissingExtra(CommonwattError, ImportError):  # noqa: N818
    """An answer needs a package that is not installed; the message says how to install it."""


def require(findings: Iterable[Finding]) -> None:
    """Raise one `InvalidInput` with all findings, or do nothing when there are none."""
    found = tuple(findings)
    if found:
        raise InvalidInput(found)
