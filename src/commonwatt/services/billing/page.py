"""bill.html: the bill as a neighbour reads it; the answer first, then what it is made of, day by day, and how to check it."""

from collections.abc import Mapping, Sequence
from html import escape
from string import Template
from typing import Final

from commonwatt.core.imbalance import BY_DIRECTION
from commonwatt.core.smoothing import NOT_SMOOTHED
from commonwatt.core.time_of_use import DAYS
from commonwatt.services.billing.bill import LEGS, Bill, Entry, Line
from commonwatt.services.billing.chart import chart
from commonwatt.services.billing.legs import of_the_way
from commonwatt.services.billing.resources import resource
from commonwatt.services.billing.terms import Terms
from commonwatt.services.reporting.html import Section, Table, items, paragraph
from commonwatt.services.reporting.words import day, energy, kwh, money, price, several, shown_saving_nano

WORDS: Final = {
    "peer_sell": "Sold to neighbours",
    "peer_buy": "Bought from neighbours",
    "supplier_sell": "Fed in to the supplier",
    "supplier_buy": "Bought from the supplier",
    "imbalance_short": "Short of what was promised",
    "imbalance_long": "Left over after what was promised",
    "correction_short": "Correction: less out or more in",
    "correction_long": "Correction: more out or less in",
    "grid_fee": "Grid fee",
    "local_fee": "Local grid fee",
    "tax": "Taxes",
    "reward": "Reward for honest forecasts",
    "penalty": "Penalty: not as promised",
    "levy": "Levies",
    "fee_relief": "Grid fee saved by buying locally",
}

WAY: Final = "Grid fee for the way to or from neighbours"
"""What a local fee is that is charged by location."""

HELD_BACK: Final = " What an inverter held back to keep an export cap is on neither side of it: the run's folder has it for this member, in wires.csv."
"""Where connection capacity is allotted."""

WAY_WHY: Final = (
    "The fee for the way is paid on what you sold, too. You and your neighbour each pay the lines from your own home to where your ways "
    "to the transformer meet: the nearer that is, the less. What comes from the supplier, or goes to it, does not pay this fee."
)
"""Why, where it was paid."""

MADE_GOOD: Final = "Paid for what was sold to you and not delivered"
"""What a reward is where penalties go to buyers."""

PROFILES: Final = {
    "measured": "The load and sun of this member were measured in a real home.",
    "doubtful": "The load and sun of this member were measured in a real home but look faulty.",
    "resampled": "The load and sun of this member are resampled from days of measured homes: it is no real home.",
    "simulated": "The load and sun of this member are simulated by a model.",
}

PROVEN: Final = (
    "The energy of every slot is what the meter's key, or a gateway that it enrolled, signed, unless it is marked as an estimate.",
    "Every order and trade of this member is under the roots that the chain holds, no trade is beyond an order's limit or energy, and "
    "every line follows from reading, trades and tariff to the last digit; of a reward, only the most it can be.",
    "The chain posted these amounts to this member, in transactions that the operator signed, and nothing else in this period.",
    "The tariff and the rules are those that the run anchored on its chain.",
)

IMBALANCE_PROVEN: Final = "What imbalance costs depends on whether all members together were short or long: of its price, only that it is one of those that the tariff and the rule allow."
"""Said where it holds."""

SMOOTHED_PROVEN: Final = "Rewards and penalties go by how far off this member's forecasts have been, slot after slot since the run began: bill.json carries those slots, so this is computed again too."
"""Said where it holds."""

WAY_NOT_PROVEN: Final = "That the fees for the way are right: each is the one that its trade names under the chain's root, within this member's limit, but how long the way is follows from the feeder and from where the neighbour lives; both are public, and `commonwatt audit` computes every fee again."
"""Said where it holds."""

