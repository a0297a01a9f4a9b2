"""Splitting a whole into parts that sum to it exactly: largest remainder, ties by order."""

import numpy as np

from commonwatt.core.units import Ints


def largest_remainder(total: int, weights: Ints) -> Ints:
    """Split `total` >= 0 over `weights` >= 0 in proportion, in whole units, summing to `total` exactly.

    The units left after rounding down go to the largest remainders, equal remainders to the lower index (rows are in order of id or
    sequence, so the split does not depend on arrival). Weights that are all zero return all zeros unless `total` is positive, which is
    an error. Exact for any int64 product: it falls back to Python integers where total x weight would overflow.

    Raises:
        ValueError: a negative total or weight, or a positive total with nothing to share it over.

    """
    if total < 0 or (len(weights) and int(weights.min()) < 0):
        raise ValueError(f"expected a total and weights of at least 0, was total {total}, weights {weights.tolist()}")
    whole = int(weights.sum())
    if total == 0:
        return np.zeros(len(weights), np.int64)
    if whole == 0:
        raise ValueError(f"expected a positive weight to share {total} over, was none")
    if len(weights) == 1:
        return np.array([total], np.int64)
    if total < 2**62 // max(int(weights.max()), 1):
        shares, remainders = np.divmod(weights * np.int64(total), np.int64(whole))
    else:
        pairs = [divmod(int(w) * total, whole) for w in weights]
        shares = np.array([q for q, _ in pairs], np.int64)
        remainders = np.array([r for _, r in pairs], np.int64)
    left = total - int(shares.sum())
    if left:
        shares[np.argsort(-remainders, kind="stable")[:left]] += 1
    return shares


def ration(wanted: Ints, available: int) -> Ints:
    """Give everybody what they want if `available` allows it, else a pro rata share of it (largest remainder, never above the wish)."""
    wish = int(wanted.sum())
    return wanted.copy() if wish <= available else largest_remainder(available, wanted)
