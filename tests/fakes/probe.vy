# pragma version 0.4.3
# pragma evm-version cancun
# A contract that shows what an executor does: storage, logs, reverts, transient storage, block time.

event Stored:
    key: indexed(uint256)
    amount: uint256

held: public(HashMap[uint256, uint256])
stamped: public(uint256)
numbered: public(uint256)
owner: public(immutable(address))
marked: transient(uint256)

@deploy
def __init__():
    owner = msg.sender

@external
def store(key: uint256, amount: uint256) -> uint256:
    before: uint256 = self.held[key]
    self.held[key] = amount
    log Stored(key=key, amount=amount)
    return before

@external
def store_then_fail(key: uint256, amount: uint256):
    self.held[key] = amount
    log Stored(key=key, amount=amount)
    raise "probe: refused"

@external
def subtract(amount: uint256) -> uint256:
    return 1 - amount

@external
def mark() -> uint256:
    """Return how often this transaction was here before: 0 where transient storage starts empty."""
    before: uint256 = self.marked
    self.marked = before + 1
    self.held[99] = before
    return before

@external
def stamp():
    self.stamped = block.timestamp
    self.numbered = block.number

@external
@view
def surroundings() -> (uint256, uint256, uint256, address, address, uint256, uint256, bytes32):
    return block.timestamp, block.number, chain.id, msg.sender, tx.origin, block.basefee, block.gaslimit, block.prevrandao

@external
def burn():
    """Use up all gas there is."""
    for i: uint256 in range(100_000_000):
        self.held[i] = 1
