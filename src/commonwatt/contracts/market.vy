# pragma version ==0.4.3
# pragma evm-version cancun
# pragma optimize gas
"""
@title Life cycle and settlement of slots
@custom:contract-name market
@license Apache-2.0
@author Commonwatt
@notice A slot is opened (root of the book), cleared (roots of orders and clearing) and settled by batches of lines, from
        which this contract computes every account's net itself, so that a wrong sum cannot be posted. A batch needs a
        quorum of signatures; anyone may carry it here. It can be voided by the same quorum while its credits are
        pending, and the void is its exact inverse. So can the `claims` contract void it, when a member demanded what
        stands behind a line and no answer came; then the operator loses what its bond locked for the batch.

        Exactly once: a batch's key is keccak(community, slot, kind, revision, part), and its content hash is the value
        stored under the key. The same content again is a success without effect, another content reverts. After a void
        the key takes one other content (attempt 2); voided again, the part goes to the supplier.

        Kinds: 0 settles a slot; 1 uses the slot's kind 0 (or kind 3, where there is no kind 0) as its base: imbalance on
        trades; 2 settles with the supplier what a part of another kind left open that was voided twice; 3 are trades
        whose signed orders are checked here, for members who trust nobody. Revision r > 0 has revision r - 1 of its kind
        as its base, with the supplier's part where that was voided twice. A base is named by the content hash of its part
        0, must be complete, and its window must have closed; trades as a base need not wait for it, since they cannot be
        voided while a batch of kind 1 stands on them.

        Lines, 12 bytes each, big-endian, energy lines first, then 20 bytes of padding that are not read:
            energy  who u16 | with u16 | energy_wh u32 | price_micro_per_kwh i32   who receives energy * price from with
            amount  who u16 | with u16 | amount_nano i64                           who receives amount from with
        Wh times micro-currency per kWh is nano-currency exactly. A product stays within 2^63 and a sum of 1000 within
        2^73, which is why the sums below need no overflow checks.
@custom:security The quorum can name any trade between members within connection limit x price cap a batch; what it cannot do
                 is keep it when somebody demands the signed order or the metered packet behind a line (`claims`), as long
                 as one honest watcher looks once in a window. Amounts between system accounts, and the supplier's deposit,
                 are the authority's own: nothing bounds them here but that deposit. The operator can also delay or stop
                 the market; balances can be withdrawn without it, and after `close_after_s` anyone closes it for good.
"""


from modules import batches
from modules import orders


interface Members:
    def limits() -> (uint256, DynArray[uint256, _CONNECTION_WORDS]): view
    def wallet_of(index: uint256) -> address: view
    def signed_for_wallet(index: uint256, key: address, at_s: uint256) -> bool: view


interface Vault:
    def window_s() -> uint256: view
    def members() -> address: view
    def claims() -> address: view
    def post(nets: int256[1024], accounts: uint256, mode: uint256, lock_nano: uint256) -> int256: nonpayable
    def move(payer: uint256, payee: uint256, amount_nano: uint256): nonpayable


interface Claims:
    def open_demands(key: bytes32, attempt: uint256) -> uint256: view


struct SignedOrder:
    order: orders.Order
    v: uint256
    r: uint256
    s: uint256


MAX_ACCOUNTS: constant(uint256) = 1024
MAX_LINES: public(constant(uint256)) = batches.MAX_LINES
_LINE_BYTES: constant(uint256) = batches.LINE_BYTES
_PADDING_BYTES: constant(uint256) = batches.PADDING_BYTES
_LINES_BYTES: constant(uint256) = batches.LINES_BYTES
_MAX_SIGNERS: constant(uint256) = 16
_CONNECTION_WORDS: constant(uint256) = 128
_MAX_PARTS: constant(uint256) = batches.MAX_PARTS
# @dev No slot is opened earlier, seconds before its start, since what is cancelled or replaced afterwards still counts for it.
_OPEN_AHEAD_S: constant(uint256) = 2 * 86_400
_MAX_ORDERS: constant(uint256) = 250
# @dev Two bytes a line: which order sold, which bought; and 30 of padding, since 32 are read.
_FILLS_BYTES: constant(uint256) = 2 * 1000 + 30
_FIRST_MEMBER: constant(uint256) = batches.FIRST_MEMBER
_REWARDS: constant(uint256) = batches.REWARDS
_POOL: constant(uint256) = batches.POOL
_BOND: constant(uint256) = batches.BOND
_MASK_16: constant(uint256) = 2**16 - 1
_MASK_32: constant(uint256) = 2**32 - 1
_MASK_64: constant(uint256) = 2**64 - 1
# @dev A word read from the lines holds two of them; these are the lanes of their accounts, 16 bits each.
_LANES: constant(uint256) = 2**240 + 2**224 + 2**144 + 2**128
_GUARDS: constant(uint256) = _LANES * 2**15
_PAIR: constant(uint256) = _LANES * (2**16 - 1)
_POOLS: constant(uint256) = _LANES * _POOL
_ANY: constant(uint256) = _LANES * (2**15 - 1)
_SECONDS: constant(uint256) = 2**224 + 2**128

_SETTLEMENT: constant(uint256) = batches.SETTLEMENT
_IMBALANCE: constant(uint256) = batches.IMBALANCE
_SUPPLIED: constant(uint256) = batches.SUPPLIED
_TRADES: constant(uint256) = batches.TRADES

_LIVE: constant(uint256) = batches.LIVE
_VOID: constant(uint256) = batches.VOID

