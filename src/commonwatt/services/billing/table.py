"""bill.csv: one row a line of the bill, on the community's wall clock, with a running total; exact to the last digit."""

from commonwatt.core.units import MICRO_PER_UNIT, NANO_PER_UNIT
from commonwatt.services.billing.bill import Bill, Entry, Line
from commonwatt.services.billing.terms import Terms


def bill_csv(bill: Bill, terms: Terms) -> str:
    """The table; the bill of a whole run has the bytes of the `bill.csv` that the run itself wrote."""
    currency = terms.currency
    heads = ["slot_start", "slot", "revision", "leg", "reading", "energy_wh", "price_micro_per_kwh", "amount_nano"]
    heads += [f"price_{currency}_per_kwh", f"amount_{currency}", f"running_total_{currency}"]
    rows, total = [",".join(heads)], 0
    for entry in bill.billed:
        start = terms.start(entry.slot).isoformat()
        for line in entry.lines:
            total += line.amount_nano
            cells = [start, entry.slot, entry.revision, line.leg, entry.reading.quality, line.energy_wh]
            cells += [line.price_micro_per_kwh, line.amount_nano, decimal(line.price_micro_per_kwh, MICRO_PER_UNIT)]
            cells += [decimal(line.amount_nano, NANO_PER_UNIT), decimal(total, NANO_PER_UNIT)]
            rows.append(",".join(map(str, cells)))
    return "\n".join(rows) + "\n"


def decimal(value: int, per_unit: int) -> str:
    """A whole number of a small unit as an exact decimal of the large one."""
    whole, rest = divmod(abs(value), per_unit)
    return f"{'-' if value < 0 else ''}{whole}.{rest:0{len(str(per_unit)) - 1}d}"


def place(entry: Entry, terms: Terms) -> str:
    """When an entry was, as a person would look it up."""
    text = f"{terms.start(entry.slot):%Y-%m-%d %H:%M} (slot {entry.slot})"
    return f"{text} revision {entry.revision}" if entry.revision else text


def row_numbers(bill: Bill) -> dict[tuple[int, int], int]:
    """Where the lines of each billed entry, by slot and revision, begin in bill.csv; the head is line 1."""
    numbers, row = {}, 2
    for entry in bill.billed:
        numbers[entry.slot, entry.revision] = row
        row += len(entry.lines)
    return numbers


def line_name(entry: Entry, at: int, line: Line, rows: dict[tuple[int, int], int], terms: Terms) -> str:
    """A line of the bill as a person would look it up."""
    first = rows.get((entry.slot, entry.revision))
    where = f"{place(entry, terms)} {line.leg}"
    return where if first is None else f"bill.csv line {first + at}: {where}"
