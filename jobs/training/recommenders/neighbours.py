"""Nearest rows of a sparse matrix, as the `implicit` library finds them."""

from typing import Literal

import numpy as np
from implicit.nearest_neighbours import (
    all_pairs_knn,
    bm25_weight,
    normalize,
    tfidf_weight,
)
from scipy.sparse import csr_matrix

Weighting = Literal["cosine", "tfidf", "bm25"]


def weighted(rows: csr_matrix, by: Weighting) -> csr_matrix:
    """A matrix in which the product of two rows says how alike they are.

    cosine: rows of length 1; tfidf: the same, what many rows have counts less; bm25: counts grow
    slower the more there are (Robertson and Walker 1994), and rows keep their lengths.
    """
    if by == "bm25":
        return bm25_weight(rows, K1=1.2, B=0.75).tocsr()
    return normalize(tfidf_weight(rows) if by == "tfidf" else rows).tocsr()


def nearest(rows: csr_matrix, by: Weighting, k: int, threads: int) -> csr_matrix:
    """How alike each row is to its k nearest ones, itself left out. (N, M) → (N, N)"""
    columns = weighted(rows.astype(np.float64), by).T.tocsr()
    found = all_pairs_knn(columns, k + 1, num_threads=threads, show_progress=False)
    alike: csr_matrix = found.tocsr().astype(np.float32)
    alike.setdiag(0)
    alike.eliminate_zeros()
    return alike
