"""The class that a file of a room holds."""

import pytest

from commonwatt.core.registry import class_name


@pytest.mark.parametrize(
    ("stem", "name"),
    [
        ("uniform_price", "UniformPrice"),
        ("median_14d", "Median14d"),
        ("pv", "Pv"),
        ("none", "None_"),
        ("true", "True_"),
    ],
)
def test_a_file_holds_the_class_of_its_name(stem: str, name: str) -> None:
    assert class_name(stem) == name
