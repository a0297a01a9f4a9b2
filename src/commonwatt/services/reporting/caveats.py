"""What a reader must know to judge the figures: what is simulated, resampled, substituted, unaudited or not built."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow.compute as pc

from commonwatt.services.reporting.books import codes, numbers
from commonwatt.services.reporting.summary import Results
from commonwatt.services.reporting.words import listed, several, slot_word

ORIGINS = {
    "measured": "measured in real homes",
    "doubtful": "measured in real homes but look faulty, so no conclusion about these homes holds",
    "resampled": "resampled: put together from days of the measured homes, so they are no real homes",
    "simulated": "simulated by a model",
}

SHORT = {
    "measured": ("measured home", "measured homes"),
    "doubtful": ("measured home whose data look faulty", "measured homes whose data look faulty"),
    "resampled": ("resampled home", "resampled homes"),
    "simulated": ("simulated home", "simulated homes"),
}

COMPARISON = (
    "The comparison is with no market at all: the same meters, everything bought from and sold to the supplier. What panels and "
    "batteries cost is not counted."
)


def caveats(results: Results) -> list[str]:
    """Sentences, the weightiest first."""
    facts = results.facts
    return [
        "No real money moved. This is a run on past data: who trades how much at what price is worked out as it would have been.",
        *_profiles(results),
        *_assets(results),
        *_readings(results),
        *(f"{notice[:1].upper()}{notice[1:].rstrip('.')}." for notice in facts.notices),
        *_grid(results),
        *_ways(results),
        *_ledger(results),
        "The contracts and the cryptography have not been audited by anybody else.",
        COMPARISON,
        *([f"Not built yet in this version: {listed(list(facts.not_built))}."] if facts.not_built else []),
    ]


def in_short(results: Results) -> str:
    """One sentence for the top of the page: whose figures these are, and what of them is made up."""
    kinds = _kinds(results)
    counted = [
        several(number, *SHORT.get(kind, ("home of unknown origin", "homes of unknown origin")))
        for kind, number in sorted(kinds.items(), key=lambda pair: (-pair[1], pair[0]))
    ]
    made = "meters" if not _owners(results) else f"meters and {several(_owners(results), 'battery', 'batteries')}"
    return f"Worked out on past data of {listed(counted)}; {made} are simulated, no money moved, and nobody else has audited the code."


def _kinds(results: Results) -> Counter[str]:
    return Counter(results.facts.origins.get(name) or "unknown" for name in results.books.pseudonyms)


def _owners(results: Results) -> int:
    """How many members have a battery that did something."""
    flows = results.books.tables["flows"]
    moved = numbers(flows, "charge_wh") + numbers(flows, "discharge_wh") > 0
    return len(np.unique(results.books.member_rows("flows")[moved]))


def _profiles(results: Results) -> list[str]:
    said = []
    for kind, number in sorted(_kinds(results).items(), key=lambda pair: (-pair[1], pair[0])):
        verb = "is" if number == 1 else "are"
        said.append(f"{several(number, 'profile')} of load and sun {verb} {ORIGINS.get(kind, 'of unknown origin')}.")
    return said


def _assets(results: Results) -> list[str]:
    said = ["The meters are simulated: each signs what the profile says, with a key of its own."]
    owners = _owners(results)
    if owners:
        said.append(
            f"{several(owners, 'battery', 'batteries')} {'is' if owners == 1 else 'are'} simulated: a model charges and discharges on top of the profiles."
        )
    return said


def _readings(results: Results) -> list[str]:
    readings = results.books.tables["readings"]
    quality = codes(readings, "quality", ["substituted", "corrected"])
    substituted, corrected = int((quality == 0).sum()), int((quality == 1).sum())
    if not substituted + corrected:
        return ["Every reading is as the meters gave it: none was substituted."]
    verb = "was" if substituted == 1 else "were"
    text = f"{several(substituted, 'reading')} {verb} missing and substituted by rule; {several(corrected, 'reading')} corrected "
    return [text + "afterwards, between that member and its supplier alone. The bills mark them."]


def _grid(results: Results) -> list[str]:
    if any(results.books.tables["wires"].column("fullest").to_pylist()):
        return [
            "The wires are a model: a power flow with three phases alike and energy spread evenly over the "
            f"{slot_word(results.facts)}, on the feeder of the settings, whose figures are as good as whoever wrote them down."
        ]
    verdicts = set(pc.unique(results.books.tables["slots"].column("verdict")).to_pylist())
    if verdicts <= {"unchecked", None}:
        return ["The wires were not checked: there is no model of the grid in this run, and losses count as zero."]
    return [
        f"The grid was checked; what it said of the {slot_word(results.facts)}s: {listed(sorted(v for v in verdicts if v))}."
    ]


def _ways(results: Results) -> list[str]:
    if not results.whole("way_fees_nano"):
        return []
    return [
        "Fees by location are charged on what members trade with each other alone; what comes from the supplier pays the tariff's grid fee, "
        "however long its way is. They are set by rule, not worked out from what the wires cost."
    ]


def _ledger(results: Results) -> list[str]:
    facts = results.facts
    said = []
    if facts.chain == "memory":
        said.append("The ledger of this run is a table in memory without contracts: it proves nothing to others.")
    else:
        said.append(
            f"The contracts run on a chain of one validator in this computer (chain {facts.chain}, executed by {facts.executor}): "
            "nobody else holds a copy, unless the operator hands one out."
        )
    if facts.gas_source == "model":
        said.append(
            "Gas comes from a model that was fitted for these contracts on another executor (py-evm); `commonwatt audit --reference` gives the exact figures."
        )
    elif facts.gas_source != "none":
        said.append(f"Gas was measured: {facts.gas_source}.")
    if facts.ledger_verified is None:
        said.append("The ledger has not been audited after this run.")
    elif facts.ledger_verified:
        said.append(
            "The ledger was audited by this same computer after the run; anybody can repeat that on the folder `public` with `commonwatt audit`."
        )
    else:
        said.append("The audit of the ledger FAILED. Do not rely on this page before `commonwatt audit` says why.")
    if facts.metering == "plain":
        said.append(
            "Whoever holds the folder `public` sees every reading under a pseudonym (metering level plain); there are no proofs that hide them."
        )
    return said