_APPLY: constant(uint256) = 0
_UNDO_CURRENT: constant(uint256) = 1
_UNDO_PREVIOUS: constant(uint256) = 2

_DOMAIN_TYPE: constant(bytes32) = keccak256(
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
_DOMAIN_NAME: constant(bytes32) = keccak256("Commonwatt market")
_DOMAIN_VERSION: constant(bytes32) = keccak256("1")
_BATCH_TYPE: constant(bytes32) = keccak256("Batch(bytes32 content,uint256 attempt)")
_VOID_TYPE: constant(bytes32) = keccak256("Void(bytes32 content,uint256 attempt)")


community: public(immutable(bytes32))
# @dev SHA-256 of the settings the community runs on: the tariff and every rule, fixed from the first slot on.
rules_hash: public(immutable(bytes32))
vault: public(immutable(address))
members: public(immutable(address))
# @dev Opens, clears, anchors and settles trades.
operator: public(immutable(address))
# @dev Signatures a batch needs.
quorum: public(immutable(uint256))
slot_s: public(immutable(uint256))
window_s: public(immutable(uint256))
# @dev No member's average price over its connection limit may exceed this in a batch.
price_cap_micro_per_kwh: public(immutable(uint256))
# @dev Seconds after a slot's end in which batches for it are taken.
final_s: public(immutable(uint256))
# @dev What a batch locks of the operator's bond: this, and `bond_share` thousandths of what it debits members.
bond_nano: public(immutable(uint256))
bond_share: public(immutable(uint256))
# @dev Seconds without an accepted batch after which anyone may close the market.
close_after_s: public(immutable(uint256))

is_signer: public(HashMap[address, bool])
# @dev Of what a slot was opened with (book root, number of orders) the hash's high 192 bits | unix seconds 64.
_opened: HashMap[uint256, uint256]
# @dev keccak of what a slot was cleared with: order root, clearing root.
cleared: public(HashMap[uint256, bytes32])
# @dev period -> kind -> root
anchors: public(HashMap[uint256, HashMap[uint256, bytes32]])
# @dev By hash of a signed order, when it was cancelled, unix seconds.
cancelled_at: public(HashMap[bytes32, uint256])
# @dev By key: the content hash's high 192 bits | epoch posted 32 | attempt 16 | state 16.
_batches: HashMap[bytes32, uint256]
# @dev By (slot, kind, revision): generation 32 | epoch of the first live part 32 | last epoch posted 32 | parts voided twice 16 |
#      parts live 16 | parts 16.
_groups: HashMap[bytes32, uint256]
# @dev By (order, slot, generation of the slot's trades): Wh filled by `settle_trades`.
_filled: HashMap[bytes32, uint256]
# @dev epoch in which the last batch was accepted << 1 | closed. One word, so that settling reads it once.
_life: uint256


event Opened:
    slot: indexed(uint256)
    book_root: bytes32
    orders: uint256


event Cleared:
    slot: indexed(uint256)
    order_root: bytes32
    clearing_root: bytes32


event Settled:
    slot: indexed(uint256)
    key: indexed(bytes32)
    content: indexed(bytes32)
    kind: uint256
    revision: uint256
    part: uint256
    parts: uint256
    attempt: uint256


event Voided:
    slot: indexed(uint256)
    key: indexed(bytes32)
    content: indexed(bytes32)
    attempt: uint256


event Cancelled:
    member: indexed(uint256)
    order_hash: indexed(bytes32)


event Closed:
    epoch: uint256


event Anchored:
    period: indexed(uint256)
    kind: indexed(uint256)
    root: bytes32


@deploy
def __init__(
    community_: bytes32,
    vault_: address,
    operator_: address,
    signers: DynArray[address, _MAX_SIGNERS],
    quorum_: uint256,
    slot_s_: uint256,
    price_cap_micro_per_kwh_: uint256,
    final_s_: uint256,
    rules_hash_: bytes32,
    bond_nano_: uint256,
    bond_share_: uint256,
    close_after_s_: uint256,
):
    """
    @param community_ Hash that tells this community's keys from any other's.
    @param vault_ Where the money is; it must still be told of this contract.
    @param operator_ Address that opens, clears and anchors.
    @param signers Whose signatures count; no one twice.
    @param quorum_ How many a batch needs, 1..number of signers.
    @param slot_s_ Length of a slot in seconds, a divisor of 3600.
    @param price_cap_micro_per_kwh_ All-in price above which no member may be charged or paid on average, 1..2^31 - 1.
    @param final_s_ Seconds after a slot's end in which batches for it are taken.
    @param rules_hash_ SHA-256 of the settings the community runs on.
    @param bond_nano_ What every batch locks of the operator's bond at least, nano, below 2^64.
    @param bond_share_ Thousandths of what a batch debits members, locked besides, at most 1000.
    @param close_after_s_ Seconds without an accepted batch after which anyone may close the market; at least two windows.
    """
    assert vault_ != empty(address) and operator_ != empty(address), "market: no address"
    assert quorum_ > 0 and quorum_ <= len(signers), "market: quorum"
    assert slot_s_ > 0 and slot_s_ <= 3600 and 3600 % slot_s_ == 0, "market: slot length"
    assert price_cap_micro_per_kwh_ > 0 and price_cap_micro_per_kwh_ < 2**31, "market: price cap"
    for signer: address in signers:
        assert signer != empty(address) and not self.is_signer[signer], "market: signer"
        self.is_signer[signer] = True
    assert bond_nano_ < 2**64 and bond_share_ <= 1000, "market: bond terms"
    community = community_
    rules_hash = rules_hash_
    bond_nano = bond_nano_
    bond_share = bond_share_
    vault = vault_
    members = staticcall Vault(vault_).members()
    operator = operator_
    quorum = quorum_
    slot_s = slot_s_
    window_s = staticcall Vault(vault_).window_s()
    assert close_after_s_ >= 2 * window_s, "market: close after"
    close_after_s = close_after_s_
    self._life = (block.timestamp // window_s) << 1
    price_cap_micro_per_kwh = price_cap_micro_per_kwh_
    final_s = final_s_


@external
def open(slot: uint256, book_root: bytes32, orders_: uint256) -> bool:
    """
    @notice Commits to the book of a slot, once. Only the operator.
    @param slot Number of the slot, from the Unix epoch; it begins in two days at most.
    @param book_root Root of the order commitments.
    @param orders_ Number of orders in the book.
    @return True when it was opened, false when it was opened with the same values before.
    """
    self._only_operator()
    self._only_open()
    assert slot <= (block.timestamp + _OPEN_AHEAD_S) // slot_s, "market: slot too far ahead"
    value: uint256 = convert(keccak256(abi_encode(book_root, orders_)), uint256) >> 64
    opened: uint256 = self._opened[slot]
    if opened != 0:
        assert opened >> 64 == value, "market: slot already opened"
        return False
    self._opened[slot] = (value << 64) | block.timestamp
    log Opened(slot=slot, book_root=book_root, orders=orders_)
    return True


@external
def clear(slot: uint256, order_root: bytes32, clearing_root: bytes32) -> bool:
    """
    @notice Commits to the revealed orders and the clearing of an open slot, once. Only the operator.
    @param slot Number of the slot.
    @param order_root Root of the orders.
    @param clearing_root Root of the fills.
    @return True when it was cleared, false when it was cleared with the same values before.
    """
    self._only_operator()
    self._only_open()
    assert self._opened[slot] != 0, "market: slot not opened"
    value: bytes32 = keccak256(abi_encode(order_root, clearing_root))
    if self.cleared[slot] != empty(bytes32):
        assert self.cleared[slot] == value, "market: slot already cleared"
        return False
    self.cleared[slot] = value
    log Cleared(slot=slot, order_root=order_root, clearing_root=clearing_root)
    return True


@external
def anchor(period: uint256, kind: uint256, root: bytes32) -> bool:
    """
    @notice Records a root of a period, once for each kind. Only the operator.
    @param period Number of the period.
    @param kind What the root is of.
    @param root Not empty.
    @return True when it was recorded, false when the same root was recorded before.
    """
    self._only_operator()
    self._only_open()
    assert root != empty(bytes32), "market: no root"
    known: bytes32 = self.anchors[period][kind]
    if known != empty(bytes32):
        assert known == root, "market: already anchored"
        return False
    self.anchors[period][kind] = root
    log Anchored(period=period, kind=kind, root=root)
    return True


@external
def settle_net(
    slot: uint256,
    kind: uint256,
    revision: uint256,
    part: uint256,
    parts: uint256,
    prior: bytes32,
    energy_lines: uint256,
    lines: Bytes[_LINES_BYTES],
    signatures: DynArray[uint256[3], _MAX_SIGNERS],
) -> bool:
    """
    @notice Posts one part of a settlement. Anyone, with a quorum's signatures of `Batch(content, attempt)`.
    @param slot Number of the slot; it must be over and cleared, and its end no further back than `final_s`.
    @param kind 0 settlement, 1 imbalance, 2 supplied.
    @param revision 0, or r to correct revision r - 1; a correction has a system account on one side of every line.
    @param part Number of the part, below `parts`.
    @param parts How many parts there are, 1..256, fixed by the first one posted.
    @param prior Content hash of the base's part 0; empty when there is no base.
    @param energy_lines How many of the lines are energy lines.
    @param lines At most 1000 lines and the padding. A part that is posted in a later epoch than another one that stands has a
           system account on one side of every line, so that what two parts fill can always be asked about together.
    @param signatures (v, r, s) of signers, ascending by address.
    @return True when it was posted, false when the same content was posted before.
    """
    life: uint256 = self._life
    assert life & 1 == 0, "market: closed"
    key: bytes32 = batches.key_of(community, slot, kind, revision, part)
    content: bytes32 = self._content_of(key, parts, prior, energy_lines, lines)
    attempt: uint256 = self._attempt(key, content)
    if attempt == 0:
        return False
    self._check_signatures(keccak256(abi_encode(_BATCH_TYPE, content, attempt)), signatures)
    self._check_slot(slot)
    self._check_base(slot, kind, revision, prior)
    is_late: bool = self._post(slot, kind, revision, part, parts, key, content, attempt, life)
    if revision != 0 or kind != _SETTLEMENT or is_late:
        self._check_one_side_is_system(lines)
    # b(0) - total_debt >= 0 is what the vault's claims rest on: the supplier's own debits and every debt the batch
    # leaves with the others must be covered by the supplier's free balance, not by credits that can still be voided.
    assert self._move(lines, energy_lines, _APPLY, True)[0] >= 0, "market: supplier short"
    return True


@external
def settle_trades(
    slot: uint256,
    part: uint256,
    parts: uint256,
    lines: Bytes[_LINES_BYTES],
    signed: DynArray[SignedOrder, _MAX_ORDERS],
    fills: Bytes[_FILLS_BYTES],
) -> bool:
    """
    @notice Posts trades between members (kind 3) whose signed orders are checked here: signature, side, member, validity,
            limit, and the greatest energy over all parts. Only the operator; no bond and no demand is needed. They come first:
            not once the slot was settled otherwise.
    @param slot Number of the slot; it must be over and cleared, and its end no further back than `final_s`.
    @param part Number of the part, below `parts`.
    @param parts How many parts there are, 1..256, fixed by the first one posted.
    @param lines Energy lines between members only, and the padding.
    @param signed The orders, settlement path 1, each with (v, r, s).
    @param fills A line's sell order and buy order, one byte each, places in `signed`; 30 bytes of padding behind them.
    @return True when it was posted, false when the same content was posted before.
    """
    self._only_operator()
    life: uint256 = self._life
    assert life & 1 == 0, "market: closed"
    assert len(lines) >= _PADDING_BYTES, "market: lines"
    count: uint256 = (len(lines) - _PADDING_BYTES) // _LINE_BYTES
    key: bytes32 = batches.key_of(community, slot, _TRADES, 0, part)
    content: bytes32 = self._content_of(key, parts, empty(bytes32), count, lines)
    attempt: uint256 = self._attempt(key, content)
    if attempt == 0:
        return False
    self._check_slot(slot)
    # A settlement of the same slot would have to be demanded against these trades, and its time may be over.
    others: uint256 = self._groups[self._group_key(slot, _SETTLEMENT, 0)]
    others |= self._groups[self._group_key(slot, _IMBALANCE, 0)]
    others |= self._groups[self._group_key(slot, _SUPPLIED, 0)]
    assert (others >> 16) & _MASK_16 == 0, "market: settled otherwise"
    self._check_trades(slot, count, lines, signed, fills)
    is_late: bool = self._post(slot, _TRADES, 0, part, parts, key, content, attempt, life)
    assert self._move(lines, count, _APPLY, False)[0] >= 0, "market: supplier short"
    return True


@external
def cancel(order: orders.Order):
    """
    @notice Cancels a signed order for slots that are opened later. Only the member's present wallet.
    @param order The order; its signature is not needed.
    """
    assert staticcall Members(members).wallet_of(order.member) == msg.sender, "market: not the wallet"
    order_hash: bytes32 = orders.hash_of(order)
    assert self.cancelled_at[order_hash] == 0, "market: already cancelled"
    self.cancelled_at[order_hash] = block.timestamp
    log Cancelled(member=order.member, order_hash=order_hash)


@external
def close_out():
    """
    @notice Closes the market for good, when no batch was accepted for `close_after_s`. Anyone. From then on nothing can be
            debited; credits mature, and every wallet withdraws what is its.
    """
    life: uint256 = self._life
    assert life & 1 == 0, "market: closed"
    # The last batch was posted before the end of its epoch.
    assert block.timestamp >= ((life >> 1) + 1) * window_s + close_after_s, "market: not idle"
    self._life = life | 1
    log Closed(epoch=block.timestamp // window_s)


@external
def void(
    slot: uint256,
    kind: uint256,
    revision: uint256,
    part: uint256,
    parts: uint256,
    prior: bytes32,
    energy_lines: uint256,
    lines: Bytes[_LINES_BYTES],
    signatures: DynArray[uint256[3], _MAX_SIGNERS],
):
    """
    @notice Undoes a batch exactly, in the epoch it was posted in or the next one, while its credits are pending.
            Anyone, with a quorum's signatures of `Void(content, attempt)`, and not while a demand on it waits for its answer:
            an operator that has none pays for it (`void_for`). One part of several: only in the epoch it was posted in. The
            arguments are those of `settle_net`.
    @param slot Number of the slot.
    @param kind Kind of the batch.
    @param revision Its revision.
    @param part Its part.
    @param parts How many parts there are.
    @param prior Content hash of its base.
    @param energy_lines How many of the lines are energy lines.
    @param lines The lines and the padding.
    @param signatures (v, r, s) of signers, ascending by address.
    """
    self._only_open()
    key: bytes32 = batches.key_of(community, slot, kind, revision, part)
    content: bytes32 = self._content_of(key, parts, prior, energy_lines, lines)
    batch: uint256 = self._batches[key]
    attempt: uint256 = (batch >> 16) & _MASK_16
    self._check_signatures(keccak256(abi_encode(_VOID_TYPE, content, attempt)), signatures)
    # Later the other parts could stand without this one when nobody can demand them any more.
    in_time: bool = parts == 1 or (batch >> 32) & _MASK_32 == block.timestamp // window_s
    assert in_time or (batch & _MASK_16) != _LIVE, "market: part of others"
    waiting: uint256 = staticcall Claims(staticcall Vault(vault).claims()).open_demands(key, attempt)
    assert waiting == 0, "market: demanded"
    self._void(batches.Place(slot=slot, kind=kind, revision=revision, part=part, parts=parts, prior=prior, energy_lines=energy_lines), lines)


@external
def void_for(place: batches.Place, lines: Bytes[_LINES_BYTES], demander: uint256):
    """
    @notice Voids a batch on which a demand was not answered. What the bond had locked for it goes to the demander, half, and
            to the rewards account. Only the claims.
    @param place Where the batch stands, as `settle_net` was given it.
    @param lines The lines and the padding.
    @param demander The account that demanded.
    """
    self._only_open()
    assert msg.sender == staticcall Vault(vault).claims(), "market: not the claims"
    lock_nano: uint256 = self._void(place, lines)
    half_nano: uint256 = lock_nano // 2
    extcall Vault(vault).move(_BOND, demander, half_nano)
    extcall Vault(vault).move(_BOND, _REWARDS, lock_nano - half_nano)


@external
@view
def batch_of(key: bytes32) -> (bytes24, uint256, uint256, uint256):
    """
    @notice What is stored under a key.
    @param key keccak(community, slot, kind, revision, part).
    @return High 24 bytes of the content hash, epoch posted, attempt, state (0 none, 1 live, 2 void).
    """
    batch: uint256 = self._batches[key]
    tag: bytes24 = convert(convert((batch >> 64) << 64, bytes32), bytes24)
    return tag, (batch >> 32) & _MASK_32, (batch >> 16) & _MASK_16, batch & _MASK_16


@external
@view
def group_of(slot: uint256, kind: uint256, revision: uint256) -> (uint256, uint256, uint256, uint256, uint256):
    """
    @notice How far a settlement is.
    @param slot Number of the slot.
    @param kind Its kind.
    @param revision Its revision.
    @return Parts (0 before the first), parts live, parts voided twice, last epoch in which one was posted, generation: how
            often a part was voided (of kind 3: how often none was left).
    """
    group: uint256 = self._groups[self._group_key(slot, kind, revision)]
    return group & _MASK_16, (group >> 16) & _MASK_16, (group >> 32) & _MASK_16, (group >> 48) & _MASK_32, group >> 112


@external
@view
def opened(slot: uint256) -> (bytes24, uint256):
    """
    @notice With what and when a slot was opened.
    @param slot Number of the slot.
    @return High 24 bytes of keccak(book root, number of orders), unix seconds; zeros before.
    """
    opened: uint256 = self._opened[slot]
    return convert(convert((opened >> 64) << 64, bytes32), bytes24), opened & _MASK_64


@external
@view
def is_closed() -> bool:
    """
    @notice Whether the market was closed for good.
    @return True after `close_out`.
    """
    return self._life & 1 == 1


@external
@view
def check_quorum(struct_hash: bytes32, signatures: DynArray[uint256[3], _MAX_SIGNERS]) -> bool:
    """
    @notice Reverts unless a quorum of the signers signed a struct in this market's domain.
    @param struct_hash EIP-712 hash of the struct.
    @param signatures (v, r, s) of signers, ascending by address.
    @return True.
    """
    self._check_signatures(struct_hash, signatures)
    return True


@external
@view
def is_final(slot: uint256, kind: uint256, revision: uint256) -> bool:
    """
    @notice Whether all parts of a settlement stand and none can be voided any more.
    @param slot Number of the slot.
    @param kind Its kind.
    @param revision Its revision.
    @return True once it can be a base.
    """
    group: uint256 = self._groups[self._group_key(slot, kind, revision)]
    return self._is_complete(group) and self._is_closed(group)


@external
@view
def key_of(slot: uint256, kind: uint256, revision: uint256, part: uint256) -> bytes32:
    """
    @notice The key of a batch.
    @param slot Number of the slot.
    @param kind Its kind.
    @param revision Its revision.
    @param part Its part.
    @return keccak(community, slot, kind, revision, part).
    """
    return batches.key_of(community, slot, kind, revision, part)


@external
@view
def domain_separator() -> bytes32:
    """
    @notice EIP-712 domain: name "Commonwatt market", version "1", chain id, this contract.
    @return Its hash.
    """
    return self._domain_separator()


@internal
@view
def _only_operator():
    """
    @dev Reverts unless the caller is the operator.
    """
    assert msg.sender == operator, "market: not the operator"


@internal
@view
def _domain_separator() -> bytes32:
    """
    @dev Computed each time, so that a fork of the chain has another one.
    """
    return keccak256(abi_encode(_DOMAIN_TYPE, _DOMAIN_NAME, _DOMAIN_VERSION, chain.id, self))


@internal
@view
def _only_open():
    """
    @dev Reverts once the market is closed for good.
    """
    assert self._life & 1 == 0, "market: closed"


@internal
@pure
def _group_key(slot: uint256, kind: uint256, revision: uint256) -> bytes32:
    """
    @dev Key of the parts of one settlement.
    """
    return keccak256(abi_encode(slot, kind, revision))


@internal
@view
def _is_complete(group: uint256) -> bool:
    """
    @dev Whether every part is live.
    """
    return group != 0 and (group & _MASK_16) == ((group >> 16) & _MASK_16)


@internal
@view
def _is_closed(group: uint256) -> bool:
    """
    @dev Whether the window of the part posted last has closed.
    """
    return block.timestamp // window_s >= ((group >> 48) & _MASK_32) + 2


@internal
@view
def _check_signatures(struct_hash: bytes32, signatures: DynArray[uint256[3], _MAX_SIGNERS]):
    """
    @dev Reverts unless a quorum of different signers signed. Ascending addresses exclude doubles and, since the first
         one is compared with zero, what `ecrecover` gives for a bad signature.
    """
    assert len(signatures) >= quorum, "market: quorum"
    digest: bytes32 = keccak256(concat(b"\x19\x01", self._domain_separator(), struct_hash))
    last: uint256 = 0
    for signature: uint256[3] in signatures:
        signer: address = ecrecover(digest, signature[0], signature[1], signature[2])
        assert convert(signer, uint256) > last and self.is_signer[signer], "market: signer"
        last = convert(signer, uint256)


@internal
@view
def _check_slot(slot: uint256):
    """
    @dev Reverts unless the slot is cleared, over, and not too long ago.
    """
    assert self.cleared[slot] != empty(bytes32), "market: slot not cleared"
    # What is cleared was opened at most two days before its start, so this cannot overflow.
    end_s: uint256 = (slot + 1) * slot_s
    assert end_s <= block.timestamp, "market: slot not over"
    assert block.timestamp - end_s <= final_s, "market: slot too old"


@internal
@view
def _check_base(slot: uint256, kind: uint256, revision: uint256, prior: bytes32):
    """
    @dev Reverts unless what this settlement builds on stands for good and is the one it names.
    """
    assert kind <= _SUPPLIED, "market: kind"
    assert revision < batches.MAX_REVISIONS, "market: revision"
    if kind == _SUPPLIED:
        assert prior == empty(bytes32), "market: prior"
        open: uint256 = self._groups[self._group_key(slot, _SETTLEMENT, revision)]
        open |= self._groups[self._group_key(slot, _IMBALANCE, revision)]
        open |= self._groups[self._group_key(slot, _TRADES, revision)]
        assert (open >> 32) & _MASK_16 != 0, "market: not the supplier's"
        return
    if revision == 0 and kind == _SETTLEMENT:
        assert prior == empty(bytes32), "market: prior"
        return
    base_kind: uint256 = kind if revision != 0 else _SETTLEMENT
    base_revision: uint256 = revision - 1 if revision != 0 else 0
    base: uint256 = self._groups[self._group_key(slot, base_kind, base_revision)]
    if base == 0 and revision == 0:
        base_kind = _TRADES
        base = self._groups[self._group_key(slot, _TRADES, 0)]
    voided: uint256 = (base >> 32) & _MASK_16
    if voided != 0:
        # Trades that went to the supplier leave no imbalance; a revision is made whole by the supplier's part of it.
        assert revision != 0, "market: base void"
        live: uint256 = (base >> 16) & _MASK_16
        assert live + voided == base & _MASK_16 and self._is_closed(base), "market: base open"
        base_kind = _SUPPLIED
        base = self._groups[self._group_key(slot, _SUPPLIED, base_revision)]
    # Trades need not wait for their window: they cannot be voided while a batch stands on them (`_void`).
    assert self._is_complete(base) and (base_kind == _TRADES or self._is_closed(base)), "market: base open"
    first: uint256 = self._batches[batches.key_of(community, slot, base_kind, base_revision, 0)]
    assert first >> 64 == convert(prior, uint256) >> 64, "market: prior"


@internal
@pure
def _content_of(key: bytes32, parts: uint256, prior: bytes32, energy_lines: uint256, lines: Bytes[_LINES_BYTES]) -> bytes32:
    """
    @dev What is stored under a key. A function of its own, so that the lines are copied to where memory is in use anyway.
    """
    return batches.content_of(key, parts, prior, energy_lines, keccak256(lines))


@internal
@view
def _attempt(key: bytes32, content: bytes32) -> uint256:
    """
    @dev Which attempt at its key a content is; 0 when it stands there already.
    """
    batch: uint256 = self._batches[key]
    if batch == 0:
        return 1
    if (batch & _MASK_16) == _LIVE:
        assert batch >> 64 == convert(content, uint256) >> 64, "market: key taken"
        return 0
    assert batch >> 64 != convert(content, uint256) >> 64, "market: batch was voided"
    assert ((batch >> 16) & _MASK_16) == 1, "market: goes to the supplier"
    return 2


@internal
@pure
def _check_one_side_is_system(lines: Bytes[_LINES_BYTES]):
    """
    @dev Reverts when a line has members on both sides: a correction never changes another member's trade.
    """
    for line: uint256 in range(len(lines) // _LINE_BYTES, bound=MAX_LINES + 1):
        at: uint256 = unsafe_mul(line, _LINE_BYTES)
        if unsafe_add(at, 32) > len(lines):
            break
        word: uint256 = extract32(lines, at, output_type=uint256)
        who: uint256 = word >> 240
        other: uint256 = (word >> 224) & _MASK_16
        # The pool would pass energy from one member to another.
        assert min(who, other) < _FIRST_MEMBER and who != _POOL and other != _POOL, "market: members on both sides"


@internal
def _check_trades(
    slot: uint256,
    count: uint256,
    lines: Bytes[_LINES_BYTES],
    signed: DynArray[SignedOrder, _MAX_ORDERS],
    fills: Bytes[_FILLS_BYTES],
):
    """
    @dev Reverts unless every line stays within two signed orders of its members, and adds its energy to what was filled.
    """
    assert len(lines) == count * _LINE_BYTES + _PADDING_BYTES, "market: lines"
    assert len(fills) == count * 2 + 30, "market: fills"
    filled: uint256[_MAX_ORDERS] = empty(uint256[_MAX_ORDERS])
    for line: uint256 in range(count, bound=MAX_LINES):
        word: uint256 = extract32(lines, unsafe_mul(line, _LINE_BYTES), output_type=uint256)
        pair: uint256 = extract32(fills, unsafe_mul(line, 2), output_type=uint256) >> 240
        price: int256 = batches.price_of(word)
        for side: uint256 in range(2):
            at: uint256 = pair >> 8 if side == 0 else pair & 255
            assert at < len(signed), "market: fills"
            account: uint256 = word >> 240 if side == 0 else (word >> 224) & _MASK_16
            assert account >= _FIRST_MEMBER and signed[at].order.member == account, "market: order of another"
            assert orders.is_within(signed[at].order, side == 0, price), "market: limit"
            filled[at] += batches.energy_of(word)
    domain: bytes32 = self._domain_separator()
    opened_s: uint256 = self._opened[slot] & _MASK_64
    generation: uint256 = self._groups[self._group_key(slot, _TRADES, 0)] >> 112
    for at: uint256 in range(len(signed), bound=_MAX_ORDERS):
        order: orders.Order = signed[at].order
        order_hash: bytes32 = orders.hash_of(order)
        signer: address = orders.signer_of(domain, order_hash, signed[at].v, signed[at].r, signed[at].s)
        assert staticcall Members(members).signed_for_wallet(order.member, signer, opened_s), "market: order not signed"
        assert order.path == orders.PATH_TRADES, "market: other path"
        assert order.firstSlot <= slot and slot <= order.lastSlot, "market: order not valid"
        cancelled_s: uint256 = self.cancelled_at[order_hash]
        assert cancelled_s == 0 or cancelled_s >= opened_s, "market: order cancelled"
        used_key: bytes32 = keccak256(abi_encode(order_hash, slot, generation))
        used: uint256 = self._filled[used_key] + filled[at]
        assert used <= order.energyWh, "market: overfilled"
        self._filled[used_key] = used


@internal
def _post(
    slot: uint256,
    kind: uint256,
    revision: uint256,
    part: uint256,
    parts: uint256,
    key: bytes32,
    content: bytes32,
    attempt: uint256,
    life: uint256,
) -> bool:
    """
    @dev Notes a batch under its key, fixes the number of parts with the first one and counts this one; returns whether another
         part stands since an earlier epoch.
    """
    epoch: uint256 = block.timestamp // window_s
    self._batches[key] = ((convert(content, uint256) >> 64) << 64) | (epoch << 32) | (attempt << 16) | _LIVE
    assert parts > 0 and parts <= _MAX_PARTS and part < parts, "market: parts"
    group_key: bytes32 = self._group_key(slot, kind, revision)
    group: uint256 = self._groups[group_key]
    assert group == 0 or (group & _MASK_16) == parts, "market: parts"
    live: uint256 = ((group >> 16) & _MASK_16) + 1
    voided: uint256 = (group >> 32) & _MASK_16
    first: uint256 = (group >> 80) & _MASK_32 if live != 1 else epoch
    self._groups[group_key] = (
        ((group >> 112) << 112) | (first << 80) | (epoch << 48) | (voided << 32) | (live << 16) | parts
    )
    if life >> 1 != epoch:
        self._life = epoch << 1
    log Settled(
        slot=slot,
        key=key,
        content=content,
        kind=kind,
        revision=revision,
        part=part,
        parts=parts,
        attempt=attempt,
    )
    return first != epoch


@internal
def _void(place: batches.Place, lines: Bytes[_LINES_BYTES]) -> uint256:
    """
    @dev Undoes a live batch within its window, whoever was entitled to ask for it; returns what its lock gave back.
    """
    key: bytes32 = batches.key_of(community, place.slot, place.kind, place.revision, place.part)
    content: bytes32 = batches.content_of(key, place.parts, place.prior, place.energy_lines, keccak256(lines))
    batch: uint256 = self._batches[key]
    assert (batch & _MASK_16) == _LIVE and batch >> 64 == convert(content, uint256) >> 64, "market: no such batch"
    posted: uint256 = (batch >> 32) & _MASK_32
    epoch: uint256 = block.timestamp // window_s
    assert epoch <= posted + 1, "market: window closed"
    if place.kind == _TRADES:
        # What settles on the trades goes first; its window closes no earlier than theirs.
        imbalance: uint256 = self._groups[self._group_key(place.slot, _IMBALANCE, 0)]
        assert (imbalance >> 16) & _MASK_16 == 0, "market: base of another"
    attempt: uint256 = (batch >> 16) & _MASK_16
    self._batches[key] = (batch ^ _LIVE) | _VOID
    group_key: bytes32 = self._group_key(place.slot, place.kind, place.revision)
    group: uint256 = self._groups[group_key] - (1 << 16)
    if attempt == 2:
        group += 1 << 32
    # What orders were filled with stays counted while another part of the trades stands.
    if place.kind != _TRADES or (group >> 16) & _MASK_16 == 0:
        group += 1 << 112
    self._groups[group_key] = group
    log Voided(slot=place.slot, key=key, content=content, attempt=attempt)
    mode: uint256 = _UNDO_CURRENT if posted == epoch else _UNDO_PREVIOUS
    return self._move(lines, place.energy_lines, mode, place.kind != _TRADES)[1]


@internal
@pure
def _check_accounts(word: uint256, accounts: uint256):
    """
    @dev Reverts unless a line names two different accounts that exist.
    """
    who: uint256 = word >> 240
    other: uint256 = (word >> 224) & _MASK_16
    assert who < accounts and other < accounts, "market: unknown account"
    assert who != other, "market: self trade"


@internal
@pure
def _pool_wh(word: uint256) -> int256:
    """
    @dev What an energy line puts into the pool, Wh.
    """
    if word >> 240 == _POOL:
        return unsafe_sub(0, convert(convert((word >> 192) & _MASK_32, bytes32), int256))
    if (word >> 224) & _MASK_16 == _POOL:
        return convert(convert((word >> 192) & _MASK_32, bytes32), int256)
    return 0


@internal
def _move(
    lines: Bytes[_LINES_BYTES], energy_lines: uint256, mode: uint256, is_bonded: bool
) -> (int256, uint256):
    """
    @dev Adds up the lines and has the vault apply or undo the nets; returns the supplier's surplus afterwards, and what
         the operator's bond locks for the batch.
         Every line gives to one existing account what it takes from another, so the nets sum to zero.
    """
    accounts: uint256 = 0
    connections: DynArray[uint256, _CONNECTION_WORDS] = []
    accounts, connections = staticcall Members(members).limits()
    assert len(lines) >= _PADDING_BYTES and (len(lines) - _PADDING_BYTES) % _LINE_BYTES == 0, "market: lines"
    count: uint256 = (len(lines) - _PADDING_BYTES) // _LINE_BYTES
    assert energy_lines <= count, "market: energy lines"
    nets: int256[MAX_ACCOUNTS] = empty(int256[MAX_ACCOUNTS])
    pool_wh: int256 = 0
    # Two energy lines a turn, since reading, looping and checking cost more than adding.
    known: uint256 = unsafe_add(_GUARDS, unsafe_mul(_LANES, unsafe_sub(accounts, 1)))
    for two: uint256 in range(energy_lines >> 1, bound=MAX_LINES // 2):
        word: uint256 = extract32(lines, unsafe_mul(two, 2 * _LINE_BYTES), output_type=uint256)
        # Four indices are looked at together, each in a lane of 16 bits whose highest bit says yes. `known` holds 2^15 + the last
        # account: with an index up to it taken off, the highest bit stays; with a greater one below 2^15 it goes; from 2^15 on
        # the index has it itself. Nothing is borrowed from a lane before one below it said no.
        pair: uint256 = word & _PAIR
        sane: uint256 = unsafe_sub(known, pair) & ~pair
        # Below 2^15 by then, an index or a difference plus 2^15 - 1 reaches 2^15 unless it is zero.
        sane &= unsafe_add((pair ^ (pair << 16)) | _SECONDS, _ANY)
        if sane & unsafe_add(pair ^ _POOLS, _ANY) & _GUARDS != _GUARDS:
            if sane & _GUARDS != _GUARDS:
                self._check_accounts(word, accounts)
                self._check_accounts(word << 96, accounts)
            pool_wh = unsafe_add(pool_wh, unsafe_add(self._pool_wh(word), self._pool_wh(word << 96)))
        amount: int256 = unsafe_mul(
            convert(convert((word >> 192) & _MASK_32, bytes32), int256), convert(convert(word << 64, bytes32), int256) >> 224
        )
        nets[word >> 240] = unsafe_add(nets[word >> 240], amount)
        nets[(word >> 224) & _MASK_16] = unsafe_sub(nets[(word >> 224) & _MASK_16], amount)
        amount = unsafe_mul(
            convert(convert((word >> 96) & _MASK_32, bytes32), int256), convert(convert(word << 160, bytes32), int256) >> 224
        )
        nets[(word >> 144) & _MASK_16] = unsafe_add(nets[(word >> 144) & _MASK_16], amount)
        nets[(word >> 128) & _MASK_16] = unsafe_sub(nets[(word >> 128) & _MASK_16], amount)
    # The energy line that is left over, and the amounts.
    for line: uint256 in range((energy_lines >> 1) << 1, count, bound=MAX_LINES):
        word: uint256 = extract32(lines, unsafe_mul(line, _LINE_BYTES), output_type=uint256)
        who: uint256 = word >> 240
        other: uint256 = (word >> 224) & _MASK_16
        if who >= accounts or other >= accounts or who == other:
            self._check_accounts(word, accounts)
        amount: int256 = 0
        if line < energy_lines:
            pool_wh = unsafe_add(pool_wh, self._pool_wh(word))
            amount = unsafe_mul(convert(batches.energy_of(word), int256), batches.price_of(word))
        else:
            # A plain amount has no order behind it, so it never goes from one member to another, nor through the pool.
            lower: uint256 = min(who, other)
            assert lower < _FIRST_MEMBER, "market: amount between members"
            if lower == _POOL:
                assert max(who, other) < _FIRST_MEMBER, "market: amount between members"
            amount = convert(convert(word << 32, bytes32), int256) >> 192
        nets[who] = unsafe_add(nets[who], amount)
        nets[other] = unsafe_sub(nets[other], amount)
    assert pool_wh == 0 and nets[_POOL] == 0, "market: pool"
    # Only locks and demands move the bond, so that what is locked can always be taken.
    assert nets[_BOND] == 0, "market: bond account"
    # |net| <= connection_w * slot_s / 3600 [Wh] * price cap, both sides times 3600.
    factor: uint256 = slot_s * price_cap_micro_per_kwh
    debits: uint256 = 0
    # Eight limits in a word, as many as there are system accounts.
    for eight: uint256 in range(1, len(connections), bound=_CONNECTION_WORDS):
        word: uint256 = connections[eight]
        for place: uint256 in range(8):
            net: int256 = nets[unsafe_add(eight << 3, place)]
            if net != 0:
                if net < 0:
                    net = unsafe_sub(0, net)
                    debits = unsafe_add(debits, convert(net, uint256))
                if mode == _APPLY:
                    most: uint256 = unsafe_mul((word >> (place << 5)) & _MASK_32, factor)
                    assert unsafe_mul(convert(net, uint256), 3600) <= most, "market: cap"
    lock_nano: uint256 = 0
    if is_bonded:
        lock_nano = bond_nano + debits * bond_share // 1000
    return extcall Vault(vault).post(nets, accounts, mode, lock_nano), lock_nano
