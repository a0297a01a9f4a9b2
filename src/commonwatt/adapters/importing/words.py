"""What column names mean: the words meters, suppliers and data sets use, in several languages."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

TIME: Final = (
    "start", "begin", "beginn", "from", "von", "time", "timestamp", "datetime", "datum", "date", "zeit", "zeitstempel", "zeitpunkt", "uhrzeit", "local",
    "localminute", "utc", "period", "interval", "tstp", "heure", "horodate", "fecha", "hora", "ora", "tijd", "end", "ende", "bis", "to", "until", "fin",
)  # fmt: skip
"""In order of preference: of a beginning and an end, the beginning."""
ENDS: Final = ("end", "ende", "bis", "to", "until", "fin", "ending")
STARTS: Final = ("start", "begin", "beginn", "from", "von", "beginning", "starting")
MEMBER: Final = (
    "member", "home", "house", "household", "haushalt", "prosumer", "customer", "kunde", "kundin", "participant", "teilnehmer", "dataid", "lclid", "mpan",
    "pod", "ean", "pdl", "prm", "zaehlpunkt", "zählpunkt", "messpunkt", "zaehler", "zähler", "meter", "meterid", "meternumber", "zaehlernummer", "building",
    "gebaeude", "gebäude", "apartment", "flat", "wohnung", "site", "client", "user", "name", "id", "foyer", "compteur", "contador",
)  # fmt: skip
"""In order of preference."""
ENERGY_WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "export": ("export", "einspeisung", "eingespeist", "feedin", "fedin", "togrid", "injection", "injecte", "injecté", "rueckspeisung", "rückspeisung", "ruecklieferung", "rücklieferung",
               "teruglevering", "exported", "returned", "ausspeisung", "vertido", "immissione", "280"),
    "import": ("import", "bezug", "imported", "fromgrid", "soutirage", "prelievo", "afname", "180"),
    "pv": ("pv", "solar", "photovoltaik", "photovoltaic", "generation", "gen", "production", "produktion", "erzeugung", "produzione", "produccion", "producción", "opwek", "generated"),
    "net": ("net", "netto", "saldo", "balance", "grid", "nett"),
    "load": ("load", "consumption", "consumed", "verbrauch", "demand", "use", "usage", "used", "consommation", "consumo", "verbruik", "last", "energy", "energie", "strom", "electricity"),
}  # fmt: skip
"""Energy -> words; earlier ones win where a name has several (`grid_import` is an import, `solar export` an export)."""
TOTALS: Final = ("total", "sum", "summe", "gesamt", "all", "community", "totaux", "totale")
PV_FILES: Final = ("pv", "solar", "generation", "production", "produktion", "erzeugung")
_UNITS: Final = {"kwh": "kWh", "wh": "Wh", "kw": "kW", "w": "W", "watt": "W", "watts": "W", "kilowatt": "kW"}
_UNIT_END: Final = re.compile(r"[ _.-]*[ _.\[(-](kWh|Wh|kW|W)[\])]?$")
_OBIS: Final = re.compile(r"(?<![\d.])(?:\d+-\d+:)?([12])\.(?:8|9|29)\.\d+(?![\d.])")
"""What meters call active energy taken and given (IEC 62056-61): `1-1:1.8.0`, `2.29.0`."""
_SHORT: Final = 4
"""Words shorter than this must stand alone: `use` is not in `house`."""


def tokens(name: str) -> list[str]:
    """The words of a name, in lower case: `gridImport_kWh` -> grid, import, kwh."""
    apart = re.sub(r"(?<=[a-zà-ÿ])(?=[A-Z])(?<!k)(?<!K)", " ", name)
    return [word for word in re.split(r"[^a-z0-9à-ÿ]+", apart.lower()) if word]


def unit_of(name: str) -> str:
    """The unit a column's name gives, or nothing; power per time (`kWh/hh`) is the energy."""
    words = [word for word in tokens(name) if word in _UNITS]
    return _UNITS[words[0]] if words else ""


def unit_end(names: Sequence[str]) -> str:
    """` [W]` where all names end so: it is no part of a home's name."""
    ends = {(found[0] if (found := _UNIT_END.search(name)) and found.start() else "") for name in names}
    return ends.pop() if len(ends) == 1 else ""


def energy_of(name: str) -> str:
    """Which of the energies a column's name speaks of, or nothing."""
    code = _OBIS.search(name)
    if code:
        return "import" if code[1] == "1" else "export"
    words = [word for word in tokens(name) if word not in _UNITS]
    joined = "".join(words)
    for energy, known in ENERGY_WORDS.items():
        if any(word in words or (len(word) >= _SHORT and word in joined) for word in known):
            return energy
    return ""


def rank(name: str, known: tuple[str, ...]) -> int:
    """How well a name fits some words: 0 is the best; `len(known)` is not at all."""
    words = tokens(name)
    places = [known.index(word) for word in (*words, "".join(words)) if word in known]
    return min(places, default=len(known))
