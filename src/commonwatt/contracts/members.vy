# pragma version ==0.4.3
# pragma evm-version cancun
# pragma optimize gas
"""
@title Registry of a community's accounts
@custom:contract-name members
@license Apache-2.0
@author Commonwatt
@notice Who takes part: wallet, role, meter key, pseudonym root, connection limit and standing of every account.
        Indices 0..7 are system accounts (0 supplier, 1 grid, 2 state, 3 rewards, 4 operator, 5 unaccounted,
        6 pool, 7 the operator's bond); members follow from 8. An index is never given twice and never taken away.
@dev 1024 accounts in all: the market keeps one word of memory per possible account while it nets a batch, and memory
     beyond that grows quadratically in gas.
@custom:security The regulator is one address. It can admit invented members, suspend and blacklist real ones, and
                 replace a meter key at once. It cannot take a balance by itself: a wallet it replaces changes only
                 after `recovery_s`, and the present wallet can refuse until then; a member whose wallet is lost or who
                 does not watch is not protected from a dishonest recovery.
"""


struct Admission:
    wallet: address
    role: uint8
    meter_key: address
    pseudonym_root: bytes32
    connection_w: uint256


struct Recovery:
    wallet: address
    ready_at: uint256


MAX_ACCOUNTS: public(constant(uint256)) = 1024
FIRST_MEMBER: public(constant(uint256)) = 8
_POOL: constant(uint256) = 6
_CONNECTION_WORDS: constant(uint256) = 128  # 8 limits of 32 bits in a word
_MAX_ADMISSIONS: constant(uint256) = 50
_MASK_32: constant(uint256) = 2**32 - 1
_MASK_64: constant(uint256) = 2**64 - 1


# @dev Seconds between a regulator's recovery of a wallet and its effect.
recovery_s: public(immutable(uint256))

regulator: public(address)
# @dev Named by the regulator, becomes the regulator by accepting.
next_regulator: public(address)

# @dev Number of accounts, the eight system accounts included.
count: public(uint256)

# @dev wallet 160 | role 8 | suspended 8 | blacklisted until (unix seconds) 64, from the low end: until, suspended, role.
_records: uint256[MAX_ACCOUNTS]
_meter_keys: address[MAX_ACCOUNTS]
_pseudonym_roots: bytes32[MAX_ACCOUNTS]
_connections: uint256[_CONNECTION_WORDS]

# @dev Index of the account that has or ever had the key. Never cleared, so that no key passes to another.
_wallet_claims: HashMap[address, uint256]
_meter_claims: HashMap[address, uint256]

_recoveries: HashMap[uint256, Recovery]

# @dev When a key was last replaced, unix seconds; 0 while it is an account's present one. A wallet and a meter key may be the
#      same address, hence two.
_wallet_retired: HashMap[address, uint256]
_meter_retired: HashMap[address, uint256]


event Admitted:
    index: indexed(uint256)
    wallet: indexed(address)
    role: uint8
    meter_key: address
    pseudonym_root: bytes32
    connection_w: uint256


event Suspended:
    index: indexed(uint256)
    is_suspended: bool


event Blacklisted:
    index: indexed(uint256)
    until_s: uint256


event WalletRotated:
    index: indexed(uint256)
    wallet: indexed(address)


event RecoveryStarted:
    index: indexed(uint256)
    wallet: indexed(address)
    ready_at_s: uint256


event RecoveryRefused:
    index: indexed(uint256)


event MeterKeyRotated:
    index: indexed(uint256)
    meter_key: indexed(address)


event ConnectionChanged:
    index: indexed(uint256)
    connection_w: uint256


event RegulatorChanged:
    regulator: indexed(address)


@deploy
def __init__(regulator_: address, system_wallets: address[8], recovery_s_: uint256):
    """
    @param regulator_ Address that admits and suspends.
    @param system_wallets Wallets of accounts 0..7, the only ones that may withdraw their balances. They may coincide;
           an empty one never withdraws (its money leaves by batches). The pool's, 6, must be empty.
    @param recovery_s_ Seconds between a regulator's recovery of a wallet and its effect.
    """
    assert regulator_ != empty(address), "members: no regulator"
    assert system_wallets[_POOL] == empty(address), "members: pool has no wallet"
    for index: uint256 in range(8):
        self._records[index] = convert(system_wallets[index], uint256) << 96
    self.count = FIRST_MEMBER
    self.regulator = regulator_
    recovery_s = recovery_s_
    log RegulatorChanged(regulator=regulator_)


