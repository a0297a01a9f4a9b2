"""The community token: ERC-20, permits, issue and return."""

import pytest
from eth_abi import encode
from tests.fakes.contract_world import NO_ADDRESS, World, address_of, deploy_shipped, reverts, sign

from commonwatt.contracts import encoding

A, B = address_of("a"), address_of("b")
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


@pytest.fixture
def funded(world: World) -> World:
    world.token.call("mint", A, 100, sender=world.operator)
    return world


def test_one_base_unit_is_one_nano(world: World) -> None:
    assert [world.token.call(view) for view in ("decimals", "name", "symbol")] == [9, "Watt", "W"]


def test_tokens_move(funded: World) -> None:
    assert funded.token.call("transfer", B, 30, sender=A) is True
    assert funded.token.logs() == [("Transfer", {"sender": "0x" + A.hex(), "receiver": "0x" + B.hex(), "value": 30})]
    assert [funded.token.call("balanceOf", who) for who in (A, B)] == [70, 30]
    assert funded.token.call("transfer", A, 70, sender=A) is True
    assert funded.token.call("balanceOf", A) == 70
    with reverts("token: balance"):
        funded.token.call("transfer", B, 71, sender=A)
    with reverts("token: no receiver"):
        funded.token.call("transfer", NO_ADDRESS, 1, sender=A)


def test_an_allowance_shrinks_unless_it_is_endless(funded: World) -> None:
    with reverts("token: allowance"):
        funded.token.call("transferFrom", A, B, 1, sender=B)
    funded.token.call("approve", B, 50, sender=A)
    funded.token.call("transferFrom", A, B, 20, sender=B)
    assert funded.token.call("allowance", A, B) == 30
    with reverts("token: allowance"):
        funded.token.call("transferFrom", A, B, 31, sender=B)
    funded.token.call("approve", B, 2**256 - 1, sender=A)
    funded.token.call("transferFrom", A, B, 20, sender=B)
    assert funded.token.call("allowance", A, B) == 2**256 - 1


def test_the_minter_issues_and_holders_return(funded: World) -> None:
    supply = funded.token.call("totalSupply")
    funded.token.call("burn", 40, sender=A)
    assert funded.token.call("totalSupply") == supply - 40
    assert funded.token.call("balanceOf", A) == 60
    with reverts("token: balance"):
        funded.token.call("burn", 61, sender=A)
    with reverts("token: not the minter"):
        funded.token.call("mint", A, 1, sender=A)
    with reverts("token: no receiver"):
        funded.token.call("mint", NO_ADDRESS, 1, sender=funded.operator)


def test_the_right_to_issue_passes_on(world: World) -> None:
    with reverts("token: not the minter"):
        world.token.call("set_minter", A, sender=A)
    world.token.call("set_minter", A, sender=world.operator)
    world.token.call("mint", B, 1, sender=A)
    with reverts("token: not the minter"):
        world.token.call("mint", B, 1, sender=world.operator)
    with reverts("token: no minter"):
        deploy_shipped(world.env, "token", "Watt", "W", NO_ADDRESS, sender=world.operator)


def permit(world: World, amount: int, deadline: int, nonce: int) -> bytes:
    kind = b"Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
    types = ["bytes32", "address", "address", "uint256", "uint256", "uint256"]
    struct = encoding.keccak256(encode(types, [encoding.keccak256(kind), A, B, amount, nonce, deadline]))
    return encoding.keccak256(b"\x19\x01" + world.token.call("DOMAIN_SEPARATOR") + struct)


def test_a_signature_allows_once(funded: World) -> None:
    deadline = funded.env.timestamp
    v, r, s = sign("a", permit(funded, 25, deadline, 0))
    arguments = (A, B, 25, deadline, v, r.to_bytes(32, "big"), s.to_bytes(32, "big"))
    funded.token.call("permit", *arguments)
    assert funded.token.call("allowance", A, B) == 25
    assert funded.token.call("nonces", A) == 1
    with reverts("token: signature"):
        funded.token.call("permit", *arguments)


def test_late_foreign_and_mirrored_signatures_are_refused(funded: World) -> None:
    deadline = funded.env.timestamp
    v, r, s = sign("a", permit(funded, 25, deadline, 0))
    words = r.to_bytes(32, "big"), s.to_bytes(32, "big")
    with reverts("token: signature"):
        funded.token.call("permit", A, B, 26, deadline, v, *words)
    with reverts("token: signature"):
        funded.token.call("permit", NO_ADDRESS, B, 25, deadline, 29, *words)
    with reverts("token: signature"):
        funded.token.call("permit", A, B, 25, deadline, 55 - v, words[0], (ORDER - s).to_bytes(32, "big"))
    funded.pass_s(1)
    with reverts("token: permit expired"):
        funded.token.call("permit", A, B, 25, deadline, v, *words)


def test_the_domain_is_the_tokens_own(world: World) -> None:
    kind = b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
    types = ["bytes32", "bytes32", "bytes32", "uint256", "address"]
    hashes = [encoding.keccak256(text) for text in (kind, b"Watt", b"1")]
    expected = encode(types, [*hashes, int(world.env.evm.patch.chain_id), world.token.address])
    assert world.token.call("DOMAIN_SEPARATOR") == encoding.keccak256(expected)
