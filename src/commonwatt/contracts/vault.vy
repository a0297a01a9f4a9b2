# pragma version ==0.4.3
# pragma evm-version cancun
# pragma optimize gas
"""
@title The community's money
@custom:contract-name vault
@license Apache-2.0
@author Commonwatt
@notice The only contract that holds money. Every account has a signed balance (a debt is a negative one) and credits
        that are still pending; only the market moves money between accounts, only an account's wallet takes it out.

        Time is cut into epochs of `window_s`. A credit posted in epoch e is pending through e and e + 1 and free from
        e + 2: one to two windows, in which the batch can be voided. Accounts are rolled lazily, when touched.

        One word an account: balance 80 bits signed | pending of this epoch 72 | of the previous one 72 | epoch 32.

        Bookkeeping. Let b(i), c(i), p(i) be balance and the two pendings of account i as stored, and `held` the nano
        for which tokens were taken in and not paid out. Deposits and withdrawals change one b(i) and `held` alike; a
        batch and its void change the b, c, p by amounts that sum to zero; a roll moves c and p within one account. So
            (1)  sum over i of b(i) + c(i) + p(i) = held <= unit_nano * tokens of this contract.
        With `total_debt` = sum over i > 0 of max(-b(i), 0), and b(0) - total_debt >= 0 after every batch and every
        withdrawal of the supplier (nothing else lowers it), (1) gives
            (2)  sum over i > 0 of max(b(i), 0) + c(i) + p(i)  =  held - c(0) - p(0) - (b(0) - total_debt)  <=  held:
        what everybody but the supplier can ever claim is backed by tokens, whoever is in debt.
        A lock of the operator's bond (`post`) moves b(7) to c(7), and `move` takes from one b what it gives to another, never
        below zero and never from the supplier: neither touches (1) or lowers b(0) - total_debt.
@custom:security The token is trusted to move what it says; a token that can freeze or tax a holder can freeze this
                 contract. Tokens sent here without `deposit` go to the rewards account (`sweep`).
                 Which credits and debits are right is the market's business: see what is not protected there. The claims
                 contract moves free balances of whoever demanded, and of the bond, for which it asks the market.
"""


from ethereum.ercs import IERC20


interface Members:
    def count() -> uint256: view
    def wallet_of(index: uint256) -> address: view


MAX_ACCOUNTS: constant(uint256) = 1024
_SUPPLIER: constant(uint256) = 0
_REWARDS: constant(uint256) = 3
_POOL: constant(uint256) = 6
_BOND: constant(uint256) = 7
_MAX_DEPOSITS: constant(uint256) = 128
_MAX_TOUCHES: constant(uint256) = 256
_MASK_72: constant(uint256) = 2**72 - 1
_MASK_32: constant(uint256) = 2**32 - 1
_BALANCE_BOUND: constant(int256) = 2**79
# @dev Credits and deposits keep balance and pendings together below this. Half of the field, so that neither a roll nor a
#      void, which is refused nothing, can leave it: an account that cannot be rolled would never move again.
_CREDIT_BOUND: constant(int256) = 2**78
_AMOUNT_BOUND: constant(uint256) = 2**79

# @dev How `post` acts: apply, undo what was posted in this epoch, undo what was posted in the previous one.
_APPLY: constant(uint256) = 0
_UNDO_CURRENT: constant(uint256) = 1
_UNDO_PREVIOUS: constant(uint256) = 2


# @dev The token, and the nano-currency one base unit of it stands for (1 for nine decimals, 1000 for six).
token: public(immutable(address))
unit_nano: public(immutable(uint256))
members: public(immutable(address))
# @dev Length of an epoch, seconds.
window_s: public(immutable(uint256))
_DEPLOYER: immutable(address)

# @dev The only contract that may post; set once.
market: public(address)
# @dev The contract that keeps the demands and parks their bonds in the pool's account; set with the market.
claims: public(address)
# @dev What accounts other than the supplier owe, nano, as they were when last touched: never less than what they owe now.
total_debt: public(uint256)
# @dev Nano for which this contract took tokens in and has not paid them out; a multiple of `unit_nano`.
held: public(uint256)
_accounts: uint256[MAX_ACCOUNTS]
# @dev amount in nano << 32 | the epoch in which it can be withdrawn
_announced: HashMap[uint256, uint256]


