"""Forecasts of parts and their totals that add up.

Wickramasuriya, Athanasopoulos, Hyndman: Optimal Forecast Reconciliation for Hierarchical and
Grouped Time Series Through Trace Minimization (Journal of the American Statistical Association 114,
2019), with their shrunk covariance (MinT-shrink; Schäfer, Strimmer, 2005). Every total's own
forecast moves its parts as far as past errors say that it knows better, and the other way round.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from jobs.training.forecasts.forecaster import P


def with_totals(series: pd.DataFrame, totals: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """Rows (series_id, ds, y, …) of the parts, and a row of every total and step; columns summed.

    Args:
        totals: a total's id → its parts' ids.
    """
    found = [series]
    for total, parts in totals.items():
        rows = series[series["series_id"].isin(list(parts))]
        summed = rows.groupby("ds", as_index=False).sum(numeric_only=True)
        found.append(summed.assign(series_id=total))
    return pd.concat(found, ignore_index=True)


def coherent(
    answers: pd.DataFrame, errors: pd.DataFrame, totals: Mapping[str, Sequence[str]]
) -> pd.DataFrame:
    """Answers of parts and totals whose middles add up; ends of an interval move with its middle.

    Args:
        answers: rows (series_id, ds, p10, p50, p90) of all parts and totals.
        errors: a column per part and total, a row per past step: actual - forecast.
        totals: a total's id → its parts' ids.

    Raises:
        ValueError: a part or total has no answer, or no errors.
    """
    parts = sorted(set().union(*totals.values()))
    ids = [*parts, *totals]
    middles = answers.pivot(index="series_id", columns="ds", values="p50")
    for name, known in (("answer", middles.index), ("errors", errors.columns)):
        if missing := sorted(set(ids) - set(known)):
            raise ValueError(f"no {name} of {', '.join(missing)}; forecast all parts and totals")
    summing = _summing(parts, totals)  # (A, parts)
    weight = np.linalg.pinv(shrunk_covariance(errors[ids].to_numpy(float)))
    bent = summing.T @ weight
    bottom = np.linalg.solve(bent @ summing, bent @ middles.loc[ids].to_numpy())  # (parts, T)
    told = pd.DataFrame(summing @ bottom, index=ids, columns=middles.columns)
    moved = told - middles.loc[ids]
    by = moved.rename_axis("series_id").reset_index().melt("series_id", value_name="by")
    by["ds"] = pd.to_datetime(by["ds"])
    found = answers.merge(by, how="left", on=["series_id", "ds"])
    return found.assign(**{p: found[p] + found["by"].fillna(0.0) for p in P}).drop(columns="by")


def _summing(parts: Sequence[str], totals: Mapping[str, Sequence[str]]) -> np.ndarray:
    """1 where a part belongs to a series: itself, or a total. (parts + totals, parts)"""
    of_totals = [[float(part in of) for part in parts] for of in totals.values()]
    return np.vstack([np.eye(len(parts)), np.array(of_totals)])


def shrunk_covariance(errors: np.ndarray) -> np.ndarray:
    """Covariance of errors (N, A) whose correlations are pulled to 0 as far as they are noise.

    The pull is sum var(r_ij) / sum r_ij^2 over i != j, at most 1 (Schäfer, Strimmer: A Shrinkage
    Approach to Large-Scale Covariance Matrix Estimation, 2005). Errors are taken as of mean 0.
    """
    count = len(errors)
    spread = np.sqrt((errors**2).mean(axis=0))
    scaled = errors / np.where(spread > 0, spread, 1.0)
    correlation = scaled.T @ scaled / count
    products = scaled[:, :, None] * scaled[:, None, :]
    noise = ((products - correlation) ** 2).sum(axis=0) / (count * max(count - 1, 1))
    off = ~np.eye(errors.shape[1], dtype=bool)
    squares = (correlation[off] ** 2).sum()
    pull = float(np.clip(noise[off].sum() / squares, 0, 1)) if squares > 0 else 1.0
    found = np.where(off, (1 - pull) * correlation, 1.0)
    spread = np.maximum(spread, 1e-9 * max(float(spread.max()), 1e-9))
    covariance: np.ndarray = found * np.outer(spread, spread)
    return covariance
