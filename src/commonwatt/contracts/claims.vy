# pragma version ==0.4.3
# pragma evm-version cancun
# pragma optimize gas
"""
@title Demands: what stands behind a line
@custom:contract-name claims
@license Apache-2.0
@author Commonwatt
@notice A member demands what stands behind one side of one line of a batch that can still be voided, and parks a bond in the
        pool's account. Within `answer_s` anyone answers for the operator:
        a line between members (or with the pool) with the member's signed order and its entry in the book that `open`
        committed to, each entry for no more energy than it holds, over all parts (`answer_order`);
        any other line with the member's whole position: every line of every batch of the slot up to that revision (`feed`),
        whose energy must be what the meter signed, and whose prices and fees must be within the tariff's bounds
        (`answer_position`). For a silent meter a quorum signs what was put in its place. A member that a settlement leaves out
        has no line to ask about and asks for its own position. So whoever posts a settlement (any kind but 3, revision 0)
        has everybody's whole position posted with it, or within `answer_s`.
        An answer gives the demand's bond to the operator's bond. No answer: the batch is void, the demander gets its bond
        and half of what the operator's bond locked for the batch (`expire`).

        Time, for a batch posted in epoch e, windows of `window_s` = W, T = `answer_s`:
            demand before (e + 2) W - 2 T | answer until demand + T | expire from then until (e + 2) W | reclaim ever after
@custom:security A demand costs its bond when it is answered; that is what makes asking at random dear. An answer shows what
                 the batch hid at most for one member and slot: lines, registers, signed limits. Fees within the bounds
                 and the all-in price are exact in the audit only. Who signed as the meter, or as quorum for a silent one, is
                 believed: a meter that lies with the operator is for calibration law, and a silent meter is bounded by
                 its connection and the tariff's bounds. Nobody is protected who does not look once in a window.
"""


from modules import batches
from modules import orders
from modules import trees


interface Members:
    def wallet_of(index: uint256) -> address: view
    def connection_of(index: uint256) -> uint256: view
    def signed_for_wallet(index: uint256, key: address, at_s: uint256) -> bool: view
    def signed_for_meter(index: uint256, key: address, at_s: uint256) -> bool: view


interface Vault:
    def move(payer: uint256, payee: uint256, amount_nano: uint256): nonpayable


interface Market:
    def community() -> bytes32: view
    def vault() -> address: view
    def members() -> address: view
    def slot_s() -> uint256: view
    def window_s() -> uint256: view
    def domain_separator() -> bytes32: view
    def batch_of(key: bytes32) -> (bytes24, uint256, uint256, uint256): view
    def group_of(slot: uint256, kind: uint256, revision: uint256) -> (uint256, uint256, uint256, uint256, uint256): view
    def opened(slot: uint256) -> (bytes24, uint256): view
    def cancelled_at(order_hash: bytes32) -> uint256: view
    def check_quorum(struct_hash: bytes32, signatures: DynArray[uint256[3], 16]) -> bool: view
    def void_for(place: batches.Place, lines: Bytes[12020], demander: uint256): nonpayable


# @dev An order as it was sealed into the book (`venues`): what `open` committed to.
struct Entry:
    energy_wh: uint256
    limit_micro_per_kwh: int256
    source: uint256
    preference: uint256
    nonce: bytes32


# @dev Where an entry stands in the book.
struct Proof:
    siblings: DynArray[bytes32, 24]
    sides: uint256
    book_root: bytes32
    orders: uint256


# @dev What a meter said of one slot: a packet among those one signer signed (`siblings`, `sides`), the signer being the meter
#      or a gateway it enrolled. Or, where `silent` is not empty, what a quorum put in its place: only the registers count.
struct Packet:
    revision: uint256
    counter: uint256
    import_wh: uint256
    export_wh: uint256
    packet_hash: bytes32
    siblings: DynArray[bytes32, 24]
    sides: uint256
    signature: uint256[3]
    enrolment: uint256[3]  # the meter's signature for the gateway; v = 0 where the meter itself signed
    silent: DynArray[uint256[3], 16]


# @dev What was fed so far of a demanded member's position. Energies are Wh, money is nano, paid by the member.
struct Position:
    cursor: uint256  # number of the next group (revision * kinds + kind) << 16 | its next part
    seen: bytes32  # chain of what the market knew of every group when it was fed
    sold_wh: uint256  # to members and the pool
    bought_wh: uint256
    supplied_wh: uint256  # bought from the supplier in earlier revisions
    fed_in_wh: uint256  # sold to it
    more_supplied_wh: uint256  # the same in the demanded revision
    more_fed_in_wh: uint256
    fees_nano: int256
    penalties_nano: int256  # to the rewards account, less what came from it


