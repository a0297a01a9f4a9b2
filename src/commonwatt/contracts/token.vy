# pragma version ==0.4.3
# pragma evm-version cancun
# pragma optimize gas
"""
@title Community token
@custom:contract-name token
@license Apache-2.0
@author Commonwatt
@notice ERC-20 with EIP-2612 permits and nine decimals, so that one base unit is one nano of the community's currency.
        The minter issues it against money paid in and takes it back by `burn`.
@dev Written here and not taken from snekmate, whose licence (AGPL) would bind this package's bytecode.
@custom:security The minter can issue without limit: holders trust it to redeem. Who approves a spender by `approve`
                 while another allowance is open can be spent from twice; set it to zero first, or use `permit`.
"""


from ethereum.ercs import IERC20


implements: IERC20


_DOMAIN_TYPE: constant(bytes32) = keccak256(
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
_DOMAIN_VERSION: constant(bytes32) = keccak256("1")
_PERMIT_TYPE: constant(bytes32) = keccak256(
    "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
)
# @dev Half the order of secp256k1: of the two signatures of a message only the one with the lower s is taken.
_HALF_ORDER: constant(uint256) = 57896044618658097711785492504343953926418782139537452191302581570759080747168


decimals: public(constant(uint8)) = 9
name: public(immutable(String[32]))
symbol: public(immutable(String[8]))

minter: public(address)
totalSupply: public(uint256)
balanceOf: public(HashMap[address, uint256])
allowance: public(HashMap[address, HashMap[address, uint256]])
nonces: public(HashMap[address, uint256])


event MinterChanged:
    minter: indexed(address)


@deploy
def __init__(name_: String[32], symbol_: String[8], minter_: address):
    """
    @param name_ Name of the token, also of its signing domain.
    @param symbol_ Its symbol.
    @param minter_ Address that may issue.
    """
    assert minter_ != empty(address), "token: no minter"
    name = name_
    symbol = symbol_
    self.minter = minter_
    log MinterChanged(minter=minter_)


@external
def transfer(to: address, amount: uint256) -> bool:
    """
    @notice Moves the caller's tokens.
    @param to Who receives them; not empty.
    @param amount Base units.
    @return True.
    """
    self._transfer(msg.sender, to, amount)
    return True


@external
def transferFrom(owner: address, to: address, amount: uint256) -> bool:
    """
    @notice Moves tokens the caller has an allowance for; one of 2^256 - 1 does not shrink.
    @param owner Whose they are.
    @param to Who receives them; not empty.
    @param amount Base units.
    @return True.
    """
    allowed: uint256 = self.allowance[owner][msg.sender]
    assert allowed >= amount, "token: allowance"
    if allowed != max_value(uint256):
        self._approve(owner, msg.sender, allowed - amount)
    self._transfer(owner, to, amount)
    return True


@external
def approve(spender: address, amount: uint256) -> bool:
    """
    @notice Allows a spender to move the caller's tokens.
    @param spender Who may.
    @param amount Base units, in place of what was allowed before.
    @return True.
    """
    self._approve(msg.sender, spender, amount)
    return True


@external
def permit(owner: address, spender: address, amount: uint256, deadline: uint256, v: uint8, r: bytes32, s: bytes32):
    """
    @notice Allows a spender by the owner's signature (EIP-2612). Anyone.
    @param owner Whose tokens.
    @param spender Who may move them.
    @param amount Base units, in place of what was allowed before.
    @param deadline Last unix second of the signature.
    @param v Of the signature.
    @param r Of the signature.
    @param s Of the signature, in the lower half.
    """
    assert block.timestamp <= deadline, "token: permit expired"
    assert convert(s, uint256) <= _HALF_ORDER, "token: signature"
    nonce: uint256 = self.nonces[owner]
    self.nonces[owner] = nonce + 1
    struct_hash: bytes32 = keccak256(abi_encode(_PERMIT_TYPE, owner, spender, amount, nonce, deadline))
    digest: bytes32 = keccak256(concat(b"\x19\x01", self._domain_separator(), struct_hash))
    signer: address = ecrecover(digest, v, r, s)
    assert signer != empty(address) and signer == owner, "token: signature"
    self._approve(owner, spender, amount)


@external
def mint(to: address, amount: uint256):
    """
    @notice Issues tokens. Only the minter.
    @param to Who receives them; not empty.
    @param amount Base units.
    """
    assert msg.sender == self.minter, "token: not the minter"
    assert to != empty(address), "token: no receiver"
    self.totalSupply += amount
    self.balanceOf[to] += amount
    log IERC20.Transfer(sender=empty(address), receiver=to, value=amount)


@external
def burn(amount: uint256):
    """
    @notice Destroys the caller's tokens.
    @param amount Base units.
    """
    assert self.balanceOf[msg.sender] >= amount, "token: balance"
    self.balanceOf[msg.sender] -= amount
    self.totalSupply -= amount
    log IERC20.Transfer(sender=msg.sender, receiver=empty(address), value=amount)


@external
def set_minter(minter_: address):
    """
    @notice Passes on the right to issue; to the empty address: for good. Only the minter.
    @param minter_ The next one.
    """
    assert msg.sender == self.minter, "token: not the minter"
    self.minter = minter_
    log MinterChanged(minter=minter_)


@external
@view
def DOMAIN_SEPARATOR() -> bytes32:
    """
    @notice EIP-712 domain of the permits: the token's name, version "1", chain id, this contract.
    @return Its hash.
    """
    return self._domain_separator()


@internal
@view
def _domain_separator() -> bytes32:
    """
    @dev Computed each time, so that a fork of the chain has another one.
    """
    return keccak256(abi_encode(_DOMAIN_TYPE, keccak256(name), _DOMAIN_VERSION, chain.id, self))


@internal
def _transfer(owner: address, to: address, amount: uint256):
    """
    @dev Moves tokens.
    """
    assert to != empty(address), "token: no receiver"
    assert self.balanceOf[owner] >= amount, "token: balance"
    self.balanceOf[owner] -= amount
    self.balanceOf[to] += amount
    log IERC20.Transfer(sender=owner, receiver=to, value=amount)


@internal
def _approve(owner: address, spender: address, amount: uint256):
    """
    @dev Sets an allowance.
    """
    self.allowance[owner][spender] = amount
    log IERC20.Approval(owner=owner, spender=spender, value=amount)
