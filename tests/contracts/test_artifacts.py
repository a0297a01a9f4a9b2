"""What ships is what the sources say."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from commonwatt.contracts import artifact, encoding, gas, names
from commonwatt.contracts.gas import gas_model

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src" / "commonwatt" / "contracts").glob("*.vy"))
REASON = re.compile(r'"(\w+: [^"]+)"')


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def compiler() -> ModuleType:
    return script("compile_contracts")


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_compiling_again_gives_the_shipped_artifact(compiler: ModuleType, source: Path) -> None:
    shipped = source.parent / "artifacts" / f"{source.stem}.json"
    assert compiler.artifact_text(source) == shipped.read_text(encoding="utf-8"), "run `make artifacts`"


def test_every_source_has_an_artifact_and_every_artifact_a_source() -> None:
    assert names() == tuple(path.stem for path in SOURCES)


def test_the_gas_model_was_fitted_on_this_code() -> None:
    assert gas_model() is not None, "run `make artifacts`"


def test_a_model_of_other_code_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gas, "code_hashes", lambda: {"market": "another"})
    assert gas_model.__wrapped__() is None


@pytest.mark.full
def test_fitting_again_gives_the_shipped_gas_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "scripts")
    shipped = ROOT / "src" / "commonwatt" / "contracts" / gas.FILE
    assert script("fit_gas_model").model_text() == shipped.read_text(encoding="utf-8"), "run `make artifacts`"


def test_an_unknown_name_lists_the_choices() -> None:
    with pytest.raises(KeyError, match="expected one of claims, market, members, token, vault, was 'valut'"):
        artifact("valut")


@pytest.mark.parametrize("name", names())
def test_an_artifact_holds_what_a_chain_needs(name: str) -> None:
    loaded = artifact(name)
    assert loaded.creation_code.endswith(loaded.runtime_code) or loaded.runtime_code in loaded.creation_code
    assert loaded.runtime_hash == encoding.keccak256(loaded.runtime_code)
    for signature, selector in loaded.method_ids.items():
        assert selector == encoding.keccak256(signature.encode())[:4]
    assert {entry["name"] for entry in loaded.abi if entry["type"] == "function"} == {
        signature.split("(")[0] for signature in loaded.method_ids
    }


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_every_revert_reason_is_prefixed_and_provoked_by_a_test(source: Path) -> None:
    text = source.read_text(encoding="utf-8")
    asserts = re.findall(r"assert\s+(?:\(.*?\)|[^\n]*?),\s*\"([^\"]+)\"", text, flags=re.DOTALL)
    reasons = set(asserts)
    assert reasons
    assert all(reason.startswith(f"{source.stem}: ") for reason in reasons)
    tests = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.rglob("test_*.py"))
    provoked = set(REASON.findall(tests))
    assert reasons - provoked == set()


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_every_assert_says_why_and_every_function_is_documented(source: Path) -> None:
    text = source.read_text(encoding="utf-8")
    assert len(re.findall(r"^ +assert ", text, flags=re.MULTILINE)) == len(re.findall(rf'"{source.stem}: ', text))
    assert len(re.findall(r"^def ", text, flags=re.MULTILINE)) == len(
        re.findall(r'^    """\n    @', text, re.MULTILINE)
    )
    assert "@custom:security" in text


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_no_contract_reads_gas_or_catches_a_failing_call(source: Path) -> None:
    text = source.read_text(encoding="utf-8")
    for forbidden in ("msg.gas", "raw_call", "revert_on_failure", "gas=", "selfdestruct", "tx.origin", "gasleft"):
        assert forbidden not in text


@pytest.mark.parametrize("name", names())
def test_a_contract_fits_what_a_chain_takes(name: str) -> None:
    """EIP-170."""
    assert len(artifact(name).runtime_code) <= 24_576


def test_a_module_refuses_nothing_itself() -> None:
    """So every revert reason stands in a contract, under its name."""
    modules = sorted((ROOT / "src/commonwatt/contracts/modules").glob("*.vy"))
    assert modules
    for module in modules:
        assert not re.findall(r"^ +(?:assert|raise) ", module.read_text(encoding="utf-8"), re.MULTILINE)