_LINES_BYTES: constant(uint256) = batches.LINES_BYTES
_MAX_GROUPS: constant(uint256) = 4 * 256
# @dev More than all parts of all groups, so that a walk always arrives: a target is a live batch or the end of a revision.
_MAX_STEPS: constant(uint256) = 4 * 256 * 257
_MASK_16: constant(uint256) = 2**16 - 1
_MASK_64: constant(uint256) = 2**64 - 1
_INT64: constant(uint256) = 2**63 - 1

_OPEN: constant(uint256) = 1
_ANSWERED: constant(uint256) = 2
_EXPIRED: constant(uint256) = 3
_RECLAIMED: constant(uint256) = 4

_SILENT_TYPE: constant(bytes32) = keccak256("Silent(uint256 slot,uint256 member,uint256 importWh,uint256 exportWh)")
_PACKETS_LABEL: constant(Bytes[32]) = b"commonwatt/packets/1\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
_GATEWAY_LABEL: constant(Bytes[32]) = b"commonwatt/gateway/1\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"


market: public(immutable(address))
vault: public(immutable(address))
members: public(immutable(address))
_COMMUNITY: immutable(bytes32)
_SLOT_S: immutable(uint256)
_WINDOW_S: immutable(uint256)
# @dev What a demand parks, nano.
demand_bond_nano: public(immutable(uint256))
# @dev Seconds to answer; a batch can be demanded as long as twice this is left of its window.
answer_s: public(immutable(uint256))
# @dev The tariff's bounds, micro per kWh: the most a member pays its supplier for energy, the least it gets; fees and taxes
#      together on a kWh it trades; penalties on a kWh it missed.
supply_most_micro_per_kwh: public(immutable(int256))
supply_least_micro_per_kwh: public(immutable(int256))
fee_most_micro_per_kwh: public(immutable(uint256))
penalty_most_micro_per_kwh: public(immutable(uint256))

# @dev Place: slot 64 | revision 16 | kind 8 | part 16 | attempt 8 | whether it wants a position 8.
_places: HashMap[bytes32, uint256]
# @dev deadline 64 | demander 16 | member 16 | state 8, from the high end.
_demands: HashMap[bytes32, uint256]
# @dev The word of the line that was demanded, its side in the lowest bit.
_lines: HashMap[bytes32, uint256]
# @dev By (entry of the book, part, attempt), and by (order, slot, part, attempt), since several entries may lie within one standing
#      instruction: Wh that answers showed.
_used: HashMap[bytes32, uint256]
# @dev By (key, attempt): demands without an answer. While there are any the quorum cannot void the batch itself.
_waiting: HashMap[bytes32, uint256]
# @dev By (demand, who feeds it).
_positions: HashMap[bytes32, HashMap[address, Position]]


event Demanded:
    id: indexed(bytes32)
    key: indexed(bytes32)
    member: indexed(uint256)
    attempt: uint256
    generation: uint256
    line: uint256
    side: uint256
    demander: uint256
    deadline_s: uint256


event Answered:
    id: indexed(bytes32)


event Expired:
    id: indexed(bytes32)


event Reclaimed:
    id: indexed(bytes32)


@deploy
def __init__(
    market_: address,
    demand_bond_nano_: uint256,
    answer_s_: uint256,
    supply_most_micro_per_kwh_: int256,
    supply_least_micro_per_kwh_: int256,
    fee_most_micro_per_kwh_: uint256,
    penalty_most_micro_per_kwh_: uint256,
):
    """
    @param market_ The market whose batches are demanded.
    @param demand_bond_nano_ What a demand parks, nano, 1..2^64 - 1.
    @param answer_s_ Seconds to answer, at least 1; twice that is less than a window.
    @param supply_most_micro_per_kwh_ The most a member pays its supplier for energy.
    @param supply_least_micro_per_kwh_ The least it gets.
    @param fee_most_micro_per_kwh_ Fees and taxes together on a kWh, below 2^31.
    @param penalty_most_micro_per_kwh_ Penalties on a kWh, below 2^31.
    """
    assert market_ != empty(address), "claims: no address"
    assert demand_bond_nano_ > 0 and demand_bond_nano_ < 2**64, "claims: demand bond"
    assert fee_most_micro_per_kwh_ < 2**31 and penalty_most_micro_per_kwh_ < 2**31, "claims: bounds"
    assert supply_least_micro_per_kwh_ <= supply_most_micro_per_kwh_, "claims: bounds"
    market = market_
    vault = staticcall Market(market_).vault()
    members = staticcall Market(market_).members()
    _COMMUNITY = staticcall Market(market_).community()
    _SLOT_S = staticcall Market(market_).slot_s()
    _WINDOW_S = staticcall Market(market_).window_s()
    assert answer_s_ > 0 and answer_s_ < 2**32 and 2 * answer_s_ < _WINDOW_S, "claims: time to answer"
    demand_bond_nano = demand_bond_nano_
    answer_s = answer_s_
    supply_most_micro_per_kwh = supply_most_micro_per_kwh_
    supply_least_micro_per_kwh = supply_least_micro_per_kwh_
    fee_most_micro_per_kwh = fee_most_micro_per_kwh_
    penalty_most_micro_per_kwh = penalty_most_micro_per_kwh_


