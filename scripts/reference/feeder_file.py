"""The page of a feeder's file: every table and key with unit, bounds and default, from the records that the reader fills."""

from dataclasses import MISSING, fields
from typing import Any

from scripts.reference.markdown import code, head, shown, table, text_of

from commonwatt.adapters.feeder_file import LISTS, MOST_ROWS
from commonwatt.grid import Feeder, Transformer, figures_of

TEXT = f"""
`feeder.toml`: what stands on the wires, as [Feeders](../explain/grid-feeders.md) tells with an example to copy. `commonwatt feeder street --to mine/feeder.toml`
writes one to begin with, `commonwatt check mine/feeder.toml` names every fault with its line:

```
feeder.toml:46 line l03 length_m: expected more than 0, found -5
```

Text is printable; numbers may be written with or without a decimal point, and are neither NaN nor infinite. Of each list {MOST_ROWS:,} tables at most; every `id` once;
one way from `root` to every bus (`[grid] model = "meshed"` allows loops); a file of 16 MiB at most.
"""


def page() -> str:
    """The page, as Markdown."""
    lines = head("A feeder's file", "the records of `commonwatt.grid`", TEXT)
    lines += ["## At the top", "", *_keys(Feeder), "## [transformer]", "", _says(Transformer), "", *_keys(Transformer)]
    for name, (kind, _) in LISTS.items():
        lines += [f"## [[{name}]]", "", _says(kind), "", *_keys(kind)]
    return text_of(lines)


def _says(kind: Any) -> str:
    return (kind.__doc__ or "").strip().splitlines()[0]


def _keys(kind: Any) -> list[str]:
    defaults = {field.name: field.default for field in fields(kind)}
    rows = []
    for name, (value, figure) in figures_of(kind).items():
        default = "required" if defaults[name] is MISSING else shown(defaults[name])
        form = "text" if value is str else f"number, {figure.unit}"
        rows.append((code(name), form, figure.bounds, default, figure.doc))
    return table(("key", "value", "bounds", "default", "meaning"), rows)
