"""Pieces of HTML: escaped text, tables that scroll and can be reached from the keyboard, sections."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Final

_CODE: Final = re.compile("`([^`]+)`")


@dataclass(frozen=True)
class Table:
    """Cells as text; the first column heads its row. `numeric` counts columns that are numbers, from the right."""

    caption: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    texts: int = 1
    """So many columns on the left are words, the others numbers."""
    foot: Sequence[str] = field(default_factory=tuple)
    links: Mapping[str, str] = field(default_factory=dict)
    """Text of a row's head -> where it leads."""
    under: Mapping[str, str] = field(default_factory=dict)
    """Text of a row's head -> what stands small beneath it."""
    marks_losses: bool = False
    """Whether a number with a minus sign is a loss, and shown as one."""

    def html(self) -> str:
        """The table in a frame that scrolls sideways on a narrow screen."""
        head = "".join(f"<th scope=col{self._align(at)}>{escape(text)}</th>" for at, text in enumerate(self.heads))
        body = "".join(self._row(row) for row in self.rows)
        foot = f"<tfoot>{self._row(self.foot)}</tfoot>" if self.foot else ""
        label = escape(self.caption, quote=True)
        return (
            f'<div class="table" role="region" tabindex="0" aria-label="{label}">'
            f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody>{foot}</table></div>"
        )

    def _row(self, cells: Sequence[str]) -> str:
        head = escape(cells[0])
        if cells[0] in self.links:
            head = f'<a href="{escape(self.links[cells[0]], quote=True)}">{head}</a>'
        if cells[0] in self.under:
            head += f"<small>{escape(self.under[cells[0]])}</small>"
        first = f"<th scope=row>{head}</th>"
        rest = "".join(f"<td{self._align(at, text)}>{escape(text)}</td>" for at, text in enumerate(cells[1:], 1))
        return f"<tr>{first}{rest}</tr>"

    def _align(self, at: int, text: str = "") -> str:
        if at >= self.texts:
            loss = " loss" if self.marks_losses and text.startswith("\u2212") else ""
            # An interval may stand on two lines: it is twice as wide as the other numbers.
            return f' class="n{loss}{" span" if " to " in text else ""}"'
        return ' class="wide"' if len(text) > 40 else ""


@dataclass(frozen=True)
class Section:
    """A heading with an anchor, and what stands under it (HTML)."""

    anchor: str
    heading: str
    body: str

    def html(self) -> str:
        """The section."""
        return f'<section id="{self.anchor}"><h2>{escape(self.heading)}</h2>\n{self.body}</section>'

    def link(self) -> str:
        """Its line in the contents."""
        return f'<li><a href="#{self.anchor}">{escape(self.heading)}</a></li>'


def marked(text: str) -> str:
    """Escaped text in which what stands between backticks is code."""
    return _CODE.sub(r"<code>\1</code>", escape(text))


def paragraph(text: str, kind: str = "") -> str:
    """A paragraph, or nothing where there is nothing to say."""
    attribute = f' class="{kind}"' if kind else ""
    return f"<p{attribute}>{marked(text)}</p>\n" if text else ""


def card_list(cards: Sequence[tuple[str, str, bool]]) -> str:
    """Cards side by side: a large value, what it says, and whether it is bad news."""
    listed = "".join(
        f"<li{' class=wrong' if wrong else ''}><b>{escape(value)}</b><span>{escape(text)}</span></li>"
        for value, text, wrong in cards
    )
    return f'<ul class="cards">{listed}</ul>\n'


def items(texts: Sequence[str]) -> str:
    """A list."""
    return '<ul class="plain">' + "".join(f"<li>{marked(text)}</li>" for text in texts) + "</ul>"


def plot(name: str, label: str) -> str:
    """The place of a figure; without scripts it says where the numbers are."""
    fallback = "The picture needs JavaScript; its figures are in the table of days and the table of members below."
    return (
        f'<div class="plot" id="plot-{name}" role="img" aria-label="{escape(label, quote=True)}">'
        f"<noscript><p>{fallback}</p></noscript></div>\n"
    )