event MarketSet:
    market: indexed(address)
    claims: indexed(address)


event Moved:
    payer: indexed(uint256)
    payee: indexed(uint256)
    amount_nano: uint256


event Deposited:
    index: indexed(uint256)
    payer: indexed(address)
    amount_nano: uint256


event Announced:
    index: indexed(uint256)
    amount_nano: uint256
    ready_epoch: uint256


event Withdrawn:
    index: indexed(uint256)
    wallet: indexed(address)
    amount_nano: uint256


@deploy
def __init__(token_: address, unit_nano_: uint256, members_: address, window_s_: uint256):
    """
    @param token_ ERC-20 the money is held in.
    @param unit_nano_ Nano-currency one base unit of it stands for: 10^(9 - decimals).
    @param members_ The registry.
    @param window_s_ Length of an epoch, seconds; credits are pending for one to two of them.
    """
    assert token_ != empty(address) and members_ != empty(address), "vault: no address"
    assert unit_nano_ > 0 and unit_nano_ <= 10**9, "vault: unit"
    assert window_s_ > 0, "vault: window"
    token = token_
    unit_nano = unit_nano_
    members = members_
    window_s = window_s_
    _DEPLOYER = msg.sender


@external
def set_market(market_: address, claims_: address):
    """
    @notice Names the market and the claims, once and for all. Only the deployer.
    @param market_ The contract that may post and move.
    @param claims_ The contract that may move.
    """
    assert msg.sender == _DEPLOYER, "vault: not the deployer"
    assert self.market == empty(address), "vault: market is set"
    assert market_ != empty(address) and claims_ != empty(address), "vault: no address"
    self.market = market_
    self.claims = claims_
    log MarketSet(market=market_, claims=claims_)


@external
@nonreentrant
def deposit(index: uint256, units: uint256):
    """
    @notice Pays into an account, at once free; repays its debt first, since the balance is signed. Anyone.
    @param index The account; the pool takes none.
    @param units Base units of the token, taken from the caller, who has approved them.
    """
    self._credit(index, units, staticcall Members(members).count())
    self._take(units)


@external
@nonreentrant
def deposit_many(indices: DynArray[uint256, _MAX_DEPOSITS], units: DynArray[uint256, _MAX_DEPOSITS]):
    """
    @notice Pays into up to 128 accounts, all or none. Anyone.
    @param indices The accounts; one may be named more than once.
    @param units Base units of the token for each, taken from the caller in one transfer.
    """
    assert len(indices) == len(units), "vault: lengths differ"
    accounts: uint256 = staticcall Members(members).count()
    total: uint256 = 0
    for k: uint256 in range(len(indices), bound=_MAX_DEPOSITS):
        self._credit(indices[k], units[k], accounts)
        total += units[k]
    self._take(total)


@external
def announce(index: uint256, amount_nano: uint256):
    """
    @notice Announces a withdrawal. It can be made in the next epoch but one (so after one to two windows, when every
            slot that was open has been settled), and lapses at that epoch's end. Until then the amount covers no order,
            but can be debited. Replaces an earlier announcement; 0 ends it. Only the account's wallet.
    @param index The account.
    @param amount_nano At most this much.
    """
    self._only_wallet(index)
    assert amount_nano < _AMOUNT_BOUND, "vault: amount"
    ready_epoch: uint256 = 0
    if amount_nano == 0:
        self._announced[index] = 0
    else:
        ready_epoch = self._epoch() + 2
        self._announced[index] = (amount_nano << 32) | ready_epoch
    log Announced(index=index, amount_nano=amount_nano, ready_epoch=ready_epoch)


