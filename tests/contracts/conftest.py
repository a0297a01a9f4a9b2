"""One deployment for all tests of contracts; each test starts from it and leaves nothing behind."""

from collections.abc import Iterator

import pytest
from tests.fakes.contract_world import COIN, World


@pytest.fixture(scope="session")
def deployed() -> World:
    """Four members and a supplier's deposit of 1000."""
    world = World()
    world.deposit(0, 1000 * COIN)
    return world


@pytest.fixture
def world(deployed: World) -> Iterator[World]:
    """The deployment, undone afterwards."""
    with deployed.anchored():
        yield deployed
