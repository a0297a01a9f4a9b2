"""The standalone verifier is what its generator makes of the package's sources today."""

from scripts.make_verifier import TARGET, verifier_source


def test_the_shipped_verifier_is_made_from_these_sources() -> None:
    assert TARGET.read_text(encoding="utf-8") == verifier_source(), "run `make generate`"


def test_the_shipped_verifier_needs_nothing_but_python() -> None:
    lines = TARGET.read_text(encoding="utf-8").splitlines()
    imports = [line.strip() for line in lines if line.strip().startswith(("import ", "from ")) and "import" in line]
    foreign = [
        line for line in imports if line.split()[1].split(".")[0] in ("commonwatt", "numpy", "pyarrow", "pydantic")
    ]
    assert not foreign
    # The two that make it faster are asked for inside functions, and their absence is no error.
    assert not [line for line in lines if line.startswith(("from Crypto", "from coincurve", "import coincurve"))]
