"""Named streams, Merkle roots."""

import hashlib

import pytest

from commonwatt.core.determinism import merkle_holds, merkle_path, merkle_root, stream


def leaf(data: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + data).digest()


def node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def test_a_stream_repeats_for_its_name_and_differs_for_others() -> None:
    draws = [
        tuple(stream(*key).integers(0, 2**40, 3))
        for key in ((1, "sequence", 5), (1, "sequence", 5), (1, "sequence", 6), (2, "sequence", 5), (1, "limits", 5))
    ]
    assert draws[0] == draws[1]
    assert len(set(draws)) == 4


def test_parts_of_a_name_do_not_run_together() -> None:
    assert stream(1, "ab", "c").random() != stream(1, "a", "bc").random()


def test_a_stream_is_the_same_on_every_machine() -> None:
    # The published seed must lead everybody to the same run: fixed when the stream was written (PCG64 seeded by SHA-256).
    assert stream(42, "sequence", 7).integers(0, 2**31, 3).tolist() == [1653382661, 2113230200, 616090633]


def test_small_trees_have_the_roots_computed_by_hand() -> None:
    a, b, c = (leaf(x) for x in (b"a", b"b", b"c"))
    assert merkle_root([]) == leaf(b"")
    assert merkle_root([b"a"]) == a
    assert merkle_root([b"a", b"b"]) == node(a, b)
    assert merkle_root([b"a", b"b", b"c"]) == node(node(a, b), c)


@pytest.mark.parametrize("count", [1, 2, 5, 8])
def test_any_change_of_a_leaf_or_of_the_order_changes_the_root(count: int) -> None:
    leaves = [bytes([i]) for i in range(count)]
    roots = {merkle_root(leaves), merkle_root([*leaves, b"x"]), merkle_root([*leaves[:-1], b"x"])}
    assert len(roots) == 3
    if count > 1:
        assert merkle_root(leaves[::-1]) not in roots


def test_two_leaves_cannot_pass_as_one_that_looks_like_their_node() -> None:
    assert merkle_root([b"a", b"b"]) != merkle_root([leaf(b"a") + leaf(b"b")])


@pytest.mark.parametrize("count", [1, 2, 3, 5, 7, 8, 13])
def test_every_leaf_has_a_path_to_the_root_and_no_other_leaf_takes_it(count: int) -> None:
    leaves = [bytes([i]) for i in range(count)]
    root = merkle_root(leaves)
    for index in range(count):
        siblings, sides = merkle_path(leaves, index)
        assert merkle_holds(root, leaves[index], siblings, sides)
        assert not merkle_holds(root, b"other", siblings, sides)
        assert not merkle_holds(merkle_root([*leaves, b"x"]), leaves[index], siblings, sides)
        for bit in range(len(siblings)):
            assert not merkle_holds(root, leaves[index], siblings, sides ^ (1 << bit))


def test_a_path_is_the_one_drawn_by_hand_and_skips_a_node_that_moved_up() -> None:
    a, b, c, d, e = (leaf(x) for x in (b"a", b"b", b"c", b"d", b"e"))
    leaves = [b"a", b"b", b"c", b"d", b"e"]
    assert merkle_path(leaves, 1) == ([a, node(c, d), e], 0b001)
    assert merkle_path(leaves, 2) == ([d, node(a, b), e], 0b010)
    assert merkle_path(leaves, 4) == ([node(node(a, b), node(c, d))], 0b1)
    assert merkle_path([b"a"], 0) == ([], 0)


def test_there_is_no_path_of_a_leaf_that_is_not_there() -> None:
    with pytest.raises(IndexError, match=r"0\.\.1, was 2"):
        merkle_path([b"a", b"b"], 2)