@external
def admit(wallet: address, role: uint8, meter_key: address, pseudonym_root: bytes32, connection_w: uint256) -> uint256:
    """
    @notice Admits a member. Only the regulator.
    @param wallet Address that owns the member's balance; new to the registry.
    @param role A number above zero; its meaning is the community's.
    @param meter_key Address whose key signs the meter's packets; new to the registry.
    @param pseudonym_root Commitment to the member's pseudonyms.
    @param connection_w Connection limit in watts, 1..2^32 - 1.
    @return The member's index, for good.
    """
    self._only_regulator()
    return self._admit(
        Admission(
            wallet=wallet, role=role, meter_key=meter_key, pseudonym_root=pseudonym_root, connection_w=connection_w
        )
    )


@external
def admit_many(admissions: DynArray[Admission, _MAX_ADMISSIONS]) -> uint256:
    """
    @notice Admits up to 50 members, all or none. Only the regulator.
    @param admissions As the arguments of `admit`, in order of index.
    @return The first one's index (the present count when there are none).
    """
    self._only_regulator()
    first: uint256 = self.count
    for admission: Admission in admissions:
        self._admit(admission)
    return first


@external
def suspend(index: uint256):
    """
    @notice Suspends a member until it is reinstated. Its energy is still settled and it can withdraw. Only the regulator.
    @param index A member's index.
    """
    self._only_regulator()
    self._set_suspended(index, True)


@external
def reinstate(index: uint256):
    """
    @notice Ends a suspension. Only the regulator.
    @param index A member's index.
    """
    self._only_regulator()
    self._set_suspended(index, False)


@external
def blacklist(index: uint256, until_s: uint256):
    """
    @notice Makes a member inactive until a time; a past time ends it. Only the regulator.
    @param index A member's index.
    @param until_s Unix seconds, below 2^64.
    """
    self._only_regulator()
    self._only_member(index)
    assert until_s <= _MASK_64, "members: time"
    record: uint256 = self._records[index]
    self._records[index] = (record & ~_MASK_64) | until_s
    log Blacklisted(index=index, until_s=until_s)


@external
def set_connection(index: uint256, connection_w: uint256):
    """
    @notice Changes a member's connection limit, for batches posted from now on. Only the regulator.
    @param index A member's index.
    @param connection_w Watts, 1..2^32 - 1.
    """
    self._only_regulator()
    self._only_member(index)
    self._set_connection(index, connection_w)
    log ConnectionChanged(index=index, connection_w=connection_w)


@external
def rotate_meter_key(index: uint256, meter_key: address):
    """
    @notice Replaces a member's meter key at once. Only the regulator.
    @param index A member's index.
    @param meter_key New to the registry, or an earlier key of the same member.
    """
    self._only_regulator()
    self._only_member(index)
    self._claim_meter(index, meter_key)
    log MeterKeyRotated(index=index, meter_key=meter_key)


@external
def rotate_wallet(index: uint256, wallet: address):
    """
    @notice Replaces an account's wallet at once and ends a recovery under way. Only the present wallet.
    @param index An account's index, system accounts included.
    @param wallet New to the registry, or an earlier wallet of the same account.
    """
    self._only_wallet(index)
    self._set_wallet(index, wallet)


@external
def recover_wallet(index: uint256, wallet: address):
    """
    @notice Starts to replace a lost wallet; it changes when `finish_recovery` is called after `recovery_s`.
            Only the regulator. An account that never had one gets none.
    @param index An account's index, system accounts included.
    @param wallet New to the registry, or an earlier wallet of the same account.
    """
    self._only_regulator()
    assert index < self.count and self._records[index] >> 96 != 0, "members: unknown account"
    assert wallet != empty(address), "members: no wallet"
    ready_at: uint256 = block.timestamp + recovery_s
    self._recoveries[index] = Recovery(wallet=wallet, ready_at=ready_at)
    log RecoveryStarted(index=index, wallet=wallet, ready_at_s=ready_at)


@external
def refuse_recovery(index: uint256):
    """
    @notice Ends a recovery under way. Only the present wallet.
    @param index The account's index.
    """
    self._only_wallet(index)
    assert self._recoveries[index].wallet != empty(address), "members: no recovery"
    self._recoveries[index] = empty(Recovery)
    log RecoveryRefused(index=index)


@external
def finish_recovery(index: uint256):
    """
    @notice Puts a recovery into effect once its time has come. Anyone.
    @param index The account's index.
    """
    recovery: Recovery = self._recoveries[index]
    assert recovery.wallet != empty(address), "members: no recovery"
    assert block.timestamp >= recovery.ready_at, "members: too early"
    self._set_wallet(index, recovery.wallet)


@external
def propose_regulator(regulator_: address):
    """
    @notice Names the next regulator, who must accept. Only the regulator.
    @param regulator_ The next regulator; the empty address withdraws the proposal.
    """
    self._only_regulator()
    self.next_regulator = regulator_