NOT_PROVEN: Final = (
    "That this chain is the community's only one: compare its head (below) with what another member was given, or with --head.",
    "That the contracts were obeyed, and that no trade of yours was left out: both need the whole chain and all orders, and "
    "`commonwatt audit` checks them from the run's public folder.",
    "That the meter told the truth. In a simulated run the operator holds the meters' keys.",
    "That the verifier in this folder is honest: take your own copy, from the package, if you doubt who sent it.",
    "What happened after the period: a batch can be voided while its credits are pending, and late readings are settled on later bills.",
)


def headline(bill: Bill, terms: Terms) -> str:
    """`you pay 12.34 CHF for 6 May 2024 to 8 May 2024`; amount and dates do not break."""
    amount, first = bill.totals.amount_nano, terms.start(bill.first_slot).date()
    last = terms.start(bill.end_slot - 1).date()
    days = [day(date).replace(" ", "\u00a0") for date in (first, last)]
    period = days[0] if first == last else " to ".join(days)
    return f"{_way(amount)} {money(abs(amount), terms.currency)} for {period}"


def bill_page(bill: Bill, terms: Terms, blocks: Mapping[tuple[int, int], int]) -> str:
    """The whole page; `blocks` says by slot and revision in which block an entry was settled. The same bill gives the same bytes."""
    said = headline(bill, terms)
    parts = [
        Section("parts", "What it is made of", _parts(bill, terms)),
        Section("energy", "Your electricity", _energy(bill, terms)),
        Section("days", "Day by day", _days(bill, terms, blocks)),
        Section("changes", "Estimates and corrections", _changes(bill, terms)),
        Section("check", "How to check this bill", _check(bill, terms)),
        Section("caveats", "What is real here, and what is not", items(_caveats(bill, terms))),
    ]
    return Template(resource("bill.html")).substitute(
        title=escape(f"{terms.community}, bill of {bill.member.name}"),
        where=escape(f"{terms.community} \u00b7 bill of {bill.member.name} \u00b7 pseudonym {bill.member.pseudonym}"),
        css=resource("page.css") + resource("bill.css"),
        answer=f"<h1>{escape(said[:1].upper() + said[1:])}</h1>\n" + _answer(bill, terms),
        sections="\n".join(part.html() for part in parts if part.body),
    )


def _leg_word(leg: str, terms: Terms) -> str:
    return MADE_GOOD if leg == "reward" and terms.rule == "delivered" else WORDS[leg]


def _words(entry: Entry, terms: Terms) -> list[str]:
    """What each line of an entry is for."""
    ways = of_the_way(entry.lines, terms.rates(entry.slot))
    return [WAY if at in ways else _leg_word(line.leg, terms) for at, line in enumerate(entry.lines)]


def _way(amount_nano: int) -> str:
    return "you get" if amount_nano > 0 else "you pay"


def _pays(amount_nano: int) -> str:
    """An amount to the member as what it pays, without the currency."""
    return money(-amount_nano, "").strip()


def _answer(bill: Bill, terms: Terms) -> str:
    totals, currency = bill.totals, terms.currency
    saving = shown_saving_nano(-totals.without_market_nano, -totals.amount_nano)
    without = "pay" if totals.without_market_nano < 0 else "get"
    compared = f"Without the market you would {without} {money(abs(totals.without_market_nano), currency)}: "
    compared += f"you are {money(abs(saving), currency)} {'better' if saving >= 0 else 'worse'} off."
    cards = [
        (money(saving, currency).replace("\u00a0", " "), "saved by the market", saving < 0),
        (energy(totals.import_wh), f"into your home; {energy(totals.bought_wh)} of it from neighbours", False),
        (energy(totals.export_wh), f"out of your home; {energy(totals.sold_wh)} of it to neighbours", False),
    ]
    listed = "".join(
        f"<li{' class=wrong' if wrong else ''}><b>{escape(value)}</b><span>{escape(text)}</span></li>"
        for value, text, wrong in cards
    )
    return paragraph(compared) + f'<ul class="cards">{listed}</ul>\n'


