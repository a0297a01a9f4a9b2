"""One truth in every layout imports to the same profiles; whatever stands in a file, an import answers with findings or a whole folder."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow.parquet as pq
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from tests.fakes.meter_files import Shape, expected, lines_of, written

from commonwatt.core.errors import InvalidInput
from commonwatt.settings import community_findings
from commonwatt.wiring.import_request import ImportRequest
from commonwatt.wiring.importing import import_community

KINDS = [("load", "pv"), ("load",), ("import", "export"), ("net",), ("net", "pv"), ("import", "export", "pv")]


@st.composite
def shapes(draw: st.DrawFn) -> Shape:
    shape = Shape(
        wide=draw(st.booleans()),
        slot_s=draw(st.sampled_from([900, 3600])),
        unit=draw(st.sampled_from(["Wh", "kWh", "W", "kW"])),
        end=draw(st.booleans()),
        local=draw(st.booleans()),
        date=draw(st.sampled_from(["%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%y"])),
        separator=draw(st.sampled_from([",", ";", "\t"])),
        comma=draw(st.booleans()),
        register=draw(st.booleans()),
        kinds=draw(st.sampled_from(KINDS)),
    )
    assume(not (shape.comma and shape.separator == ","))
    assume(not shape.register or (shape.unit in ("Wh", "kWh") and "net" not in shape.kinds))
    return shape


def imported(path: Path, *maps: str) -> tuple[Path, dict[tuple[str, int], tuple[int, int]]]:
    """The folder, and both energies by home and instant."""
    into = path.parent / "into"
    import_community(ImportRequest((path,), into, maps=maps))
    rows = pq.read_table(into / "profiles.parquet").to_pylist()
    return into, {(row["member"], int(row["start"].timestamp())): (row_energy(row)) for row in rows}


def row_energy(row: dict[str, Any]) -> tuple[int, int]:
    names = [name for name in row if name.endswith("_wh")]
    assert names in (["load_wh", "pv_wh"], ["import_wh", "export_wh"])
    return row[names[0]], row[names[1]]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(shapes())
def test_a_layout_is_guessed_and_gives_the_truth(shape: Shape) -> None:
    with TemporaryDirectory() as name:
        path = written(Path(name) / "meters.csv", shape)
        # What nothing in a file can say: the zone of local times, and that a month of registers ends where a slot's energy would begin.
        maps = ["zone=Europe/Zurich"] if shape.local else []
        maps += [f"stamps={'end' if shape.end else 'start'}"] if not shape.local or shape.slot_s == 3600 else []
        into, found = imported(path, *maps)
        assert found == expected(shape)
        assert community_findings(into) == []


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(shapes(), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(shape: Shape, draw: Any) -> None:
    assume(not shape.local)  # of an hour shown twice, only the order says which is which
    with TemporaryDirectory() as name:

        def shuffled(lines: list[str]) -> list[str]:
            head, *rows = lines
            draw.shuffle(rows)
            return [head, *rows]

        path = written(Path(name) / "meters.csv", shape, shuffled)
        stamps = f"stamps={'end' if shape.end else 'start'}"
        values = f"values={'register' if shape.register else 'slot'}"
        assert imported(path, stamps, values)[1] == expected(shape)


SNIPPETS = [
    b"", b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b'"', b"\n", b"\r", b"\r\n\r\n", b";", b",", b",,", b"\t", b"|", b"-", b"NaN", b"inf", b"1e999", b"1e300",
    b"-1", b"99999999999999999999999", b"2024-10-26 00:00", b"0001-01-01 00:00Z", b"9999-12-31 24:00", b"24:00", b"31.02.2024", b"Time", b"total",
    b"{member}", b"+", b"\xe4", b"9" * 3000, b"Time,Home,load_kWh\n",
]  # fmt: skip


@st.composite
def spoilt(draw: st.DrawFn) -> bytes:
    data = "\n".join(lines_of(draw(shapes()))[: draw(st.integers(1, 90))]).encode()
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        stop = min(len(data), start + draw(st.sampled_from([0, 0, 1, 2, 8, 40, 400])))
        data = data[:start] + draw(st.sampled_from(SNIPPETS)) + data[stop:]
    return data


def answered(name: str, data: bytes, maps: tuple[str, ...], layout: str = "") -> None:
    """An import ends with findings and nothing written, or with a whole folder that `check` reads."""
    with TemporaryDirectory() as folder:
        path, into = Path(folder) / name, Path(folder) / "into"
        path.write_bytes(data)
        try:
            lines = import_community(ImportRequest((path,), into, layout=layout, maps=maps))
        except InvalidInput as error:
            assert error.findings
            assert all(finding.where and finding.expected and finding.found for finding in error.findings)
            assert sorted(p.name for p in Path(folder).iterdir()) == [name]
        else:
            assert lines
            assert {"community.toml", "members.csv", "profiles.parquet"} <= {p.name for p in into.iterdir()}
            # Gaps of a file cut in pieces may be too long to run; nothing else may be wrong with what was written.
            assert all("gap" in finding.expected for finding in community_findings(into))


MAPS = st.lists(
    st.sampled_from(
        [
            "zone=Europe/Zurich", "zone=-08:00", "unit=W", "unit=Wh", "values=register", "stamps=end", "decimal=,", "separator=;", "dates=month_first",
            "time=Time", "time=Time + Home", "member=Home", "load={member}", "load=load_kWh", "net=net_W | load_kWh?", "pv=pv_Wh?", "header=2", "header=99",
            "slot_s=3600", "slot_s=60", "duplicates=last", "duplicates=first", "clock=lenient", "home=x",
        ]
    ),
    max_size=4,
    unique_by=lambda text: text.split("=")[0],
)  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(spoilt(), MAPS)
def test_a_spoilt_file_is_answered(data: bytes, maps: list[str]) -> None:
    answered("meters.csv", data, tuple(maps))


@settings(max_examples=30, deadline=None)
@given(
    st.binary(max_size=300), st.sampled_from(["meters.csv", "meters.parquet"]), st.sampled_from(["", "pecan_street"])
)
def test_any_bytes_are_answered(data: bytes, name: str, layout: str) -> None:
    answered(name, data, (), layout)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text(max_size=30), max_size=3))
def test_any_mapping_is_answered(maps: list[str]) -> None:
    answered("meters.csv", "\n".join(lines_of(Shape())).encode(), tuple(maps))
