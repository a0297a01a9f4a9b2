# pragma version ==0.4.3
# pragma evm-version cancun
"""
@notice A token that misbehaves on demand; for tests only.
@dev mode 0 behaves, 1 answers false, 2 keeps one unit, 3 calls the vault's withdraw again from within a transfer.
"""


interface Vault:
    def withdraw(index: uint256) -> uint256: nonpayable


balanceOf: public(HashMap[address, uint256])
mode: public(uint256)


@external
def set_mode(mode: uint256):
    self.mode = mode


@external
def mint(to: address, amount: uint256):
    self.balanceOf[to] += amount


@external
def announce(vault: address, index: uint256, amount: uint256):
    raw_call(vault, abi_encode(index, amount, method_id=method_id("announce(uint256,uint256)")))


@external
def withdraw(vault: address, index: uint256):
    extcall Vault(vault).withdraw(index)


@external
def transfer(to: address, amount: uint256) -> bool:
    return self._move(msg.sender, to, amount)


@external
def transferFrom(owner: address, to: address, amount: uint256) -> bool:
    return self._move(owner, to, amount)


@internal
def _move(owner: address, to: address, amount: uint256) -> bool:
    if self.mode == 1:
        return False
    self.balanceOf[owner] -= amount
    self.balanceOf[to] += amount - (1 if self.mode == 2 else 0)
    if self.mode == 3:
        extcall Vault(msg.sender).withdraw(8)
    return True
