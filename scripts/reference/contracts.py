"""The page of contracts: every function, event and guarantee, from source, artifacts and the gas snapshot."""

import json
from pathlib import Path
from typing import Any

from scripts.reference.markdown import code, head, table, text_of
from scripts.reference.natspec import Contract, Function, contract

from commonwatt.contracts import artifact, names

SNAPSHOT = Path(__file__).resolve().parents[2] / "tests" / "contracts" / "gas.json"
TEXT = """
The contracts check and move money; they do not compute a clearing. [Contracts](../explain/contracts.md) says why they are as they are, the
page of [errors](errors.md#revert-reasons) explains every revert reason. Types are Vyper's; amounts are whole nano-currency, energy
whole Wh, prices whole micro-currency per kWh, times seconds since 1970.

*Gas* is what one transaction costs, as the tests measure it (`tests/contracts/gas.json`); it depends on what the storage held before.
"""


def page() -> str:
    """The page, as Markdown."""
    lines = head("Contracts", "the contracts' NatSpec, their artifacts and the gas snapshot", TEXT)
    known = [contract(name) for name in names()]
    rows = (
        (f"[{c.name}](#{c.name})", c.tags["title"][0], f"{len(artifact(c.name).runtime_code)} bytes") for c in known
    )
    lines += table(("contract", "is", "code"), rows)
    for one in known:
        lines += _contract(one)
    return text_of(lines)


def _contract(one: Contract) -> list[str]:
    external = [f for f in one.functions.values() if f.is_external]
    writing, reading = [f for f in external if not f.is_view], [f for f in external if f.is_view]
    lines = [f"## {one.name}", "", *_texts(one.tags, "notice"), *_texts(one.tags, "dev")]
    lines += [f"**Not protected.** {text}\n" for text in one.tags.get("custom:security", ())]
    lines += table(
        ("function", "does", "who may call", "gas"),
        ((f"[`{f.name}`](#{one.name}-{f.name})", _does(f), "" if f.is_view else f.caller, _gas(f)) for f in external),
    )
    lines += [f"### {one.name}: created with", "", *_arguments(one.functions["__init__"]), *_reverts(one, "__init__")]
    for function in (*writing, *reading):
        lines += _function(one, function)
    lines += [f"### {one.name}: values", "", "Public values, read without a transaction.", ""]
    lines += table(("value", "of type"), _values(one))
    lines += [f"### {one.name}: structs", ""] if one.structs else []
    lines += table(
        ("struct", "fields"),
        ((code(name), ", ".join(f"`{n}`: {kind}" for n, kind in fields)) for name, fields in one.structs.items()),
    )
    lines += [f"### {one.name}: events", ""] if one.events else []
    lines += table(
        ("event", "fields"),
        ((code(event), ", ".join(f"`{n}`: {kind}" for n, kind in fields)) for event, fields in one.events.items()),
    )
    return lines


def _function(one: Contract, function: Function) -> list[str]:
    kind = "view" if function.is_view else "transaction"
    lines = [
        f"### {one.name}.{function.name} {{#{one.name}-{function.name}}}",
        "",
        "```",
        function.signature,
        "```",
        "",
    ]
    lines += [*_texts(function.tags, "notice"), *_texts(function.tags, "dev"), *_arguments(function)]
    lines += [f"Returns: {text}\n" for text in function.tags.get("return", ())]
    facts = [kind] + [f"gas: {gas}" for gas in [_gas(function)] if gas]
    return [*lines, *_reverts(one, function.name), f"*{', '.join(facts)}*", ""]


def _does(function: Function) -> str:
    """What a function says of itself, without who may call it."""
    return function.notice.replace(f" {function.caller}.", "").partition("\n\n")[0]


def _texts(tags: dict[str, list[str]], tag: str) -> list[str]:
    return [f"{text}\n" for text in tags.get(tag, ())]


def _arguments(function: Function) -> list[str]:
    meanings = dict(text.partition(" ")[::2] for text in function.tags.get("param", ()))
    rows = ((code(name), code(kind), meanings.get(name, "")) for name, kind in function.arguments)
    return table(("argument", "type", "meaning"), rows)


def _reverts(one: Contract, name: str) -> list[str]:
    reasons = sorted(one.reverts_of(name))
    return [f"Reverts with: {', '.join(map(code, reasons))}.\n"] if reasons else []


def _values(one: Contract) -> list[tuple[str, str]]:
    """Getters of public variables: in the ABI, but no function of the source."""
    functions: list[Any] = [entry for entry in artifact(one.name).abi if entry["type"] == "function"]
    rows = []
    for entry in functions:
        if entry["name"] not in one.functions:
            arguments = ", ".join(argument["type"] for argument in entry["inputs"])
            rows.append((code(f"{entry['name']}({arguments})"), code(", ".join(o["type"] for o in entry["outputs"]))))
    return rows


def _gas(function: Function) -> str:
    """Every measured call of a function: `46 118`, or `410 205 (of 100 lines)`."""
    gas: dict[str, int] = json.loads(SNAPSHOT.read_text(encoding="utf-8"))
    shown = []
    for call, units in gas.items():
        name, _, case = call.partition(" ")
        if name == function.name:
            shown.append(f"{units:,}".replace(",", " ") + (f" ({case})" if case else ""))
    return ", ".join(shown)
