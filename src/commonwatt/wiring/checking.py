"""Checking: what `commonwatt check` says of a community without faults."""

from pathlib import Path
from shlex import quote

from commonwatt.settings.checking import open_community
from commonwatt.wiring.doubting import community_doubts, data_lines, write_doubts
from commonwatt.wiring.inputs import slots_of

_HINT = (
    "Faults are what cannot be used; for what can be doubted (clocks, spikes, PV at night): commonwatt check {} --data"
)


def check_lines(
    file: Path, preset: str | None, overrides: tuple[str, ...], *, data: bool = False, doubts: Path | None = None
) -> list[str]:
    """What a community holds, in words; with `data` also what its data leave in doubt, all of it in the file `doubts`.

    Raises:
        InvalidInput: with every fault of settings, members and data.

    """
    community = open_community(file, preset, overrides)
    found = community_doubts(community) if data or doubts is not None else []
    if doubts is not None:
        write_doubts(doubts, found)
    settings, feed = community.settings, community.feed
    slots = feed.slots()
    first, last = (settings.slots.local_start(slot, settings.zone).date() for slot in (slots.start, slots.stop - 1))
    run = slots_of(community, None, None)
    days = [settings.slots.local_start(slot, settings.zone).date() for slot in (run.start, run.stop - 1)]
    chosen = ", ".join(f"{room} {choice.name}" for room, choice in settings.choices.items())
    return [
        f"{settings.community.name}: no faults found.",
        f"{len(settings.members)} members, {len(slots)} slots of {settings.community.slot_s} s with data, {first} to {last}.",
        f"Design {settings.community.design}, {settings.market.timing}: {chosen}.",
        f"A run covers {days[0]} to {days[1]}, both included: [data] from and to, or --from and --to, choose other days.",
        *feed.notices(),
        *(data_lines(community, found, doubts) if data or doubts is not None else [_HINT.format(quote(str(file)))]),
        f"Next: commonwatt run {quote(str(file))}",
    ]
