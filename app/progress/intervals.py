"""How far a measured share can be trusted: 95 % intervals, by two standard methods."""

from functools import lru_cache
from math import sqrt

import numpy as np
from numpy.typing import NDArray

Z = 1.959963984540054  # 97.5 % of a normal distribution lie below
DRAWS = 1_000
FEW = 20  # below as many, a share is called one of few

Numbers = NDArray[np.float64]


def wilson(right: int, count: int) -> tuple[float, float]:
    """The 95 % score interval of a share. Wilson 1927; good for few, and at 0 and 1."""
    centre = (right + Z**2 / 2) / (count + Z**2)
    half = Z / (count + Z**2) * sqrt(right * (count - right) / count + Z**2 / 4)
    return max(0.0, centre - half), min(1.0, centre + half)


def bootstrap(values: Numbers, seed: int = 0) -> tuple[Numbers, Numbers]:
    """The 95 % percentile interval of the mean over the first axis. Efron 1979; seeded.

    `values` (Q, ...): all columns are drawn with the same questions. Returns two arrays (...).
    """
    means = _drawn(len(values), seed) @ values  # (DRAWS, Q) @ (Q, ...) -> (DRAWS, ...)
    low, high = np.percentile(means, [2.5, 97.5], axis=0)
    return np.asarray(low), np.asarray(high)


@lru_cache(maxsize=32)
def _drawn(count: int, seed: int) -> Numbers:
    """What each of `count` weighs in every draw, (DRAWS, Q)."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(count, np.full(count, 1 / count), DRAWS) / count
