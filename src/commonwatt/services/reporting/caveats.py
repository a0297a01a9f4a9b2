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
        *_ledger(results),
        COMPARISON,
        *([f"Not built yet in this version: {listed(list(facts.not_built))}."] if facts.not_built else []),
    ]


def _profiles(results: Results) -> list[str]:
    kinds = Counter(results.facts.origins.get(name) or "unknown" for name in results.books.pseudonyms)
    said = []
    for kind, number in sorted(kinds.items(), key=lambda pair: (-pair[1], pair[0])):
        verb = "is" if number == 1 else "are"
        said.append(f"{several(number, 'profile')} of load and sun {verb} {ORIGINS.get(kind, 'of unknown origin')}.")
    return said


def _assets(results: Results) -> list[str]:
    flows = results.books.tables["flows"]
    stored = [int(numbers(flows, name).sum()) for name in ("charge_wh", "discharge_wh")]
    said = ["The meters are simulated: each signs what the profile says, with a key of its own."]
    if any(stored):
        owners = np.unique(
            results.books.member_rows("flows")[numbers(flows, "charge_wh") + numbers(flows, "discharge_wh") > 0]
        )
        said.append(
            f"{several(len(owners), 'battery', 'batteries')} {'is' if len(owners) == 1 else 'are'} simulated: a model charges and discharges on top of the profiles."
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
    verdicts = set(pc.unique(results.books.tables["slots"].column("verdict")).to_pylist())
    if verdicts <= {"unchecked", None}:
        return ["The wires were not checked: there is no model of the grid in this run, and losses count as zero."]
    return [
        f"The grid was checked; what it said of the {slot_word(results.facts)}s: {listed(sorted(v for v in verdicts if v))}."
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
            "Gas comes from a model fitted to the run's first slots, which py-evm executed again; `commonwatt audit --reference` gives the exact figures."
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
