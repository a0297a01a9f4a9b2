"""Every module of the package can be imported on its own."""

import importlib
import pkgutil

import pytest

import commonwatt

NAMES = sorted(
    m.name for m in pkgutil.walk_packages(commonwatt.__path__, "commonwatt.") if m.name != "commonwatt.__main__"
)


@pytest.mark.parametrize("name", NAMES)
def test_a_module_imports_without_warnings(name: str) -> None:
    assert importlib.import_module(name).__doc__