def _parts(bill: Bill, terms: Terms) -> str:
    sums: dict[tuple[str, str], list[int]] = {}
    for leg in LEGS:
        sums[leg, _leg_word(leg, terms)] = [0, 0]
        if leg == "local_fee":
            sums[leg, WAY] = [0, 0]
    for entry in bill.billed:
        for line, word in zip(entry.lines, _words(entry, terms), strict=True):
            sums[line.leg, word][0] += line.energy_wh
            sums[line.leg, word][1] += line.amount_nano
    rows = []
    for (leg, word), (energy_wh, amount) in sums.items():
        if energy_wh or amount:
            mean = price(abs(amount) // energy_wh) if energy_wh and not leg.startswith("correction") else "\u2013"
            rows.append([word, _pays(amount), kwh(energy_wh), mean])
    heads = ["What", f"You pay {terms.currency}", "kWh", f"{terms.currency} per kWh"]
    table = Table("What the bill is made of", heads, rows, foot=["Together", _pays(bill.totals.amount_nano), "", ""])
    text = "A minus sign means that you are paid. Fees and taxes are charged on energy that a line above bought. Amounts are rounded here; bill.csv has every digit."
    way = paragraph(WAY_WHY) if sums["local_fee", WAY][0] else ""
    return paragraph(text) + table.html() + way


def _energy(bill: Bill, terms: Terms) -> str:
    per, drawn = chart(bill, terms)
    text = f"Upwards what came into your home in every {per}, downwards what went out of it."
    return paragraph(text) + drawn


def _by_day(bill: Bill, terms: Terms) -> dict[str, list[Entry]]:
    days: dict[str, list[Entry]] = {}
    for entry in bill.billed:
        days.setdefault(terms.start(entry.slot).date().isoformat(), []).append(entry)
    return days


def _days(bill: Bill, terms: Terms, blocks: Mapping[tuple[int, int], int]) -> str:
    text = "Open a day to see every line of it, and the block of the chain that holds it. An estimate or a correction says so."
    html = [paragraph(text)]
    for date, entries in _by_day(bill, terms).items():
        start = terms.start(entries[0].slot)
        lines = [line for entry in entries for line in entry.lines]
        amount = sum(line.amount_nano for line in lines)
        came = sum(line.energy_wh for line in lines if line.leg == "peer_buy")
        went = sum(line.energy_wh for line in lines if line.leg == "peer_sell")
        said = f"{DAYS[start.weekday()].capitalize()} {day(start.date())}"
        early = " (corrections of an earlier period)" if entries[0].slot < bill.first_slot else ""
        what = f"{_way(amount)} {money(abs(amount), terms.currency)}"
        if came or went:
            what += f"; {kwh(came)} kWh from neighbours, {kwh(went)} kWh to them"
        table = _slots(date, entries, terms, blocks)
        html.append(
            f'<details class="day"><summary><b>{escape(said + early)}</b> <span>{escape(what)}</span></summary>{table}</details>'
        )
    return "\n".join(html)


def _slots(date: str, entries: Sequence[Entry], terms: Terms, blocks: Mapping[tuple[int, int], int]) -> str:
    rows = []
    for entry in entries:
        when = f"{terms.start(entry.slot):%H:%M}" + _mark(entry)
        block = str(blocks.get((entry.slot, entry.revision), "\u2013"))
        for at, (line, word) in enumerate(zip(entry.lines, _words(entry, terms), strict=True)):
            rows.append([when if at == 0 else "", *_cells(line, word), block if at == 0 else ""])
        if not entry.lines:
            rows.append([when, "Nothing in, nothing out", "", "", "", block])
    heads = ["From", "What", f"You pay {terms.currency}", "kWh", f"{terms.currency} per kWh", "Block"]
    return Table(f"Lines of {date}", heads, rows, texts=2).html()


def _cells(line: Line, word: str) -> list[str]:
    amount = f"{abs(line.amount_nano) / 1e9:.4f}"
    sign = "\u2212" if line.amount_nano > 0 else ""
    return [word, sign + amount, f"{line.energy_wh / 1000:.3f}", price(line.price_micro_per_kwh)]


def _mark(entry: Entry) -> str:
    marks = [] if entry.reading.quality == "measured" else [_QUALITY[entry.reading.quality]]
    marks += ["market failed"] if entry.failed else []
    return " " + ", ".join(marks) if marks else ""


_QUALITY: Final = {"substituted": "estimate", "corrected": "correction"}


def _changes(bill: Bill, terms: Terms) -> str:
    estimated = [entry for entry in bill.billed if entry.reading.quality == "substituted"]
    corrected = [entry for entry in bill.billed if entry.revision]
    failed = [entry for entry in bill.billed if entry.failed]
    said = []
    if estimated:
        settled = {entry.slot for entry in corrected}
        later = sum(entry.slot in settled for entry in estimated)
        text = f"In {several(len(estimated), 'slot')} the meter was silent and a rule put an estimate in its place"
        share = (
            "it" if len(estimated) == later == 1 else "all of them" if len(estimated) == later else str(later or "none")
        )
        said.append(f"{text}; {share} {'is' if later <= 1 else 'are'} corrected on this bill.")
    if corrected:
        amount = sum(line.amount_nano for entry in corrected for line in entry.lines)
        first = "1 late reading was settled" if len(corrected) == 1 else f"{len(corrected)} late readings were settled"
        said.append(
            f"{first} at the tariff, with the supplier alone: {_way(amount)} {money(abs(amount), terms.currency)}. No neighbour's bill changes."
        )
    if failed:
        said.append(
            f"In {several(len(failed), 'slot')} the market failed and everything was settled with the supplier."
        )
    return items(said) if said else ""


def _check(bill: Bill, terms: Terms) -> str:
    text = paragraph("In the folder of this page, with Python 3.11 or newer and nothing else:")
    text += "<pre><code>python3 verify_bill.py</code></pre>\n"
    text += paragraph(
        "It reads bill.json, computes every line again, and says PASS or FAIL for each check and names the line; it also computes this "
        "page and bill.csv again, so no figure in them can differ. It proves:"
    )
    proven = PROVEN if terms.imbalance == BY_DIRECTION else (*PROVEN, IMBALANCE_PROVEN)
    if terms.error_weight_ppm != NOT_SMOOTHED:
        proven = (*proven, SMOOTHED_PROVEN)
    is_far = any(word == WAY for entry in bill.billed for word in _words(entry, terms))
    cannot = (WAY_NOT_PROVEN, *NOT_PROVEN) if is_far else NOT_PROVEN
    text += items(proven) + paragraph("It cannot prove:") + items(cannot)
    facts = [
        ["Head of the chain", f"block {len(bill.chain.headers) - 1}"],
        ["Its hash", f"0x{bill.chain.head_hash}"],
        *([["Your supplier", bill.member.supplier]] if bill.member.supplier else []),
        ["Your pseudonym", bill.member.pseudonym],
        ["Your number", str(bill.member.index)],
        ["Slots", f"{bill.first_slot} to {bill.end_slot - 1}, {terms.slot_s // 60} minutes each, {terms.zone_name}"],
    ]
    return text + Table("What to compare", ["What", "Value"], facts, texts=2).html()


def _caveats(bill: Bill, terms: Terms) -> list[str]:
    rule = {"ex_post": "after delivery, on metered energy", "ex_ante": "before delivery, on forecasts"}
    capped = HELD_BACK if terms.has_caps else ""
    return [
        "No real money moved. This is a run on past data: who trades how much at what price is worked out as it would have been.",
        PROFILES.get(bill.member.profile, "Where the load and sun of this member come from is not said."),
        "The meters are simulated: each signs what the profile says, with a key that the operator's key file holds.",
        f"The market traded {rule.get(terms.timing, terms.timing)}; trades were settled by the rule {terms.rule}.",
        "The comparison is with no market at all: the same meter, everything bought from and sold to the supplier."
        + capped,
        "The contracts and the cryptography have not been audited by anybody else.",
        "Keep bill.json to yourself or share it knowingly: it shows your readings, and it names your neighbours by number in what was posted.",
    ]