@external
@nonreentrant
def withdraw(index: uint256) -> uint256:
    """
    @notice Pays out what was announced, as far as it is still free, in whole units of the token; what is less than a
            unit stays credited. The supplier keeps at least `total_debt` in. Only the account's wallet.
    @param index The account.
    @return Base units of the token that were paid.
    """
    self._only_wallet(index)
    epoch: uint256 = self._epoch()
    announced: uint256 = self._announced[index]
    assert announced != 0, "vault: not announced"
    assert epoch >= announced & _MASK_32, "vault: too early"
    assert epoch == announced & _MASK_32, "vault: lapsed"
    self._post(index, 0, epoch, _APPLY)
    # (2) above: a member's free balance is always backed; the supplier may take only what leaves b(0) >= total_debt.
    free: int256 = self._balance_of(index)
    if index == _SUPPLIER:
        free -= convert(self.total_debt, int256)
    units: uint256 = min(announced >> 32, convert(max(free, 0), uint256)) // unit_nano
    assert units != 0, "vault: nothing free"
    amount_nano: uint256 = units * unit_nano
    self._announced[index] = 0
    self._post(index, -convert(amount_nano, int256), epoch, _APPLY)
    self.held -= amount_nano
    log Withdrawn(index=index, wallet=msg.sender, amount_nano=amount_nano)
    assert extcall IERC20(token).transfer(msg.sender, units, default_return_value=True), "vault: token refused"
    return units


@external
@nonreentrant
def sweep() -> uint256:
    """
    @notice Credits tokens that came here without `deposit` to the rewards account, so that nothing is stuck. Anyone.
    @return Base units of the token that were credited.
    """
    stray: uint256 = staticcall IERC20(token).balanceOf(self) - self.held // unit_nano
    assert stray != 0, "vault: nothing to sweep"
    self._credit(_REWARDS, stray, MAX_ACCOUNTS)
    return stray


@external
def touch(indices: DynArray[uint256, _MAX_TOUCHES]):
    """
    @notice Rolls accounts to the present epoch, so that credits that became free repay their debts in `total_debt`.
            Anyone.
    @param indices Accounts below 1024; unknown ones are empty and stay so.
    """
    epoch: uint256 = self._epoch()
    for index: uint256 in indices:
        assert index < MAX_ACCOUNTS, "vault: unknown account"
        self._post(index, 0, epoch, _APPLY)


@external
def post(nets: int256[MAX_ACCOUNTS], accounts: uint256, mode: uint256, lock_nano: uint256) -> int256:
    """
    @notice Applies the nets of a batch, or undoes them: debits at once, credits pending. An undo is the exact inverse
            in the epoch of the posting and in the next one, whatever was deposited, withdrawn or posted in between:
            a debit comes back to the signed balance, a credit is taken from the pending it is still in. Only the market.
    @param nets Nano for each account, positive to the account.
    @param accounts Number of accounts that exist; what stands behind them is not looked at and so must be zero.
    @param mode 0 applies, 1 undoes what was posted in this epoch, 2 what was posted in the previous one.
    @param lock_nano What the operator's bond locks while the batch can be voided: it is pending like a credit of this epoch
           and comes free with it, or with the undo.
    @return The supplier's free balance less `total_debt` afterwards, nano.
    """
    assert msg.sender == self.market, "vault: not the market"
    assert mode <= _UNDO_PREVIOUS, "vault: mode"
    epoch: uint256 = self._epoch()
    total: int256 = 0
    for index: uint256 in range(accounts, bound=MAX_ACCOUNTS):
        net: int256 = nets[index]
        if net != 0:
            self._post(index, net, epoch, mode)
            # What was just posted is below 2^80, so 1024 of them cannot wrap round.
            total = unsafe_add(total, net)
    # (1) above: nothing is made and nothing is lost between accounts that exist.
    assert total == 0, "vault: sum"
    if lock_nano != 0:
        self._lock(lock_nano, epoch, mode)
    return self._surplus(epoch)


@external
def move(payer: uint256, payee: uint256, amount_nano: uint256):
    """
    @notice Moves free balance between accounts, at once: bonds of demands into the pool's account and out of it, and what a
            voided batch costs the operator. Only the market and the claims.
    @param payer Who pays, never the supplier; it must have it free.
    @param payee Who receives.
    @param amount_nano How much.
    """
    assert msg.sender == self.market or msg.sender == self.claims, "vault: not the market"
    assert payer != _SUPPLIER and payer < MAX_ACCOUNTS and payee < MAX_ACCOUNTS, "vault: unknown account"
    assert amount_nano < _AMOUNT_BOUND, "vault: amount"
    epoch: uint256 = self._epoch()
    amount: int256 = convert(amount_nano, int256)
    assert self._balance_now(payer, epoch) >= amount, "vault: not free"
    self._pay(payer, -amount, epoch)
    self._pay(payee, amount, epoch)
    log Moved(payer=payer, payee=payee, amount_nano=amount_nano)


