"""What a bill comes to, from its entries alone."""

from commonwatt.services.billing.bill import Bill, Reading, Totals
from commonwatt.services.billing.legs import without_market_nano
from commonwatt.services.billing.terms import Terms


def totals_of(bill: Bill, terms: Terms) -> Totals:
    """What the billed entries come to; a correction counts with what it changes of the reading before it."""
    import_wh = export_wh = without = 0
    newest: dict[int, Reading] = {}
    for entry in bill.entries:
        before = newest.get(entry.slot) if entry.revision else None
        newest[entry.slot] = entry.reading
        if not entry.is_billed:
            continue
        for sign, reading in ((1, entry.reading), *(((-1, before),) if before else ())):
            import_wh += sign * reading.import_wh
            export_wh += sign * reading.export_wh
            without += sign * without_market_nano(terms.rates(entry.slot), reading)
    lines = [line for entry in bill.billed for line in entry.lines]
    return Totals(
        amount_nano=sum(line.amount_nano for line in lines),
        without_market_nano=without,
        import_wh=import_wh,
        export_wh=export_wh,
        bought_wh=sum(line.energy_wh for line in lines if line.leg == "peer_buy"),
        sold_wh=sum(line.energy_wh for line in lines if line.leg == "peer_sell"),
    )