@external
def demand(place: batches.Place, lines: Bytes[_LINES_BYTES], line: uint256, side: uint256, who: uint256) -> bytes32:
    """
    @notice Demands what stands behind one side of a line, once. Parks `demand_bond_nano` of the demander's free balance.
            Only the wallet of the member `who`.
    @param place Where the batch stands, as `settle_net` was given it.
    @param lines The lines and the padding.
    @param line Number of the line; the number of lines for a member that asks for its own position though no line names it,
           in revision 0.
    @param side 0: the account that gives the energy or receives the amount, 1: the other one; it must be a member's.
           Where no line is named: `who`.
    @param who Account of the member that demands.
    @return The demand's id.
    """
    assert who >= batches.FIRST_MEMBER, "claims: not a member"
    assert staticcall Members(members).wallet_of(who) == msg.sender, "claims: not the wallet"
    assert place.kind != batches.TRADES, "claims: orders were checked"
    key: bytes32 = self._key(place)
    posted: uint256 = 0
    attempt: uint256 = 0
    posted, attempt = self._live(key, place, lines)
    assert block.timestamp + 2 * answer_s < (posted + 2) * _WINDOW_S, "claims: too late"
    word: uint256 = 0
    member: uint256 = who
    other: uint256 = batches.SUPPLIER
    if line == (len(lines) - batches.PADDING_BYTES) // batches.LINE_BYTES:
        assert side == who, "claims: no such line"
        # In a correction only those it corrects have a packet to show.
        assert place.revision == 0, "claims: settles no positions"
    else:
        assert line < (len(lines) - batches.PADDING_BYTES) // batches.LINE_BYTES and side < 2, "claims: no such line"
        word = extract32(lines, line * batches.LINE_BYTES, output_type=uint256)
        member = word >> 240 if side == 0 else (word >> 224) & _MASK_16
        other = (word >> 224) & _MASK_16 if side == 0 else word >> 240
        assert member >= batches.FIRST_MEMBER, "claims: not a member's side"
    is_position: uint256 = 0 if other >= batches.FIRST_MEMBER or other == batches.POOL else 1
    # A position is another one once a part was voided, so it can be asked for again. A trade is asked about once, and counted once.
    generation: uint256 = 0
    if is_position != 0:
        generation = (staticcall Market(market).group_of(place.slot, place.kind, place.revision))[4]
    id: bytes32 = keccak256(abi_encode(key, attempt, generation, line, side))
    assert self._demands[id] == 0, "claims: demanded before"
    deadline: uint256 = block.timestamp + answer_s
    self._places[id] = (
        (place.slot << 56)
        | (place.revision << 40)
        | (place.kind << 32)
        | (place.part << 16)
        | (attempt << 8)
        | is_position
    )
    self._demands[id] = (deadline << 40) | (who << 24) | (member << 8) | _OPEN
    self._lines[id] = ((word >> 160) << 1) | (side & 1)
    self._waiting[keccak256(abi_encode(key, attempt))] += 1
    log Demanded(
        id=id,
        key=key,
        member=member,
        attempt=attempt,
        generation=generation,
        line=line,
        side=side,
        demander=who,
        deadline_s=deadline,
    )
    extcall Vault(vault).move(who, batches.POOL, demand_bond_nano)
    return id


