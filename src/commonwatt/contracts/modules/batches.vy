# pragma version ==0.4.3
"""
@title Where a batch stands, and how its lines are read
@license Apache-2.0
@author Commonwatt
@notice What the market and the claims must compute alike: the key of a batch, the hash of its content, the fields of a line.
@custom:security Pure functions: who may post or ask is the contracts' business.
"""


struct Place:
    slot: uint256
    kind: uint256
    revision: uint256
    part: uint256
    parts: uint256
    prior: bytes32
    energy_lines: uint256


MAX_LINES: constant(uint256) = 1000
LINES_BYTES: constant(uint256) = 12 * 1000 + 20
LINE_BYTES: constant(uint256) = 12
PADDING_BYTES: constant(uint256) = 20  # `extract32` reads 32 bytes from the start of the last line
FIRST_MEMBER: constant(uint256) = 8
SUPPLIER: constant(uint256) = 0
REWARDS: constant(uint256) = 3
POOL: constant(uint256) = 6
BOND: constant(uint256) = 7
MAX_PARTS: constant(uint256) = 256
# @dev Revisions of one slot are numbered below this, so that a position over all of them can be shown.
MAX_REVISIONS: constant(uint256) = 256

SETTLEMENT: constant(uint256) = 0
IMBALANCE: constant(uint256) = 1
SUPPLIED: constant(uint256) = 2
TRADES: constant(uint256) = 3
KINDS: constant(uint256) = 4

LIVE: constant(uint256) = 1
VOID: constant(uint256) = 2


@internal
@pure
def key_of(community: bytes32, slot: uint256, kind: uint256, revision: uint256, part: uint256) -> bytes32:
    """
    @dev Key of a batch.
    """
    return keccak256(abi_encode(community, slot, kind, revision, part))


@internal
@pure
def content_of(key: bytes32, parts: uint256, prior: bytes32, energy_lines: uint256, lines_hash: bytes32) -> bytes32:
    """
    @dev What is stored under the key, of which the market keeps the high 192 bits.
    """
    return keccak256(abi_encode(key, parts, prior, energy_lines, lines_hash))


@internal
@pure
def energy_of(word: uint256) -> uint256:
    """
    @dev Energy of an energy line, Wh.
    """
    return (word >> 192) & (2**32 - 1)


@internal
@pure
def price_of(word: uint256) -> int256:
    """
    @dev Price of an energy line, micro per kWh. `convert(uint256, int256)` would clamp, hence through bytes.
    """
    return convert(convert(word << 64, bytes32), int256) >> 224


@internal
@pure
def amount_of(word: uint256) -> int256:
    """
    @dev Amount of an amount line, nano.
    """
    return convert(convert(word << 32, bytes32), int256) >> 192
