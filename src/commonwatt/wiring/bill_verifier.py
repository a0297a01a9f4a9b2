"""Checks a bill of an energy community: that every line follows from signed readings, trades and tariff, and is on the chain.

A bill's folder holds bill.json (lines and proofs), bill.csv and bill.html, which must say the same. Nothing of the operator's is
trusted but what its chain says up to one head; whether that head is the community's is for you to compare (--head).
"""

import argparse
import os
import struct
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from commonwatt.adapters.ledger.evidence import Proven, proven
from commonwatt.adapters.store.run_folder import SETTINGS, files_root
from commonwatt.core.errors import CommonwattError
from commonwatt.core.findings import Finding
from commonwatt.crypto.keccak import keccak256
from commonwatt.services.billing.bill import FORMAT, Bill, ChainPart
from commonwatt.services.billing.page import PROFILES, bill_page, headline
from commonwatt.services.billing.table import bill_csv
from commonwatt.services.billing.terms import Terms, terms_of
from commonwatt.services.billing.text import bill_text, read_bill
from commonwatt.services.billing.totals import totals_of
from commonwatt.wiring.bill_checks import Evidence, evidence, line_findings, reading_findings, trading_findings
from commonwatt.wiring.bill_postings import period_findings, posting_findings
from commonwatt.wiring.bill_waiting import WaitingLine

PASSED, FAILED, NO_BILL, STOPPED = 0, 1, 2, 130
MOST_FINDINGS = 8
MOST_BYTES = 2**28
RUN_ANCHOR = 1

UNFIT = (
    CommonwattError,
    ArithmeticError,
    AttributeError,
    LookupError,
    OSError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
)
"""What reading a forged bill may raise: then the check is not passed, whatever it was."""


@dataclass(frozen=True)
class Part:
    """One check of a bill, and what it found; `note` where it was not made."""

    title: str
    findings: tuple[Finding, ...]
    note: str = ""


@dataclass(frozen=True)
class Verdict:
    """What was checked of a bill."""

    parts: tuple[Part, ...]
    said: str
    """Whose bill it is and what it comes to."""
    compare: tuple[str, ...] = ()
    """What is to be compared with others, because no bill can prove it by itself."""

    @property
    def passed(self) -> bool:
        """Whether nothing was found."""
        return not any(part.findings for part in self.parts)


Prove = Callable[[ChainPart, str], Proven]
"""Reads the part of a chain that a bill of a community carries."""


def verdict_on(text: str, csv: str, html: str, head: str = "", prove: Prove = proven) -> Verdict:
    """Check a bill from the texts of its three files; `head` is the chain's newest block hash as somebody else knows it.

    Whoever checks many bills, or wants to watch, reads their chains with `prove` as `proven` would.

    Raises:
        NoBillError: the first text is no bill.

    """
    bill = read_bill(text)
    parts = [_made("bill.json is written in the one form that a bill has", lambda: _form_findings(bill, text))]
    try:
        terms = terms_of(bill.settings, bill.member.supplier)
        shown = prove(bill.chain, terms.community)
        seen = evidence(bill, terms, shown)
    except UNFIT as error:
        parts.append(Part("settings and chain can be read", (_unfit("bill.json", error),)))
        return Verdict(tuple(parts), f"Bill of {bill.member.name}")
    for title, check in _checks(seen, csv, html):
        parts.append(_made(title, check))
    parts.append(_head_part(shown, head))
    return Verdict(tuple(parts), _made_said(bill, terms), _compare(shown, bill))


def _checks(seen: Evidence, csv: str, html: str) -> list[tuple[str, Callable[[], list[Finding]]]]:
    bill, terms, shown = seen.bill, seen.terms, seen.proven
    return [
        ("the chain's headers link from its genesis to its head", lambda: list(shown.header_findings)),
        ("transactions and receipts are in their blocks, signed by the operator", lambda: list(shown.block_findings)),
        ("the member and its meter's key are registered on the chain", lambda: _member_findings(bill, shown)),
        ("tariff and rules are those that the run anchored on the chain", lambda: _settings_findings(bill, shown, terms)),
        ("readings are signed by the meter or its gateway, or marked as estimates", lambda: reading_findings(seen, _meter_key(seen))),
        ("orders and trades are under the chain's roots, within the orders", lambda: trading_findings(seen)),
        ("lines follow from readings, trades and tariff", lambda: line_findings(seen)),
        ("lines are what the chain posted to the member", lambda: posting_findings(seen)),
        ("nothing of the period is missing, nothing else is on the bill", lambda: period_findings(seen)),
        ("totals are those of the lines", lambda: _total_findings(bill, terms)),
        ("bill.csv says what bill.json says", lambda: text_findings("bill.csv", csv, bill_csv(bill, terms))),
        ("bill.html says what bill.json says", lambda: text_findings("bill.html", html, bill_page(bill, terms, blocks_of(seen)))),
    ]  # fmt: skip