@external
def answer_order(
    id: bytes32, order: orders.Order, signature: uint256[3], entry: Entry, proof: Proof
):
    """
    @notice Answers a demand on a line between members, or with the pool. Anyone, until the deadline.
    @param id The demand.
    @param order What the member signed, settlement path 0.
    @param signature (v, r, s) of the wallet it had when the slot was opened, or has now.
    @param entry The order as it was sealed into the slot's book.
    @param proof Where it stands in the book that the slot was opened with.
    """
    demand: uint256 = self._open(id)
    place: uint256 = self._places[id]
    assert place & 255 == 0, "claims: a position"
    slot: uint256 = (place >> 56) & _MASK_64
    stored: uint256 = self._lines[id]
    is_sell: bool = stored & 1 == 0
    word: uint256 = (stored >> 1) << 160
    # The order: signed by the member, for this slot and path, not cancelled, at this price.
    tag: bytes24 = empty(bytes24)
    opened_s: uint256 = 0
    tag, opened_s = staticcall Market(market).opened(slot)
    assert order.member == (demand >> 8) & _MASK_16, "claims: order of another"
    order_hash: bytes32 = orders.hash_of(order)
    domain: bytes32 = staticcall Market(market).domain_separator()
    signer: address = orders.signer_of(domain, order_hash, signature[0], signature[1], signature[2])
    assert staticcall Members(members).signed_for_wallet(order.member, signer, opened_s), "claims: order not signed"
    assert order.path == orders.PATH_NET, "claims: other path"
    assert order.firstSlot <= slot and slot <= order.lastSlot, "claims: order not valid"
    cancelled_s: uint256 = staticcall Market(market).cancelled_at(order_hash)
    assert cancelled_s == 0 or cancelled_s >= opened_s, "claims: order cancelled"
    # The entry: in the book, within the order; the line within the entry.
    assert order.isSell == is_sell, "claims: other side"
    assert entry.energy_wh <= order.energyWh, "claims: entry beyond the order"
    assert orders.is_within(order, is_sell, entry.limit_micro_per_kwh), "claims: entry beyond the order"
    price: int256 = batches.price_of(word)
    limit: int256 = entry.limit_micro_per_kwh
    assert price >= limit if is_sell else price <= limit, "claims: limit"
    commitment: bytes32 = self._commitment(slot, order.member - batches.FIRST_MEMBER, is_sell, entry)
    leaf: bytes32 = sha256(concat(b"\x00", commitment))
    assert trees.root_of(leaf, proof.siblings, proof.sides) == proof.book_root, "claims: not in the book"
    assert self._is_of(tag, keccak256(abi_encode(proof.book_root, proof.orders))), "claims: another book"
    self._use(place, commitment, order_hash, batches.energy_of(word), entry.energy_wh, order.energyWh)
    self._answered(id, demand)


@external
def feed(id: bytes32, place: batches.Place, lines: Bytes[_LINES_BYTES]):
    """
    @notice Adds a batch to the demanded member's position. Every live batch of the slot up to the demanded revision has to be
            fed, in order of revision, kind and part; what was never posted, or went to the supplier, is skipped. Each
            caller feeds its own; feeding the first batch begins anew.
    @param id The demand, on a line with a system account.
    @param place Where the batch stands, as `settle_net` was given it (kind 3: as it stands, without prior).
    @param lines The lines and the padding.
    """
    demand: uint256 = self._open(id)
    demanded: uint256 = self._places[id]
    assert demanded & 255 == 1, "claims: a trade"
    slot: uint256 = (demanded >> 56) & _MASK_64
    revision: uint256 = (demanded >> 40) & _MASK_16
    assert place.slot == slot and place.kind < batches.KINDS, "claims: not of the slot"
    assert place.revision <= revision, "claims: later revision"
    self._live(self._key(place), place, lines)
    position: Position = self._positions[id][msg.sender]
    target: uint256 = ((place.revision * batches.KINDS + place.kind) << 16) | place.part
    if target < position.cursor:
        position = empty(Position)
    position = self._advanced(position, slot, target)
    position.seen = self._chained(position.seen, slot, target >> 16)
    position.cursor += 1
    position = self._added(position, place, lines, (demand >> 8) & _MASK_16, place.revision == revision)
    self._positions[id][msg.sender] = position