@external
def accept_regulator():
    """
    @notice Makes the caller the regulator. Only who was proposed.
    """
    assert msg.sender == self.next_regulator, "members: not proposed"
    self.next_regulator = empty(address)
    self.regulator = msg.sender
    log RegulatorChanged(regulator=msg.sender)


@external
@view
def wallet_of(index: uint256) -> address:
    """
    @notice The wallet that owns an account's balance.
    @param index An account's index; unknown ones revert.
    @return The wallet, empty for a system account without one.
    """
    self._only_account(index)
    return self._wallet_of(index)


@external
@view
def index_of(wallet: address) -> uint256:
    """
    @notice The member whose present wallet this is; reverts when there is none. System accounts are not found this way.
    @param wallet A wallet.
    @return The member's index.
    """
    index: uint256 = self._wallet_claims[wallet]
    assert index != 0 and self._wallet_of(index) == wallet, "members: unknown wallet"
    return index


@external
@view
def index_of_meter(meter_key: address) -> uint256:
    """
    @notice The member whose present meter key this is; reverts when there is none.
    @param meter_key A meter key's address.
    @return The member's index.
    """
    index: uint256 = self._meter_claims[meter_key]
    assert index != 0 and self._meter_keys[index] == meter_key, "members: unknown meter"
    return index


@external
@view
def signed_for_wallet(index: uint256, key: address, at_s: uint256) -> bool:
    """
    @notice Whether what a key signed counts as a member's wallet's at a time: it is the present wallet, or was one and was
            not replaced before. So nobody undoes a signature by changing the key afterwards.
    @param index Any number.
    @param key The address that signed.
    @param at_s Unix seconds.
    @return False for system accounts, whose wallets claim nothing.
    """
    if index < FIRST_MEMBER or self._wallet_claims[key] != index:
        return False
    retired_s: uint256 = self._wallet_retired[key]
    return retired_s == 0 or retired_s >= at_s


@external
@view
def signed_for_meter(index: uint256, key: address, at_s: uint256) -> bool:
    """
    @notice The same for a member's meter key.
    @param index Any number.
    @param key The address that signed.
    @param at_s Unix seconds.
    @return Whether it is the present meter key, or was one and was not replaced before.
    """
    if index < FIRST_MEMBER or self._meter_claims[key] != index:
        return False
    retired_s: uint256 = self._meter_retired[key]
    return retired_s == 0 or retired_s >= at_s


@external
@view
def meter_key_of(index: uint256) -> address:
    """
    @notice The address whose key signs the meter's packets.
    @param index An account's index; unknown ones revert.
    @return The meter key, empty for system accounts.
    """
    self._only_account(index)
    return self._meter_keys[index]


@external
@view
def pseudonym_root_of(index: uint256) -> bytes32:
    """
    @notice The commitment to a member's pseudonyms.
    @param index An account's index; unknown ones revert.
    @return The root, empty for system accounts.
    """
    self._only_account(index)
    return self._pseudonym_roots[index]


@external
@view
def connection_of(index: uint256) -> uint256:
    """
    @notice The connection limit.
    @param index An account's index; unknown ones revert.
    @return Watts, 0 for system accounts.
    """
    self._only_account(index)
    return (self._connections[index >> 3] >> ((index & 7) << 5)) & _MASK_32


@external
@view
def role_of(index: uint256) -> uint8:
    """
    @notice The role.
    @param index An account's index; unknown ones revert.
    @return The role's number, 0 for system accounts.
    """
    self._only_account(index)
    return convert((self._records[index] >> 72) & 255, uint8)


@external
@view
def is_active(index: uint256) -> bool:
    """
    @notice Whether new orders of this account may be taken: known, not suspended, not blacklisted now.
    @param index Any number.
    @return False for unknown accounts, true for system accounts.
    """
    if index >= self.count:
        return False
    record: uint256 = self._records[index]
    return (record >> 64) & 255 == 0 and record & _MASK_64 <= block.timestamp


@external
@view
def blacklisted_until(index: uint256) -> uint256:
    """
    @notice The time until which a member is blacklisted.
    @param index An account's index; unknown ones revert.
    @return Unix seconds, 0 for never.
    """
    self._only_account(index)
    return self._records[index] & _MASK_64


@external
@view
def recovery_of(index: uint256) -> (address, uint256):
    """
    @notice The recovery under way.
    @param index Any number.
    @return The wallet to come (empty when there is none) and the unix second from which it can be finished.
    """
    recovery: Recovery = self._recoveries[index]
    return recovery.wallet, recovery.ready_at


