"""Checking: what `commonwatt check` says of a community without faults."""

from pathlib import Path
from shlex import quote

from commonwatt.services.reporting.words import exact_price, several
from commonwatt.settings.checking import open_community
from commonwatt.wiring.doubting import community_doubts, data_lines, feeder_lines, unit_lines, write_doubts
from commonwatt.wiring.inputs import slots_of

_HINT = (
    "Faults are what cannot be used; for what can be doubted (clocks, spikes, PV at night): commonwatt check{} --data"
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
    tariff = settings.tariff
    charges = tariff.retail_micro_per_kwh + sum(
        price or 0 for price in (tariff.grid_fee_micro_per_kwh, tariff.tax_micro_per_kwh, tariff.levy_micro_per_kwh)
    )
    asked = _asked(file, preset, overrides)
    chosen = ", ".join(f"{room} {choice.name}" for room, choice in settings.choices.items())
    return [
        f"{settings.community.name}: no faults found.",
        f"{several(len(settings.members), 'member')}, {several(len(slots), 'slot')} of {settings.community.slot_s} s with data, {first} to {last}.",
        f"Design {settings.community.design}, {settings.market.timing}: {chosen}.",
        f"A run covers {days[0]} to {days[1]}, both included: [data] from and to, or --from and --to, choose other days.",
        f"A kWh from the supplier costs {exact_price(charges)} {settings.community.currency} with fees and taxes, one fed in brings "
        f"{exact_price(tariff.feed_in_micro_per_kwh)}" + ("; other prices in windows." if tariff.windows else "."),
        *feeder_lines(community),
        *feed.notices(),
        *(
            data_lines(community, found, doubts)
            if data or doubts is not None
            else [*unit_lines(community), _HINT.format(asked)]
        ),
        f"Next: commonwatt run{asked}",
    ]


def _asked(file: Path, preset: str | None, overrides: tuple[str, ...]) -> str:
    """The community as it was asked for, to be typed behind another command: what was checked is what that runs."""
    options = [("--preset", preset)] if preset else []
    options += [("--set", override) for override in overrides]
    return "".join(f" {quote(word)}" for word in (str(file), *(part for option in options for part in option)))