@external
@view
def epoch() -> uint256:
    """
    @notice The present epoch.
    @return Unix seconds over `window_s`, rounded down.
    """
    return self._epoch()


@external
@view
def account_of(index: uint256) -> (int256, uint256, uint256, uint256):
    """
    @notice An account as it stands now, rolled to the present epoch.
    @param index Below 1024; unknown accounts are empty.
    @return Balance in nano (negative: debt), credits pending from this epoch, from the previous one, the epoch.
    """
    epoch: uint256 = self._epoch()
    word: uint256 = self._rolled(self._accounts[index], epoch)
    return self._balance_in(word), (word >> 104) & _MASK_72, (word >> 32) & _MASK_72, epoch


@external
@view
def raw_account_of(index: uint256) -> (int256, uint256, uint256, uint256):
    """
    @notice An account as it is stored.
    @param index Below 1024.
    @return Balance in nano (negative: debt), the two pendings, and the epoch in which it was last touched.
    """
    word: uint256 = self._accounts[index]
    return self._balance_in(word), (word >> 104) & _MASK_72, (word >> 32) & _MASK_72, word & _MASK_32


@external
@view
def announcement_of(index: uint256) -> (uint256, uint256):
    """
    @notice The announced withdrawal, lapsed ones included.
    @param index The account.
    @return Amount in nano and the epoch in which it can be withdrawn; zeros when there is none.
    """
    announced: uint256 = self._announced[index]
    return announced >> 32, announced & _MASK_32


@external
@view
def free_for_orders(index: uint256) -> uint256:
    """
    @notice What can cover new orders: the free balance less an announced withdrawal that has not lapsed.
    @param index Below 1024.
    @return Nano, 0 in debt.
    """
    epoch: uint256 = self._epoch()
    free: int256 = self._balance_now(index, epoch)
    announced: uint256 = self._announced[index]
    if epoch <= announced & _MASK_32:
        free -= convert(announced >> 32, int256)
    return convert(max(free, 0), uint256)


@external
@view
def surplus() -> int256:
    """
    @notice The supplier's free balance less `total_debt`: what is left to front further debts.
    @return Nano.
    """
    return self._surplus(self._epoch())


@internal
@view
def _epoch() -> uint256:
    """
    @dev The present epoch; 32 bits of it last 136 years of one-second windows.
    """
    return block.timestamp // window_s


@internal
@pure
def _balance_in(word: uint256) -> int256:
    """
    @dev The balance in an account's word. `convert(uint256, int256)` would clamp.
    """
    return convert(convert(word, bytes32), int256) >> 176


@internal
@view
def _only_wallet(index: uint256):
    """
    @dev Reverts unless the caller is the account's present wallet.
    """
    assert staticcall Members(members).wallet_of(index) == msg.sender, "vault: not the wallet"


@internal
@pure
def _rolled(word: uint256, epoch: uint256) -> uint256:
    """
    @dev A stored word as of an epoch: what matured is in the balance. The fields bound every sum below 2^81.
    """
    last: uint256 = word & _MASK_32
    if last == epoch:
        return word
    matured: uint256 = (word >> 32) & _MASK_72
    previous: uint256 = (word >> 104) & _MASK_72
    if unsafe_add(last, 1) != epoch:
        matured = unsafe_add(matured, previous)
        previous = 0
    balance: int256 = unsafe_add(self._balance_in(word), convert(matured, int256))
    assert balance < _BALANCE_BOUND, "vault: range"
    return (convert(convert(balance, bytes32), uint256) << 176) | (previous << 32) | epoch


@internal
@view
def _balance_of(index: uint256) -> int256:
    """
    @dev The stored balance.
    """
    return self._balance_in(self._accounts[index])


@internal
@view
def _balance_now(index: uint256, epoch: uint256) -> int256:
    """
    @dev The balance as of an epoch.
    """
    return self._balance_in(self._rolled(self._accounts[index], epoch))


@internal
@view
def _surplus(epoch: uint256) -> int256:
    """
    @dev The supplier's free balance less everybody else's debt.
    """
    return self._balance_now(_SUPPLIER, epoch) - convert(self.total_debt, int256)


