"""Writing a community file in which every key is explained, and starting a new community from the bundled example."""

from __future__ import annotations

import os
import shutil
import tempfile
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from commonwatt.adapters.datasets import example_folder
from commonwatt.core.errors import require
from commonwatt.core.findings import Finding
from commonwatt.core.foreign import toml_of
from commonwatt.core.time_of_use import FALLBACKS
from commonwatt.settings import sections as s
from commonwatt.settings.layers import Tables, preset
from commonwatt.settings.loading import FILE_NAME, MEMBERS_NAME
from commonwatt.settings.rooms import SECTION_ROOMS, parameters_of

PROFILES_NAME: Final = "profiles.parquet"
IGNORE_NAME: Final = ".gitignore"
IGNORED: Final = f"""\
# Secrets and results stay out of version control: with the keys anybody could sign for every member.
{s.Ledger.model_fields["key_file"].default}
out/
"""
_WIDTH: Final = 118
_HEADER: Final = (
    "Every key of a community file, each explained. Keys behind a # show what holds when they are left out: a default, or what the "
    "design's preset says. Prices are whole micro-currency per kWh (300_000 is 0.30), energy whole Wh, power whole W. Check the folder "
    "with `commonwatt check`, run it with `commonwatt run`."
)
_WINDOW: Final = (
    "# [[tariff.windows]]              # a time-of-use window, as many as needed; where two overlap, the later one wins",
    '# name = "evening"',
    '# days = "weekdays"               # or "weekends", "all", or a list: ["mon", "tue"]',
    '# from = "17:00"                  # local wall clock',
    '# to = "21:00"                    # exclusive; not after `from`: on the next day',
    "# retail_micro_per_kwh = 420_000  # and any other price, fee or tax of [tariff]",
)
_SUPPLIER: Final = (
    "# [[tariff.suppliers]]            # a supplier that members name in the column `supplier`, as many as needed",
    '# name = "Sun and Sons"',
    "# retail_micro_per_kwh = 260_000  # at every hour; fees, taxes and levies stay those of [tariff]",
    "# feed_in_micro_per_kwh = 120_000",
    "# imbalance_buy_micro_per_kwh = 260_000   # left out: its retail price",
    "# imbalance_sell_micro_per_kwh = 120_000  # left out: its feed-in price",
)


def community_toml(given: Mapping[str, Mapping[str, Any]], intro: str = "") -> str:
    """A community file that sets `given` (section -> key -> value) and shows every other key, commented out, with one line each."""
    base = preset(str(given.get("community", {}).get("design", "community")))
    lines = [*_comment(intro), *([""] if intro else []), *_comment(_HEADER)]
    lines += ["", f'members = "{MEMBERS_NAME}"  # or [[member]] tables at the end of this file']
    for name, model in s.SECTIONS.items():
        lines += ["", f"[{name}]", *_comment((model.__doc__ or "").strip().splitlines()[0])]
        for key, doc, value in _entries(name, given.get(name, {}), base.get(name, {})):
            active = key in given.get(name, {})
            lines += ["", *_comment(doc), ("" if active else "# ") + f"{key} = {_toml_value(value)}"]
        if name == "tariff":
            for listed, example in (("windows", _WINDOW), ("suppliers", _SUPPLIER)):
                tables = given.get(name, {}).get(listed, [])
                lines += (
                    [""] + [line for table in tables for line in _listed(listed, table)] if tables else ["", *example]
                )
    return "\n".join(lines) + "\n"


def start_community(directory: Path) -> list[Path]:
    """A new community in a folder that is absent or empty: community file, members and profiles of the example. Returns these files.

    Beside them lies what keeps the secrets of its runs out of version control.

    Raises:
        InvalidInput: the folder holds something, or is none, or cannot be written; then nothing is.

    """
    require(folder_findings(directory))
    example = example_folder()
    tables, _ = toml_of(FILE_NAME, (example / FILE_NAME).read_bytes())
    given: Tables = {name: table for name, table in tables.items() if name in s.SECTIONS}
    given.setdefault("community", {})["name"] = directory.resolve().name.replace("\n", " ") or "Community"
    target = directory.resolve()
    made = Path()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
        intro = "Made by `commonwatt init` from the example `fontana`: put your own currency, prices, members and profiles in its place."
        (made / FILE_NAME).write_text(community_toml(given, intro), encoding="utf-8")
        shutil.copyfile(example / MEMBERS_NAME, made / MEMBERS_NAME)
        shutil.copyfile(example / PROFILES_NAME, made / PROFILES_NAME)
        (made / IGNORE_NAME).write_text(IGNORED, encoding="utf-8")
        made.chmod(0o755)
        _moved(made, target)
    except OSError as error:
        shutil.rmtree(made, ignore_errors=True) if made != Path() else None
        require([Finding(str(directory), "a folder that can be written", (error.strerror or str(error)).lower())])
    return [directory / name for name in (FILE_NAME, MEMBERS_NAME, PROFILES_NAME)]


def _moved(made: Path, target: Path) -> None:
    """Put a finished folder in its place; into an existing empty folder file by file, the community file last."""
    if not target.exists():
        made.rename(target)
        return
    for name in (IGNORE_NAME, PROFILES_NAME, MEMBERS_NAME, FILE_NAME):
        os.replace(made / name, target / name)  # noqa: PTH105 - replaces on every platform
    made.rmdir()


def folder_findings(directory: Path) -> list[Finding]:
    """Why something new cannot be started in a folder: it holds something, or is none."""
    try:
        if directory.exists() and not directory.is_dir():
            return [Finding(str(directory), "a new or empty folder", "a file")]
        names = sorted(p.name for p in directory.iterdir()) if directory.exists() else []
    except (OSError, ValueError) as error:
        return [Finding(str(directory), "a folder that can be read", str(error).lower())]
    return [Finding(str(directory), "a new or empty folder", ", ".join(names[:3]))] if names else []


def _entries(section: str, given: Mapping[str, Any], base: Mapping[str, Any]) -> Sequence[tuple[str, str, Any]]:
    """Key, explanation and value of every key of a section, the parameters of its answers last."""
    entries = []
    for name, field in s.SECTIONS[section].model_fields.items():
        key = field.alias or name
        if key in ("windows", "suppliers"):
            continue
        fallback = _fallback(key, given) if field.default is None else field.default
        entries.append((key, field.description or "", given.get(key, base.get(key, fallback))))
    for registry in SECTION_ROOMS.get(section, ()):
        default = s.SECTIONS[section].model_fields[registry.key].default
        name = given.get(registry.key, base.get(registry.key, default))
        for parameter in parameters_of(registry, name):
            key = parameter.name
            value = given.get(key, base.get(key, parameter.default))
            entries.append((key, f"Of {name}: {parameter.meaning}.", value))
    return entries


def _listed(name: str, window: Mapping[str, Any]) -> list[str]:
    return [f"[[tariff.{name}]]", *(f"{key} = {_toml_value(value)}" for key, value in window.items())]


def _comment(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent="# ", subsequent_indent="# ")


def _toml_value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return f"{value:_}" if abs(value) >= 10_000 else str(value)
    if isinstance(value, str):
        import json

        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml_value, value)) + "]"
    return repr(value)


def _fallback(key: str, given: Mapping[str, Any]) -> Any:
    """What holds where a price is left out: the other price, or what that one falls back to."""
    while (key := FALLBACKS.get(key, "")) and key not in given:
        pass
    return given.get(key, 0)