def blocks_of(seen: Evidence) -> dict[tuple[int, int], int]:
    """The block in which each entry was settled, by slot and revision."""
    return {(slot, r): found[0].block for (kind, slot, r), found in seen.by_place.items() if kind == "settle"}


def _made(title: str, check: Callable[[], list[Finding]]) -> Part:
    try:
        return Part(title, tuple(check()))
    except UNFIT as error:
        return Part(title, (_unfit("bill.json", error),))


def _unfit(where: str, error: Exception) -> Finding:
    return Finding(where, "what a run writes", f"{type(error).__name__}: {error}"[:300])


def _form_findings(bill: Bill, text: str) -> list[Finding]:
    found = [] if bill.format == FORMAT else [Finding("bill.json format", FORMAT, bill.format)]
    if bill.member.profile not in ("", *PROFILES):
        found.append(
            Finding("bill.json member profile", f"one of {', '.join(PROFILES)}, or nothing", bill.member.profile)
        )
    return found + text_findings("bill.json", text, bill_text(bill))


def text_findings(name: str, text: str, expected: str) -> list[Finding]:
    """The first line in which a file differs from what it must be."""
    if text == expected:
        return []
    was, must = text.split("\n"), expected.split("\n")
    for number, (line, other) in enumerate(zip([*was, ""], [*must, ""], strict=False), 1):
        if line != other:
            at = next(
                (i for i, (a, b) in enumerate(zip(line, other, strict=False)) if a != b), min(map(len, (line, other)))
            )
            low = max(at - 20, 0)
            return [Finding(f"{name} line {number}", repr(other[low : low + 80]), repr(line[low : low + 80]))]
    # One is the beginning of the other.
    return [Finding(f"{name} line {min(len(was), len(must))}", f"{len(must)} lines", f"{len(was)}")]


def _member_findings(bill: Bill, shown: Proven) -> list[Finding]:
    index, count = bill.member.index, len(shown.admitted)
    if not 0 <= index < count:
        return [Finding("member index", f"below {count}", str(index))]
    root, pseudonym = shown.admitted[index].pseudonym_root, bill.member.pseudonym
    if keccak256(pseudonym.encode()) != root:
        return [Finding("member pseudonym", f"number {index} of the registry", pseudonym)]
    return []


def _meter_key(seen: Evidence) -> bytes:
    return seen.proven.admitted[seen.bill.member.index].meter_key


def _settings_findings(bill: Bill, shown: Proven, terms: Terms) -> list[Finding]:
    hashes = {file.name: file.sha256 for file in bill.files}
    found = []
    if [file.name for file in bill.files] != sorted(hashes):
        found.append(Finding("files", "each once, in order of name", "otherwise"))
    if hashes.get(SETTINGS) != sha256(bill.settings.encode()).hexdigest():
        found.append(Finding("settings", f"the text of {SETTINGS} in files", "another"))
    root = files_root(hashes)
    anchors = [p for p in shown.posted if p.block == shown.head_number and p.place.kind == "anchor"]
    if [anchor.content for anchor in anchors if anchor.place.revision == RUN_ANCHOR] != [root]:
        found.append(Finding("files", "those whose root the chain's last block anchors", f"root {root.hex()[:16]}…"))
    if (terms.chain, terms.metering) != ("embedded", "plain"):
        found.append(
            Finding("settings", "ledger.chain embedded, metering.level plain", f"{terms.chain}, {terms.metering}")
        )
    return found


def _total_findings(bill: Bill, terms: Terms) -> list[Finding]:
    totals = totals_of(bill, terms)
    return [
        Finding(f"totals {name}", str(is_), str(getattr(bill.totals, name)))
        for name, is_ in vars(totals).items()
        if getattr(bill.totals, name) != is_
    ]


def _head_part(shown: Proven, head: str) -> Part:
    title, is_ = "the head is the one that was asked for", "0x" + shown.head_hash.hex()
    if not head:
        return Part("the chain's head is the community's", (), "not checked: give it with --head, from somebody else")
    wanted = head.lower().removeprefix("0x")
    return Part(title, () if "0x" + wanted == is_ else (Finding("chain head", head, is_),))


