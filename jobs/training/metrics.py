"""Numbers that say how good an answer is: per subject first, then a mean with its 95% interval."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd

RESAMPLES = 1_000


@dataclass(frozen=True)
class Estimate:
    """A mean over subjects, and its 95% interval by bootstrap over subjects."""

    value: float
    low: float
    high: float


@lru_cache(maxsize=8)  # of many group sizes each has one
def _weights(subjects: int) -> np.ndarray:
    """How often each resample draws each subject. (R, S)"""
    drawn = np.random.default_rng(0).multinomial(
        subjects, np.full(subjects, 1 / subjects), RESAMPLES
    )
    return drawn.astype(np.float32)


def estimate(values: pd.Series) -> Estimate:
    """Mean over subjects with a percentile bootstrap; subjects without a value are left out.

    Raises:
        ValueError: no subject has a value.
    """
    known = values.dropna().to_numpy(np.float64)
    if not len(known):
        raise ValueError("nothing to judge: no subject has a value; is the window empty?")
    means = _weights(len(known)) @ known / len(known)
    low, high = np.quantile(means, [0.025, 0.975])
    return Estimate(float(known.mean()), float(low), float(high))


def difference(values: pd.Series, others: pd.Series) -> Estimate:
    """Mean of values - others over the same subjects (paired), with its 95% interval."""
    return estimate((values - others.reindex(values.index)).sort_index())


def ndcg(hits: np.ndarray, truths: np.ndarray) -> np.ndarray:
    """Normalised discounted cumulative gain, binary, ideal cut at min(k, truths); 0..1.

    hits: (A, K) whether the product at each rank was bought; truths: (A,) products bought.
    """
    discounts = 1 / np.log2(np.arange(hits.shape[1]) + 2)  # (K,)
    ideal = np.concatenate([[0.0], np.cumsum(discounts)])[np.minimum(truths, hits.shape[1])]
    return np.divide(hits @ discounts, ideal, out=np.zeros(len(hits)), where=ideal > 0)


def recall(hits: np.ndarray, truths: np.ndarray) -> np.ndarray:
    """Share of what was bought that the list named; 0..1. Shapes as in `ndcg`."""
    found = hits.sum(axis=1).astype(np.float64)
    return np.divide(found, truths, out=np.zeros(len(hits)), where=truths > 0)


def reciprocal_rank(hits: np.ndarray) -> np.ndarray:
    """1 / rank of the first product that was bought, 0 where none was; 0..1. (A, K) → (A,)"""
    found: np.ndarray = np.where(hits.any(axis=1), 1 / (hits.argmax(axis=1) + 1), 0.0)
    return found


def hit(hits: np.ndarray) -> np.ndarray:
    """1 where any product of the list was bought, else 0. (A, K) → (A,)"""
    return np.where(hits.any(axis=1), 1.0, 0.0)


def self_information(shares: np.ndarray) -> np.ndarray:
    """-log2 of the share of accounts that had bought a product: bits, 0 or more; novelty's mean.

    Zhou et al., Solving the apparent diversity-accuracy dilemma (PNAS 2010).
    """
    found: np.ndarray = -np.log2(shares)
    return found


def catalogue_coverage(product_ids: np.ndarray, catalogue: int) -> float:
    """Share of a catalogue of so many products that is in anybody's list; 0..1."""
    return len(np.unique(product_ids)) / catalogue


def absolute_scaled_error(
    actual: np.ndarray, forecast: np.ndarray, scale: np.ndarray
) -> np.ndarray:
    """|actual - forecast| / scale; its mean is MASE where scale is the mean seasonal change."""
    return np.abs(actual - forecast) / scale


def pinball(actual: np.ndarray, quantiles: np.ndarray, levels: tuple[float, ...]) -> np.ndarray:
    """Mean over the levels q of max(q * e, (q - 1) * e), e = actual - quantile; in actual's unit.

    actual: (N,), quantiles: (N, Q) → (N,)
    """
    error = actual[:, None] - quantiles
    q = np.asarray(levels)
    found: np.ndarray = np.maximum(q * error, (q - 1) * error).mean(axis=1)
    return found


def covered(actual: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """1 where low <= actual <= high, else 0; its mean is the interval's coverage."""
    return ((actual >= low) & (actual <= high)).astype(np.float64)