@external
def answer_position(id: bytes32, now: Packet, before: Packet):
    """
    @notice Answers a demand on a line with a system account, after everything was fed. Anyone, until the deadline.
    @param id The demand.
    @param now What the meter said in the demanded revision (in revision 0 a quorum may have said it for a silent one).
    @param before The same in an earlier revision, whose energy is that of all lines before this revision; revision 0 has none.
    """
    demand: uint256 = self._open(id)
    member: uint256 = (demand >> 8) & _MASK_16
    place: uint256 = self._places[id]
    assert place & 255 == 1, "claims: a trade"
    slot: uint256 = (place >> 56) & _MASK_64
    revision: uint256 = (place >> 40) & _MASK_16
    position: Position = self._advanced(
        self._positions[id][msg.sender], slot, ((revision + 1) * batches.KINDS) << 16
    )
    self._check_unchanged(position, slot, revision)
    assert now.revision == revision, "claims: other revision"
    assert revision == 0 or len(now.silent) == 0, "claims: a correction needs a packet"
    connection: uint256 = staticcall Members(members).connection_of(member)
    self._check_packet(now, slot, member, connection)
    given: uint256 = position.sold_wh + position.fed_in_wh
    taken: uint256 = position.bought_wh + position.supplied_wh
    supplied: uint256 = self._supplied(now, position)
    fed_in: uint256 = self._fed_in(now, position)
    most_wh: uint256 = supplied
    if revision != 0:
        assert before.revision < revision, "claims: other revision"
        self._check_packet(before, slot, member, connection)
        assert given + before.import_wh == taken + before.export_wh, "claims: energy before"
        # What a correction adds to one side it may have taken from the other: no energy goes out and back in.
        most_wh = self._more(supplied, self._supplied(before, position))
        most_wh += self._more(self._fed_in(before, position), fed_in)
    given += position.more_fed_in_wh
    taken += position.more_supplied_wh
    assert given + now.import_wh == taken + now.export_wh, "claims: energy"
    assert position.more_supplied_wh <= most_wh, "claims: energy out and back"
    fees_most: uint256 = fee_most_micro_per_kwh * (given + taken)
    assert position.fees_nano <= convert(fees_most, int256), "claims: fees"
    # Missed is at most what the connection carries one way, ordered, and the other way, metered.
    missed_nano: uint256 = penalty_most_micro_per_kwh * connection * _SLOT_S * 2 // 3600
    assert position.penalties_nano <= convert(missed_nano, int256), "claims: penalties"
    self._answered(id, demand)


@external
def expire(id: bytes32, place: batches.Place, lines: Bytes[_LINES_BYTES]):
    """
    @notice Voids the batch of a demand that was not answered in time, while its window is open. The demander gets its bond
            back and half of what the operator's bond locked for the batch, the rewards account the other half. Anyone.
    @param id The demand.
    @param place Where the batch stands, as `settle_net` was given it.
    @param lines The lines and the padding.
    """
    demand: uint256 = self._demands[id]
    assert demand & 255 == _OPEN, "claims: not open"
    assert block.timestamp > (demand >> 40), "claims: time to answer"
    stored: uint256 = self._places[id]
    key: bytes32 = self._key(place)
    assert key == self._key_of(stored), "claims: another batch"
    attempt: uint256 = (staticcall Market(market).batch_of(key))[2]
    assert attempt == (stored >> 8) & 255, "claims: another attempt"
    demander: uint256 = (demand >> 24) & _MASK_16
    self._demands[id] = demand ^ _OPEN | _EXPIRED
    log Expired(id=id)
    extcall Market(market).void_for(place, lines, demander)
    extcall Vault(vault).move(batches.POOL, demander, demand_bond_nano)


@external
def reclaim(id: bytes32):
    """
    @notice Gives the bond of an unanswered demand back, when its batch is void or can no longer be voided. Anyone, at any time.
    @param id The demand.
    """
    demand: uint256 = self._demands[id]
    assert demand & 255 == _OPEN, "claims: not open"
    stored: uint256 = self._places[id]
    posted: uint256 = 0
    attempt: uint256 = 0
    state: uint256 = 0
    tag: bytes24 = empty(bytes24)
    tag, posted, attempt, state = staticcall Market(market).batch_of(self._key_of(stored))
    is_void: bool = attempt != (stored >> 8) & 255 or state == batches.VOID
    assert is_void or block.timestamp // _WINDOW_S >= posted + 2, "claims: can still be voided"
    self._demands[id] = demand ^ _OPEN | _RECLAIMED
    log Reclaimed(id=id)
    extcall Vault(vault).move(batches.POOL, (demand >> 24) & _MASK_16, demand_bond_nano)


