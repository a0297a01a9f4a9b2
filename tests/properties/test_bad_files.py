"""Whatever stands in a community's files, a check answers with findings and never falls over."""

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fakes.communities import HEADER, MEMBERS, TOML, profile_lines, write_community

from commonwatt.core.errors import InvalidInput
from commonwatt.core.findings import Finding
from commonwatt.settings import community_findings, load, open_community

FILES = ("community.toml", "members.csv", "profiles.csv")
SOUND = {
    "community.toml": TOML + '[market]\nclearing = "uniform_price"\n[settlement]\nresidual = "metered"\n'
    '[[tariff.windows]]\nfrom = "17:00"\nto = "21:00"\ndays = ["mon"]\nretail_micro_per_kwh = 5\n',
    "members.csv": MEMBERS,
    "profiles.csv": "\n".join([HEADER, *profile_lines()[:12]]) + "\n",
}
SNIPPETS = [
    b"", b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b'"', b"\n", b"\r", b";", b",", b",,", b"[", b"]]", b"{", b"}", b"=", b"-", b"NaN", b"nan",
    b"inf", b"1e999", b"-1", b"0x10", b"99999999999999999999999", b"2024-05-06T00:00", b"1979-05-27", b"true", b"[[member]]\n", b"\\u0000",
    b'"""', b"{a = 1}", b"[1, 2]", b"\xc3\xa9", b"9" * 5000, b"[" * 3000,
]  # fmt: skip


@st.composite
def spoilt(draw: st.DrawFn, text: str) -> bytes:
    data = text.encode()
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(data)))
        stop = min(len(data), start + draw(st.sampled_from([0, 0, 1, 2, 8, 40])))
        data = data[:start] + draw(st.sampled_from(SNIPPETS)) + data[stop:]
    return data


def checked(contents: dict[str, bytes], overrides: tuple[str, ...] = ()) -> list[Finding]:
    with TemporaryDirectory() as name:
        folder = write_community(Path(name))
        for file, data in contents.items():
            (folder / file).write_bytes(data)
        found = community_findings(folder, None, overrides)
        try:
            open_community(folder, None, overrides)
        except InvalidInput as error:
            assert list(error.findings) == found
        else:
            assert found == []
        return found


def test_the_sound_files_have_no_finding() -> None:
    contents = {name: text.encode() for name, text in SOUND.items()}
    assert checked(contents) == []


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(FILES).flatmap(lambda name: st.tuples(st.just(name), spoilt(SOUND[name]))))
def test_a_spoilt_file_gives_findings_or_a_community(case: tuple[str, bytes]) -> None:
    name, data = case
    contents = {other: text.encode() for other, text in SOUND.items()}
    for finding in checked(contents | {name: data}):
        assert finding.where and finding.expected and finding.found


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(FILES), st.binary(max_size=200))
def test_random_bytes_give_findings(name: str, data: bytes) -> None:
    contents = {other: text.encode() for other, text in SOUND.items()}
    assert checked(contents | {name: data})


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=120), st.integers(0, 3))
def test_a_damaged_parquet_file_gives_findings(noise: bytes, cut: int) -> None:
    whole = b"PAR1" + noise + b"PAR1"
    assert checked(
        {"community.toml": TOML.replace("profiles.csv", "p.parquet").encode(), "p.parquet": whole[: len(whole) - cut]}
    )


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["community", "tariff", "market", "settlement", "ledger", "data", "validators", "nonsense"]),
    st.sampled_from(["name", "design", "slot_s", "windows", "clearing", "residual", "authorities", "profiles", "from", "key_file", "x"]),
    st.text(max_size=40) | st.sampled_from(["[]", "{}", "[{}]", "nan", "1e400", '"\\u0000"', "[[[]]]", "true", "2024-01-01", "1\n[x]"]),
)  # fmt: skip
def test_any_override_gives_findings_or_settings(section: str, key: str, value: str) -> None:
    with TemporaryDirectory() as name:
        folder = write_community(Path(name))
        try:
            assert load(folder, overrides=[f"{section}.{key}={value}"]).effective_toml()
        except InvalidInput as error:
            assert error.findings