@external
@view
def limits() -> (uint256, DynArray[uint256, _CONNECTION_WORDS]):
    """
    @notice What the market needs to bound a batch, in one call.
    @return The number of accounts, and their connection limits in watts, 32 bits each, 8 in a word, lowest first.
    """
    accounts: uint256 = self.count
    # The first word is the system accounts', who have no connection.
    words: DynArray[uint256, _CONNECTION_WORDS] = [0]
    for word: uint256 in range(1, unsafe_add(accounts, 7) >> 3, bound=_CONNECTION_WORDS):
        words.append(self._connections[word])
    return accounts, words


@internal
@view
def _only_regulator():
    """
    @dev Reverts unless the caller is the regulator.
    """
    assert msg.sender == self.regulator, "members: not the regulator"


@internal
@view
def _only_wallet(index: uint256):
    """
    @dev Reverts unless the caller is the account's present wallet.
    """
    self._only_account(index)
    assert msg.sender == self._wallet_of(index), "members: not the wallet"


@internal
@view
def _only_account(index: uint256):
    """
    @dev Reverts for an index that was never given.
    """
    assert index < self.count, "members: unknown account"


@internal
@view
def _only_member(index: uint256):
    """
    @dev Reverts unless the index is a member's.
    """
    assert index >= FIRST_MEMBER and index < self.count, "members: unknown member"


@internal
@view
def _wallet_of(index: uint256) -> address:
    """
    @dev The high 160 bits of the record.
    """
    return convert(self._records[index] >> 96, address)


@internal
def _admit(admission: Admission) -> uint256:
    """
    @dev Gives the next index.
    """
    index: uint256 = self.count
    assert index < MAX_ACCOUNTS, "members: full"
    assert admission.role != 0, "members: no role"
    assert self._wallet_claims[admission.wallet] == 0, "members: wallet taken"
    self.count = index + 1
    self._records[index] = convert(admission.role, uint256) << 72
    self._claim_wallet(index, admission.wallet)
    self._claim_meter(index, admission.meter_key)
    self._pseudonym_roots[index] = admission.pseudonym_root
    self._set_connection(index, admission.connection_w)
    log Admitted(
        index=index,
        wallet=admission.wallet,
        role=admission.role,
        meter_key=admission.meter_key,
        pseudonym_root=admission.pseudonym_root,
        connection_w=admission.connection_w,
    )
    return index


@internal
def _set_wallet(index: uint256, wallet: address):
    """
    @dev Replaces the wallet and forgets a recovery. System wallets may coincide, so they claim nothing.
    """
    self._recoveries[index] = empty(Recovery)
    self._claim_wallet(index, wallet)
    log WalletRotated(index=index, wallet=wallet)


@internal
def _claim_wallet(index: uint256, wallet: address):
    """
    @dev Writes the wallet into the record; a member's must never have been another's.
    """
    assert wallet != empty(address), "members: no wallet"
    if index >= FIRST_MEMBER:
        claim: uint256 = self._wallet_claims[wallet]
        assert claim == 0 or claim == index, "members: wallet taken"
        self._wallet_claims[wallet] = index
        present: address = self._wallet_of(index)
        if present != empty(address):
            self._wallet_retired[present] = block.timestamp
            self._wallet_retired[wallet] = 0
    self._records[index] = (convert(wallet, uint256) << 96) | (self._records[index] & (2**96 - 1))


@internal
def _claim_meter(index: uint256, meter_key: address):
    """
    @dev Writes the meter key; it must never have been another's.
    """
    assert meter_key != empty(address), "members: no meter key"
    claim: uint256 = self._meter_claims[meter_key]
    assert claim == 0 or claim == index, "members: meter key taken"
    self._meter_claims[meter_key] = index
    present: address = self._meter_keys[index]
    if present != empty(address):
        self._meter_retired[present] = block.timestamp
        self._meter_retired[meter_key] = 0
    self._meter_keys[index] = meter_key


@internal
def _set_connection(index: uint256, connection_w: uint256):
    """
    @dev Writes 32 bits of the packed limits.
    """
    assert connection_w != 0 and connection_w <= _MASK_32, "members: connection"
    place: uint256 = (index & 7) << 5
    word: uint256 = self._connections[index >> 3]
    self._connections[index >> 3] = (word & ~(_MASK_32 << place)) | (connection_w << place)


@internal
def _set_suspended(index: uint256, is_suspended: bool):
    """
    @dev Writes the suspended flag, bits 64..71.
    """
    self._only_member(index)
    record: uint256 = self._records[index] & ~(convert(255, uint256) << 64)
    self._records[index] = record | (convert(is_suspended, uint256) << 64)
    log Suspended(index=index, is_suspended=is_suspended)