@external
@view
def demand_of(id: bytes32) -> (uint256, uint256, uint256, uint256, bool):
    """
    @notice A demand.
    @param id Its id.
    @return State (0 none, 1 open, 2 answered, 3 expired, 4 reclaimed), account of the demander, of the member whose side it
            is, deadline in unix seconds, whether it wants a position.
    """
    demand: uint256 = self._demands[id]
    return demand & 255, (demand >> 24) & _MASK_16, (demand >> 8) & _MASK_16, demand >> 40, self._places[id] & 255 == 1


@external
@view
def open_demands(key: bytes32, attempt: uint256) -> uint256:
    """
    @notice How many demands on a batch have no answer yet.
    @param key The batch's key.
    @param attempt Which attempt at it.
    @return Their number; it stays when the batch is void.
    """
    return self._waiting[keccak256(abi_encode(key, attempt))]


@external
@view
def position_of(id: bytes32, who: address) -> Position:
    """
    @notice What was fed of a position.
    @param id The demand.
    @param who Who feeds it.
    @return The sums so far.
    """
    return self._positions[id][who]


@internal
@view
def _open(id: bytes32) -> uint256:
    """
    @dev The demand; reverts unless it is open and in time.
    """
    demand: uint256 = self._demands[id]
    assert demand & 255 == _OPEN, "claims: not open"
    assert block.timestamp <= (demand >> 40), "claims: too late"
    return demand


@internal
def _answered(id: bytes32, demand: uint256):
    """
    @dev Closes a demand and gives its bond to the operator's.
    """
    self._demands[id] = demand ^ _OPEN | _ANSWERED
    stored: uint256 = self._places[id]
    self._waiting[keccak256(abi_encode(self._key_of(stored), (stored >> 8) & 255))] -= 1
    log Answered(id=id)
    extcall Vault(vault).move(batches.POOL, batches.BOND, demand_bond_nano)


@internal
def _use(
    place: uint256, commitment: bytes32, order_hash: bytes32, energy_wh: uint256, entry_wh: uint256, order_wh: uint256
):
    """
    @dev Adds a line's energy to what answers showed of its part, and reverts when that is, with what they showed of every other part
         that stands, more than the entry or the order has. So of the parts that stand in the end, the last line to be answered
         for is held against all the others, whatever was voided and posted again in between.
    """
    slot: uint256 = (place >> 56) & _MASK_64
    own_part: uint256 = (place >> 16) & _MASK_16
    # Only a settlement, revision 0, has lines between members.
    parts: uint256 = (staticcall Market(market).group_of(slot, batches.SETTLEMENT, 0))[0]
    of_entry: uint256 = energy_wh
    of_order: uint256 = energy_wh
    for part: uint256 in range(parts, bound=batches.MAX_PARTS):
        attempt: uint256 = (place >> 8) & 255
        if part != own_part:
            tag: bytes24 = empty(bytes24)
            posted: uint256 = 0
            state: uint256 = 0
            key: bytes32 = batches.key_of(_COMMUNITY, slot, batches.SETTLEMENT, 0, part)
            tag, posted, attempt, state = staticcall Market(market).batch_of(key)
            if state != batches.LIVE:
                continue
        by_entry: bytes32 = keccak256(abi_encode(commitment, part, attempt))
        by_order: bytes32 = keccak256(abi_encode(order_hash, slot, part, attempt))
        of_entry += self._used[by_entry]
        of_order += self._used[by_order]
        if part == own_part:
            self._used[by_entry] += energy_wh
            self._used[by_order] += energy_wh
    assert of_entry <= entry_wh and of_order <= order_wh, "claims: overfilled"


@internal
@view
def _key(place: batches.Place) -> bytes32:
    """
    @dev Key of a batch.
    """
    return batches.key_of(_COMMUNITY, place.slot, place.kind, place.revision, place.part)


@internal
@view
def _key_of(stored: uint256) -> bytes32:
    """
    @dev Key of a demanded batch.
    """
    revision: uint256 = (stored >> 40) & _MASK_16
    return batches.key_of(_COMMUNITY, (stored >> 56) & _MASK_64, (stored >> 32) & 255, revision, (stored >> 16) & _MASK_16)


@internal
@view
def _live(key: bytes32, place: batches.Place, lines: Bytes[_LINES_BYTES]) -> (uint256, uint256):
    """
    @dev Epoch and attempt of a batch; reverts unless this very content stands under the key.
    """
    tag: bytes24 = empty(bytes24)
    posted: uint256 = 0
    attempt: uint256 = 0
    state: uint256 = 0
    tag, posted, attempt, state = staticcall Market(market).batch_of(key)
    content: bytes32 = batches.content_of(key, place.parts, place.prior, place.energy_lines, keccak256(lines))
    assert state == batches.LIVE and self._is_of(tag, content), "claims: no such batch"
    return posted, attempt


