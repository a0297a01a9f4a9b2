"""The frame of a page: one file that needs no network, with its styles, its plots and plotly.js inside."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from html import escape
from importlib.resources import files
from string import Template
from typing import Any, Final

from commonwatt.services.reporting.html import Section

FEEDER: Final = "feeder"
"""The figure that a script of its own fills slot by slot."""


def framed(title: str, where: str, answer: str, sections: Sequence[Section], figures: Mapping[str, Any]) -> str:
    """The whole page: `answer` (HTML) first, then a table of contents and the sections; `figures` are drawn at their `plot`."""
    from plotly.offline import get_plotlyjs

    drawn = json.dumps(figures, separators=(",", ":"), allow_nan=False)
    return Template(_text("page.html")).substitute(
        title=escape(title),
        where=escape(where),
        css=_text("page.css"),
        answer=answer,
        contents="".join(part.link() for part in sections),
        sections="\n".join(part.html() for part in sections),
        figures=drawn.replace("<", "\\u003c"),  # no text of a member can end the element
        library=get_plotlyjs(),
        script=(_text("feeder.js") if FEEDER in figures else "") + _text("page.js"),
    )


@cache
def _text(name: str) -> str:
    return files("commonwatt.services.reporting").joinpath(name).read_text(encoding="utf-8")
