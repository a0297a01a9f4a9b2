"""`members.signed_for_wallet` and `signed_for_meter`: a signature stays the member's when the key is changed afterwards."""

import pytest
from tests.fakes.contract_world import World, address_of


@pytest.mark.parametrize("kind", ["wallet", "meter"])
def test_a_key_signs_until_it_is_replaced(world: World, kind: str) -> None:
    view, old, new = (
        f"signed_for_{kind}",
        world.wallet(8) if kind == "wallet" else address_of("meter 8"),
        address_of("new"),
    )
    began_s = world.env.timestamp

    def signed(key: bytes, at_s: int, index: int = 8) -> bool:
        return bool(world.members.call(view, index, key, at_s))

    assert signed(old, began_s)
    assert not signed(old, began_s, index=9)
    assert not signed(new, began_s)
    assert not signed(world.wallet(0), began_s, index=0)
    world.pass_s(100)
    if kind == "wallet":
        world.members.call("rotate_wallet", 8, new, sender=old)
    else:
        world.members.call("rotate_meter_key", 8, new, sender=world.regulator)
    assert signed(old, began_s + 100)
    assert not signed(old, began_s + 101)
    assert signed(new, began_s)
    world.pass_s(100)
    if kind == "wallet":
        world.members.call("rotate_wallet", 8, old, sender=new)
    else:
        world.members.call("rotate_meter_key", 8, old, sender=world.regulator)
    assert signed(old, began_s + 500)
    assert not signed(new, began_s + 201)