def _made_said(bill: Bill, terms: Terms) -> str:
    try:
        name = bill.member.name if bill.member.name.isprintable() else repr(bill.member.name)
        return f"Bill of {name}, {terms.community}: {headline(bill, terms)}".replace("\u00a0", " ")
    except UNFIT:
        return "Bill of a period that cannot be told"


def _compare(shown: Proven, bill: Bill) -> tuple[str, ...]:
    supplier = bill.member.supplier
    return (
        *((f"your supplier      {supplier!r}, as your contract says",) if supplier else ()),
        f"head of the chain  block {shown.head_number}, 0x{shown.head_hash.hex()}",
        f"operator           0x{shown.operator.hex()}",
        f"pseudonym          {bill.member.pseudonym!r}"
        if not bill.member.pseudonym.isalnum()
        else f"pseudonym          {bill.member.pseudonym}",
    )


def verdict_lines(verdict: Verdict) -> list[str]:
    """A verdict as people read it."""
    lines = [verdict.said]
    for part in verdict.parts:
        mark = "FAIL" if part.findings else "----" if part.note else "PASS"
        lines.append(f"  {mark}  {part.title}" + (f": {part.note}" if part.note else ""))
        lines += [f"        {finding}" for finding in part.findings[:MOST_FINDINGS]]
        if len(part.findings) > MOST_FINDINGS:
            more = len(part.findings) - MOST_FINDINGS
            lines.append(f"        and {more} more finding{'s' * (more != 1)}")
    failed = sum(bool(part.findings) for part in verdict.parts)
    lines.append(
        f"{failed} of {len(verdict.parts)} checks FAILED." if failed else "Everything that a bill can prove holds."
    )
    if verdict.compare:
        lines.append(
            "Compare with what another member was given, or with a copy of the chain; a bill cannot prove these by itself:"
        )
        lines += [f"  {line}" for line in verdict.compare]
    return lines


def verify_folder(folder: Path, head: str = "", prove: Prove = proven) -> tuple[int, list[str]]:
    """Check the bill in a folder: exit code and lines."""
    texts = []
    for name in ("bill.json", "bill.csv", "bill.html"):
        try:
            with (folder / name).open("rb") as file:
                data = file.read(MOST_BYTES + 1)
            if len(data) > MOST_BYTES:
                return NO_BILL, [f"{folder / name}: expected at most {MOST_BYTES} bytes, found more"]
            texts.append(data.decode("utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            return NO_BILL, [f"{folder / name}: expected a file of a bill, found {str(error)[:200]}"]
    try:
        verdict = verdict_on(texts[0], texts[1], texts[2], head, prove)
    except ValueError as error:
        return NO_BILL, [printable(str(error))]
    return PASSED if verdict.passed else FAILED, [printable(line) for line in verdict_lines(verdict)]


def printable(line: str) -> str:
    """A line that cannot move the cursor or hide itself, whatever a forged bill says."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in line)


def main(arguments: Sequence[str]) -> int:
    """Check a bill from the command line; exit code 0: it holds, 1: it does not, 2: it is no bill."""
    parser = argparse.ArgumentParser(prog="verify_bill.py", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path(sys.argv[0]).parent, help="folder of the bill")
    parser.add_argument("--head", default="", help="newest block hash of the chain, as somebody else knows it")
    asked = parser.parse_args(arguments)
    try:
        code, lines = _watched(asked.folder, asked.head)
    except KeyboardInterrupt:
        return STOPPED
    coding = sys.stdout.encoding or "utf-8"
    try:
        for line in lines:
            print(line.encode(coding, "backslashreplace").decode(coding))  # noqa: T201
        sys.stdout.flush()
    except BrokenPipeError:
        # Who reads only the first lines (`| head`) has what it wanted; nothing is left for Python to write at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code


def _watched(folder: Path, head: str) -> tuple[int, list[str]]:
    line = WaitingLine(sys.stderr)

    def prove(chain: ChainPart, community: str) -> Proven:
        shown = proven(chain, community, line.at)
        line.say("checking the lines")
        return shown

    line.say("reading the bill")
    try:
        return verify_folder(folder, head, prove)
    finally:
        line.say("")


def with_totals(bill: Bill, terms: Terms) -> Bill:
    """The bill with the totals that its entries come to."""
    return replace(bill, totals=totals_of(bill, terms))
