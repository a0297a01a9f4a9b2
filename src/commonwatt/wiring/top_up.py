"""Top-up: what is typed to pay into the supplier's deposit, and what is said when a slot waits for it."""

from decimal import ROUND_CEILING, Decimal, InvalidOperation

from commonwatt.core.errors import DepositShort, VerificationFailed, require
from commonwatt.core.findings import Finding
from commonwatt.core.units import NANO_PER_UNIT
from commonwatt.services.market import Market
from commonwatt.services.reporting.words import day
from commonwatt.services.rules import EX_ANTE
from commonwatt.settings import Settings

_MOST = Decimal(1_000_000_000)
"""In whole units of the currency; the vault holds a little more in one account."""


def top_up_nano(text: str | None, resume: bool) -> int:
    """`--top-up` in nano-currency, 0 when it was not given.

    Raises:
        InvalidInput: no amount above 0 with at most nine decimals, or no run to resume.

    """
    if text is None:
        return 0
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    found = []
    nano = amount * NANO_PER_UNIT if amount.is_finite() and abs(amount) <= _MOST else Decimal(0)
    if nano <= 0 or nano != nano.to_integral_value():
        found.append(Finding("--top-up", "an amount of money above 0, such as 500 or 12.50", repr(text)))
    if not resume:
        found.append(Finding("--top-up", "a run that waits for it (with --resume)", "a new run"))
    require(found)
    return int(nano)


def waiting(short: DepositShort, market: Market, settings: Settings) -> VerificationFailed:
    """The stop of a run whose supplier's deposit ran dry, with what to type."""
    currency, slots = settings.community.currency, market.rules.slots
    # Of an ex ante market up to two slots are traded and not settled when the gate of a third closes.
    exposed = market.exposure_nano * (3 if market.rules.timing == EX_ANTE else 1)
    least, open_again = (_cents(nano) for nano in (short.missing_nano, short.missing_nano + exposed))
    begins = slots.local_start(short.slot, settings.zone)
    when = f"{day(begins.date())}, {begins:%H:%M}"
    return VerificationFailed(
        f"slot {short.slot} ({when}): expected a supplier's deposit that covers it, {least} {currency} are missing\n"
        "Every slot before it is settled, and nothing of this one was posted: it waits.\n"
        f"When the supplier has paid in, go on with the same command and: --resume --top-up {open_again}\n"
        f"(at least {least}; with {open_again} {currency} the gate is open for orders again)"
    )


def _cents(nano: int) -> Decimal:
    return (Decimal(nano) / NANO_PER_UNIT).quantize(Decimal("0.01"), ROUND_CEILING)
