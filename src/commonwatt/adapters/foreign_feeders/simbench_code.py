"""A SimBench grid by its code, from the package of that name: an optional extra whose data are under the Open Database License."""

from __future__ import annotations

import re
import warnings
from typing import Any, Final

from commonwatt.adapters.foreign_feeders.pandapower_json import Converted, feeder_of_json
from commonwatt.core.findings import Finding, one_of

_CODE: Final = re.compile(r"[0-9]-[A-Za-z]+-[A-Za-z0-9]*-[A-Za-z0-9.]*-[0-9]-(?:sw|no_sw)")
EXTRA: Final = "the package simbench: pip install 'commonwatt[simbench]'"


def is_code(name: str) -> bool:
    """Whether a name has the form of a SimBench code: `1-LV-rural3--0-sw`."""
    return _CODE.fullmatch(name) is not None


def feeder_of_code(code: str, where: str) -> tuple[Converted | None, list[Finding]]:
    """The feeder of a SimBench grid, or every finding: no such code, the package not there, what cannot be represented.

    Takes seconds: the package reads its whole data set.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pandas, about how the package uses it
        try:
            import pandapower
            import simbench
        except ImportError as error:
            return None, [Finding(f"{where} {code}", EXTRA, f"no package {error.name or 'simbench'}")]
        codes = [str(known) for known in simbench.collect_all_simbench_codes()]
        if code not in codes:
            low = [known for known in codes if known.split("-")[1:2] == code.split("-")[1:2]] or codes
            return None, [Finding(where, f"a SimBench code: {one_of(code, low)}", repr(code))]
        text = _text(pandapower, simbench, code)
    made, found = feeder_of_json(text, code, code)
    if made is None:
        return None, found
    notes = ("Data: SimBench (simbench.de), Open Database License 1.0.", *made.notes)
    return Converted(made.feeder, made.loads, notes), []


def _text(pandapower: Any, simbench: Any, code: str) -> str:
    net = simbench.get_simbench_net(code)
    # A year of profiles that nothing here looks at.
    for name in ("profiles", "loadcases"):
        net.pop(name, None)
    text: str = pandapower.to_json(net)
    return text