@internal
@pure
def _is_of(tag: bytes24, digest: bytes32) -> bool:
    """
    @dev Whether a tag, as the market keeps it, is a hash's high 192 bits.
    """
    return convert(convert(tag, bytes32), uint256) >> 64 == convert(digest, uint256) >> 64


@internal
@pure
def _commitment(slot: uint256, member: uint256, is_sell: bool, entry: Entry) -> bytes32:
    """
    @dev What seals an order (`venues.commitments`): its 51 bytes and the nonce. Values that do not fit were never sealed.
    """
    assert entry.energy_wh <= _INT64 and entry.source < 256 and entry.preference < 256, "claims: entry"
    return sha256(
        concat(
            b"commonwatt/order",
            convert(convert(slot, uint64), bytes8),
            convert(convert(member, uint64), bytes8),
            convert(convert(is_sell, uint8), bytes1),
            convert(convert(entry.energy_wh, uint64), bytes8),
            convert(convert(entry.limit_micro_per_kwh, int64), bytes8),
            convert(convert(entry.source, uint8), bytes1),
            convert(convert(entry.preference, uint8), bytes1),
            entry.nonce,
        )
    )


@internal
@view
def _chained(seen: bytes32, slot: uint256, group: uint256) -> bytes32:
    """
    @dev What the market knows of a group, chained to what was seen before.
    """
    parts: uint256 = 0
    live: uint256 = 0
    voided: uint256 = 0
    posted: uint256 = 0
    generation: uint256 = 0
    parts, live, voided, posted, generation = staticcall Market(market).group_of(
        slot, group % batches.KINDS, group // batches.KINDS
    )
    return keccak256(abi_encode(seen, parts, live, voided, posted, generation))


@internal
@view
def _advanced(position: Position, slot: uint256, target: uint256) -> Position:
    """
    @dev Goes on to a part of a group, past groups that were never posted and parts that went to the supplier; nothing else can
         be left out. Every part, and the end of every group, chains what the market knows of the group.
    """
    moved: Position = position
    for _: uint256 in range(_MAX_STEPS):
        if moved.cursor >= target:
            break
        group: uint256 = moved.cursor >> 16
        part: uint256 = moved.cursor & _MASK_16
        kind: uint256 = group % batches.KINDS
        revision: uint256 = group // batches.KINDS
        parts: uint256 = 0
        live: uint256 = 0
        voided: uint256 = 0
        posted: uint256 = 0
        generation: uint256 = 0
        parts, live, voided, posted, generation = staticcall Market(market).group_of(slot, kind, revision)
        moved.seen = keccak256(abi_encode(moved.seen, parts, live, voided, posted, generation))
        if part == parts:
            assert live + voided == parts, "claims: a part is missing"
            moved.cursor = (group + 1) << 16
        else:
            batch: (bytes24, uint256, uint256, uint256) = staticcall Market(market).batch_of(
                batches.key_of(_COMMUNITY, slot, kind, revision, part)
            )
            assert batch[2] == 2 and batch[3] == batches.VOID, "claims: a batch was left out"
            moved.cursor += 1
    return moved


@internal
@view
def _check_unchanged(position: Position, slot: uint256, revision: uint256):
    """
    @dev Reverts when a batch of the slot was voided or posted since the position was begun.
    """
    seen: bytes32 = empty(bytes32)
    for group: uint256 in range((revision + 1) * batches.KINDS, bound=_MAX_GROUPS):
        parts: uint256 = 0
        live: uint256 = 0
        voided: uint256 = 0
        posted: uint256 = 0
        generation: uint256 = 0
        parts, live, voided, posted, generation = staticcall Market(market).group_of(
            slot, group % batches.KINDS, group // batches.KINDS
        )
        for _: uint256 in range(parts + 1, bound=257):
            seen = keccak256(abi_encode(seen, parts, live, voided, posted, generation))
    assert seen == position.seen, "claims: the slot has changed"


