"""Small feeders with three phases, for tests."""

from commonwatt.grid import (
    Configuration,
    PhaseBus,
    PhaseCapacitor,
    PhaseFeeder,
    PhaseLine,
    PhaseLoad,
    PhaseRegulator,
    PhaseTransformer,
)

EVEN = Configuration(
    "even", "", 200, (0.3, 0.1, 0.1, 0.3, 0.1, 0.3), (0.4, 0.1, 0.1, 0.4, 0.1, 0.4), (3, -1, -1, 3, -1, 3)
)
CROOKED = Configuration(
    "crooked",
    "",
    200,
    (0.3, 0.1, 0.08, 0.35, 0.05, 0.28),
    (0.4, 0.15, 0.1, 0.5, 0.12, 0.45),
    (3, -1, -0.5, 2.5, -0.7, 2),
)
SINGLE = Configuration("single", "", 90, (0.5,), (0.3,), (2,))


def crooked(connection: str, model: str) -> PhaseFeeder:
    """A line, a regulator, a transformer and a branch of one phase, with loads of one kind: even, along a line, and on some phases only."""
    some = ("A", "B") if connection == "wye" else ("AB", "CA")
    loads = (
        PhaseLoad("d", "ABC", connection, model, 90_000, 30_000),
        PhaseLoad("c", some[0], connection, model, 60_000, 20_000, "d"),
        PhaseLoad("f", some[1], connection, model, 20_000, -5_000),
    )
    return PhaseFeeder(
        name="crooked",
        about="",
        base_v=12_000,
        source_share=1.02,
        frequency_hz=50,
        rating_va=1e6,
        root="a",
        configurations=(CROOKED, SINGLE),
        buses=tuple(PhaseBus(name) for name in "abcdefg"),
        lines=(
            PhaseLine("a", "b", "ABC", "crooked", 20_000),
            PhaseLine("d", "c", "ABC", "crooked", 9_000),
            PhaseLine("d", "g", "B", "single", 4_000),
            PhaseLine("e", "f", "ABC", "crooked", 500),
        ),
        loads=(*loads, PhaseLoad("g", "B", "wye", model, 30_000, 10_000)),
        capacitors=(PhaseCapacitor("d", 40_000),),
        regulators=(PhaseRegulator("b", "c", (4, -2, 0), 60, 1, 115, 50, 2, 1),),
        transformers=(PhaseTransformer("d", "e", 200_000, 480, 0.01, 0.04),),
    )


def even() -> PhaseFeeder:
    """Three phases alike: lines transposed, loads of constant power on all of them."""
    return PhaseFeeder(
        name="even",
        about="",
        base_v=12_000,
        source_share=1.03,
        frequency_hz=60,
        rating_va=1e6,
        root="a",
        configurations=(EVEN,),
        buses=tuple(PhaseBus(name) for name in "abcde"),
        lines=(PhaseLine("a", "b", "ABC", "even", 12_000), PhaseLine("c", "d", "ABC", "even", 7_000)),
        loads=(
            PhaseLoad("b", "ABC", "wye", "PQ", 200_000, 50_000),
            PhaseLoad("e", "ABC", "delta", "I", 90_000, 40_000),
        ),
        regulators=(PhaseRegulator("b", "c", (6, 6, 6), 60, 1, 115, 50, 2, 1),),
        transformers=(PhaseTransformer("d", "e", 200_000, 480, 0.01, 0.04),),
    )
