"""Two small communities that trade with each other for a few hours: one with much PV, one with little."""

from __future__ import annotations

from pathlib import Path

from tests.fakes.small_runs import TIMING, TOML, files_of, write_small_community

HOURS = 5
FROM_HOUR = 8
"""First hour of the data, UTC: a sunny morning."""

HEAD = "id,role,pv_w,battery_wh,battery_w,battery_min_wh,battery_initial_wh,strategy,buy_limit_micro_per_kwh,sell_limit_micro_per_kwh,connection_w"
SUNNY = (
    "roof-1,prosumer,6000,0,0,0,0,truthful,260000,70000,10000",
    "roof-2,prosumer,4000,0,0,0,0,truthful,280000,82000,10000",
    "flat-1,consumer,0,0,0,0,0,truthful,300000,90000,10000",
)
SHADY = (
    "hall,consumer,0,5000,2000,500,1000,truthful,250000,90000,10000",
    "flat-1,consumer,0,0,0,0,0,truthful,300000,90000,10000",
    "flat-2,consumer,0,0,0,0,0,truthful,290000,90000,10000",
    "flat-3,consumer,0,0,0,0,0,truthful,270000,90000,10000",
    "flat-4,consumer,0,0,0,0,0,truthful,340000,90000,10000",
)

FEDERATION = '[federation]\nname = "Valley"\ncommunities = ["sunny", "shady"]\n'


def write_valley(folder: Path, hours: int = HOURS, federation: str = FEDERATION) -> Path:
    """The folder of a federation."""
    for name, members in (("sunny", SUNNY), ("shady", SHADY)):
        write_side(folder / name, f"{name.title()} Side", members, hours)
    (folder / "federation.toml").write_text(federation, encoding="utf-8")
    return folder


def write_side(folder: Path, name: str, members: tuple[str, ...], hours: int = HOURS, toml: str = TOML) -> Path:
    """One community of it."""
    text = toml.replace("Little Street", name)
    write_small_community(folder, days=1, members="\n".join([HEAD, *members]) + "\n", toml=text)
    path = folder / "profiles.csv"
    header, *lines = path.read_text(encoding="utf-8").splitlines()
    kept = sorted({line.partition(",")[0] for line in lines})[FROM_HOUR : FROM_HOUR + hours]
    path.write_text("\n".join([header, *(ln for ln in lines if ln.partition(",")[0] in kept)]) + "\n", encoding="utf-8")
    return folder


def same_of_all(out: Path) -> dict[str, bytes]:
    """What two runs of the same federation have in common: all files but timings and what is private."""
    return {name: data for name, data in files_of(out).items() if not {TIMING, "private"} & set(Path(name).parts)}