@internal
@view
def _added(
    position: Position, place: batches.Place, lines: Bytes[_LINES_BYTES], member: uint256, is_demanded: bool
) -> Position:
    """
    @dev Adds a member's lines to its position. With the supplier, each price has to be within the tariff's bounds.
    """
    sums: Position = position
    for line: uint256 in range((len(lines) - batches.PADDING_BYTES) // batches.LINE_BYTES, bound=batches.MAX_LINES):
        word: uint256 = extract32(lines, unsafe_mul(line, batches.LINE_BYTES), output_type=uint256)
        who: uint256 = word >> 240
        other: uint256 = (word >> 224) & _MASK_16
        if who != member and other != member:
            continue
        gives: bool = who == member
        partner: uint256 = other if gives else who
        paid: int256 = 0
        if line < place.energy_lines:
            energy: uint256 = batches.energy_of(word)
            price: int256 = batches.price_of(word)
            if partner >= batches.FIRST_MEMBER or partner == batches.POOL:
                if gives:
                    sums.sold_wh += energy
                else:
                    sums.bought_wh += energy
                continue
            if partner == batches.SUPPLIER:
                assert price >= supply_least_micro_per_kwh if gives else price <= supply_most_micro_per_kwh, "claims: price"
                if gives and is_demanded:
                    sums.more_fed_in_wh += energy
                elif gives:
                    sums.fed_in_wh += energy
                elif is_demanded:
                    sums.more_supplied_wh += energy
                else:
                    sums.supplied_wh += energy
                continue
            paid = convert(energy, int256) * price
        else:
            paid = batches.amount_of(word)
        if gives:
            paid = -paid
        if partner == batches.REWARDS:
            sums.penalties_nano += paid
        else:
            sums.fees_nano += paid
    return sums


@internal
@view
def _check_packet(packet: Packet, slot: uint256, member: uint256, connection_w: uint256):
    """
    @dev Reverts unless the meter, a gateway it enrolled, or a quorum for a silent one, signed these registers.
    """
    assert packet.import_wh <= _INT64 and packet.export_wh <= _INT64 and packet.counter <= _INT64, "claims: packet"
    if len(packet.silent) != 0:
        assert packet.revision == 0, "claims: a correction needs a packet"
        most: uint256 = connection_w * _SLOT_S // 3600
        assert packet.import_wh <= most and packet.export_wh <= most, "claims: beyond the connection"
        struct_hash: bytes32 = keccak256(abi_encode(_SILENT_TYPE, slot, member, packet.import_wh, packet.export_wh))
        is_signed: bool = staticcall Market(market).check_quorum(struct_hash, packet.silent)
        return
    opened_s: uint256 = (staticcall Market(market).opened(slot))[1]
    leaf: bytes32 = sha256(
        concat(
            b"\x00",
            convert(convert(member - batches.FIRST_MEMBER, uint64), bytes8),
            convert(convert(slot, uint64), bytes8),
            convert(convert(packet.counter, uint64), bytes8),
            convert(convert(packet.revision, uint64), bytes8),
            convert(convert(packet.import_wh, uint64), bytes8),
            convert(convert(packet.export_wh, uint64), bytes8),
            packet.packet_hash,
        )
    )
    root: bytes32 = trees.root_of(leaf, packet.siblings, packet.sides)
    digest: bytes32 = sha256(concat(_PACKETS_LABEL, _COMMUNITY, convert(slot, bytes32), root))
    signer: address = ecrecover(digest, packet.signature[0], packet.signature[1], packet.signature[2])
    if packet.enrolment[0] != 0:
        assert signer != empty(address), "claims: packet not signed"
        enrolled: bytes32 = sha256(concat(_GATEWAY_LABEL, _COMMUNITY, convert(convert(signer, uint256), bytes32)))
        signer = ecrecover(enrolled, packet.enrolment[0], packet.enrolment[1], packet.enrolment[2])
    assert staticcall Members(members).signed_for_meter(member, signer, opened_s), "claims: packet not signed"


@internal
@pure
def _more(a: uint256, b: uint256) -> uint256:
    """
    @dev What a has more than b, at least 0.
    """
    return a - b if a > b else 0


@internal
@pure
def _supplied(packet: Packet, position: Position) -> uint256:
    """
    @dev What a member with these registers and trades takes from its supplier: imported and not bought, sold and not exported.
    """
    return self._more(packet.import_wh, position.bought_wh) + self._more(position.sold_wh, packet.export_wh)


@internal
@pure
def _fed_in(packet: Packet, position: Position) -> uint256:
    """
    @dev What it gives to it: exported and not sold, bought and not imported.
    """
    return self._more(packet.export_wh, position.sold_wh) + self._more(position.bought_wh, packet.import_wh)