@internal
def _post(index: uint256, net: int256, epoch: uint256, mode: uint256):
    """
    @dev Rolls an account and applies or undoes a net; keeps `total_debt`. Fields are changed where they stand in the word: what is
         added to one, or taken from it, was just held against its bounds, so nothing is carried into the next one.
    """
    word: uint256 = self._accounts[index]
    rolled: uint256 = word
    if word & _MASK_32 != epoch:
        rolled = self._rolled(word, epoch)
    balance: int256 = convert(convert(rolled, bytes32), int256) >> 176
    if net < 0:
        change: int256 = net if mode == _APPLY else unsafe_sub(0, net)
        # Either number is below 2^79 in size or the sum is far beyond it, wrapped round or not.
        balance = unsafe_add(balance, change)
        assert balance < _BALANCE_BOUND and balance >= -_BALANCE_BOUND, "vault: range"
        rolled = unsafe_add(rolled, convert(convert(change, bytes32), uint256) << 176)
    elif net != 0:
        credit: uint256 = convert(convert(net, bytes32), uint256)
        if mode == _APPLY:
            # Below 2^72 and 2^255.
            assert unsafe_add((rolled >> 104) & _MASK_72, credit) <= _MASK_72, "vault: range"
            rolled = unsafe_add(rolled, credit << 104)
            assert self._whole(rolled) < _CREDIT_BOUND, "vault: range"
        else:
            at: uint256 = 104 if mode == _UNDO_CURRENT else 32
            assert credit <= (rolled >> at) & _MASK_72, "vault: range"
            rolled = unsafe_sub(rolled, credit << at)
    self._accounts[index] = rolled
    # As a signed number a word is negative when its balance is.
    if balance < 0 or convert(convert(word, bytes32), int256) < 0:
        if index != _SUPPLIER:
            repaid: int256 = min(balance, 0) - min(self._balance_in(word), 0)
            self.total_debt = convert(convert(self.total_debt, int256) - repaid, uint256)


@internal
def _lock(lock_nano: uint256, epoch: uint256, mode: uint256):
    """
    @dev Moves the operator's bond between free and pending, in which it can neither be withdrawn nor locked twice: a debit of the
         bond and a credit to it, or the undo of both.
    """
    assert lock_nano < _AMOUNT_BOUND, "vault: amount"
    amount: int256 = convert(lock_nano, int256)
    assert mode != _APPLY or self._balance_now(_BOND, epoch) >= amount, "vault: bond"
    self._post(_BOND, -amount, epoch, mode)
    self._post(_BOND, amount, epoch, mode)


@internal
def _pay(index: uint256, amount: int256, epoch: uint256):
    """
    @dev Adds to a balance, or takes from it, at once. What is added comes like a debit that is undone.
    """
    if amount <= 0:
        self._post(index, amount, epoch, _APPLY)
    else:
        self._post(index, -amount, epoch, _UNDO_CURRENT)
        assert self._whole(self._accounts[index]) < _CREDIT_BOUND, "vault: range"


@internal
def _credit(index: uint256, units: uint256, accounts: uint256):
    """
    @dev Credits whole units of the token to an account, free at once.
    """
    assert index < accounts and index != _POOL, "vault: unknown account"
    assert units != 0 and units < _AMOUNT_BOUND // unit_nano, "vault: amount"
    amount_nano: uint256 = units * unit_nano
    self._pay(index, convert(amount_nano, int256), self._epoch())
    self.held += amount_nano
    log Deposited(index=index, payer=msg.sender, amount_nano=amount_nano)


@internal
@pure
def _whole(word: uint256) -> int256:
    """
    @dev Balance and pendings together: what an account that was just credited comes to by maturing. The fields bound it below 2^81.
    """
    pending: uint256 = unsafe_add((word >> 104) & _MASK_72, (word >> 32) & _MASK_72)
    return unsafe_add(convert(convert(word, bytes32), int256) >> 176, convert(pending, int256))


@internal
def _take(units: uint256):
    """
    @dev Takes tokens from the caller and checks that exactly those came.
    """
    before: uint256 = staticcall IERC20(token).balanceOf(self)
    assert (
        extcall IERC20(token).transferFrom(msg.sender, self, units, default_return_value=True)
    ), "vault: token refused"
    assert staticcall IERC20(token).balanceOf(self) == before + units, "vault: token took a fee"
