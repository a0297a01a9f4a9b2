# pragma version ==0.4.3
"""
@title Merkle trees on SHA-256
@license Apache-2.0
@author Commonwatt
@notice Leaf sha256(0 || data), node sha256(1 || left || right), an odd node moves up unchanged (`core/determinism`).
@custom:security Leaves and nodes are told apart by their first byte, so no node passes for a leaf.
"""

MAX_DEPTH: constant(uint256) = 24


@internal
@pure
def root_of(leaf: bytes32, siblings: DynArray[bytes32, MAX_DEPTH], sides: uint256) -> bytes32:
    """
    @dev The root above a leaf's hash; bit k of `sides`: sibling k stands on the left.
    """
    node: bytes32 = leaf
    bits: uint256 = sides
    for sibling: bytes32 in siblings:
        if bits & 1 == 1:
            node = sha256(concat(b"\x01", sibling, node))
        else:
            node = sha256(concat(b"\x01", node, sibling))
        bits = bits >> 1
    return node
