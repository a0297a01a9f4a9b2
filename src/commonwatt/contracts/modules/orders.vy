# pragma version ==0.4.3
"""
@title Signed orders
@license Apache-2.0
@author Commonwatt
@notice What a member signs (EIP-712, in the market's domain): the most it wants in any one slot of a span of slots, at which
        limit, and by which path it may be settled. One slot is an order, a long span a standing instruction.
@custom:security Pure functions: whether the signer was the member's wallet, and whether the order was cancelled, depends on
                 the slot and is the contracts' business.
"""


struct Order:
    member: uint256  # the account
    isSell: bool
    energyWh: uint256  # the greatest energy in any one slot
    limitMicroPerKwh: int256
    firstSlot: uint256
    lastSlot: uint256
    path: uint256  # 0: settle_net, 1: settle_trades
    salt: uint256


PATH_NET: constant(uint256) = 0
PATH_TRADES: constant(uint256) = 1
_ORDER_TYPE: constant(bytes32) = keccak256(
    "Order(uint256 member,bool isSell,uint256 energyWh,int256 limitMicroPerKwh,uint256 firstSlot,uint256 lastSlot,uint256 path,uint256 salt)"
)


@internal
@pure
def hash_of(order: Order) -> bytes32:
    """
    @dev EIP-712 hash of the struct.
    """
    return keccak256(abi_encode(_ORDER_TYPE, order))


@internal
@pure
def signer_of(domain: bytes32, order_hash: bytes32, v: uint256, r: uint256, s: uint256) -> address:
    """
    @dev Who signed; the empty address for what is no signature.
    """
    return ecrecover(keccak256(concat(b"\x19\x01", domain, order_hash)), v, r, s)


@internal
@pure
def is_within(order: Order, is_sell: bool, price: int256) -> bool:
    """
    @dev Whether a price, micro per kWh, is within the limit of an order of that side.
    """
    if order.isSell != is_sell:
        return False
    return price >= order.limitMicroPerKwh if is_sell else price <= order.limitMicroPerKwh
