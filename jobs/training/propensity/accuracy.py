"""How good chances are: whether they order, and whether they are what happens.

Letters: N accounts, of which it happened to m and not to n.
"""

import numpy as np
import pandas as pd
from scipy.stats import rankdata
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score

from jobs.training.propensity.calibration import BINS
from jobs.training.propensity.classifier import log_odds


def auc(chance: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Area under the ROC curve, one number per account whose mean is the area. (N)

    P(chance of one to whom it happened > of one to whom not) + half the ties, 0..1, higher is
    better. The numbers are jackknife pseudo-values, A + N / m x (V - A) and A + N / n x (W - A),
    with V and W the shares that a case is ordered rightly against (DeLong, DeLong, Clarke-Pearson
    1988), so that a bootstrap over accounts gives the interval, paired too.
    """
    happened = label == 1
    m, n = int(happened.sum()), int((~happened).sum())
    if not m or not n:
        return np.full(len(label), np.nan)
    ranks = rankdata(chance)
    shares = np.empty(len(label))
    shares[happened] = (ranks[happened] - rankdata(chance[happened])) / n
    shares[~happened] = 1 - (ranks[~happened] - rankdata(chance[~happened])) / m
    area = shares[happened].mean()
    found: np.ndarray = area + len(label) / np.where(happened, m, n) * (shares - area)
    return found


def log_loss(chance: np.ndarray, label: np.ndarray) -> np.ndarray:
    """- log of the chance given to what happened, nats, 0 or more, lower is better. (N)"""
    told = np.clip(np.where(label == 1, chance, 1 - chance), 1e-12, 1)
    found: np.ndarray = -np.log(told)
    return found


def pr_auc(chance: np.ndarray, label: np.ndarray) -> float:
    """Average precision over all cuts, 0..1, higher is better; chance level is m / N."""
    return float(average_precision_score(label, chance)) if label.any() else np.nan


def calibration_error(chance: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Expected calibration error (ECE), one number per account whose mean it is. (N)

    Mean of |mean chance - share that happened| over ten bins of as many accounts, 0..1, lower is
    better. An account's number is (chance - label) x the sign of its bin's sum of them, so that a
    bootstrap over accounts gives an interval, of the bins as they are.
    """
    found = np.empty(len(label))
    for part in np.array_split(np.argsort(chance, kind="stable"), BINS):
        off = chance[part] - label[part]
        found[part] = off * np.sign(off.sum())
    return found


def calibration_slope(chance: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Slope of a logistic regression of the label on the log-odds told, whose mean it is. (N)

    1 is right, below it: too sure. An account's number is slope + N x its influence on it (the
    slope's row of the inverse information, times its score), so that a bootstrap over accounts
    gives the interval.
    """
    if len(np.unique(label)) < 2:
        return np.full(len(label), np.nan)
    told = log_odds(chance)
    line = logistic(told, label)
    fitted = line.predict_proba(told[:, None])[:, 1]
    rows = np.stack([np.ones_like(told), told], axis=1)  # (N, 2)
    information = rows.T @ (rows * (fitted * (1 - fitted))[:, None])  # (2, 2)
    off = (rows * (label - fitted)[:, None]) @ np.linalg.pinv(information)[:, 1]  # (N)
    found: np.ndarray = line.coef_[0, 0] + len(label) * (off - off.mean())
    return found


def logistic(told: np.ndarray, label: np.ndarray) -> LogisticRegression:
    """The regression of a label, 0 and 1, on log-odds; nothing is drawn to anything. (N), (N)"""
    return LogisticRegression(C=np.inf, max_iter=1000, tol=1e-8).fit(told[:, None], label)


def gains(chance: np.ndarray, label: np.ndarray, parts: int = 20) -> pd.DataFrame:
    """Asked in the order of their chance: what share of all to whom it happens is then reached.

    Returns:
        share (of accounts asked), gain (of those to whom it happens, 0..1), lift (gain / share).
    """
    in_order = label[np.argsort(-chance, kind="stable")]
    asked = np.ceil(np.arange(1, parts + 1) / parts * len(label)).astype(int)
    gain = np.cumsum(in_order)[asked - 1] / max(in_order.sum(), 1)
    share = asked / len(label)
    return pd.DataFrame({"share": share, "gain": gain, "lift": gain / share})


def by_account(values: pd.Series, ids: np.ndarray, of: np.ndarray | None = None) -> pd.Series:
    """One number per account of several each, with the same mean; as it is where one is of all.

    The mean of all + A / N x the sum of an account's distances from it (its influence, where
    accounts have not equally many), so that a bootstrap draws accounts. Without a value: left out.

    Args:
        ids: (N) whose each value is.
        of: accounts that count, some of them without a value; null: those of the ids.
    """
    if len(values) < len(ids):
        return values
    accounts = np.unique(ids if of is None else of)
    known = values.notna().to_numpy()
    mean = float(values.mean())
    off = (values[known] - mean).groupby(ids[known]).sum().reindex(accounts, fill_value=0.0)
    return (mean + off * len(accounts) / max(int(known.sum()), 1)).reset_index(drop=True)


def per_account(chance: np.ndarray, label: np.ndarray) -> dict[str, pd.Series]:
    """All metrics by name; what is one number for all accounts has one row."""
    of_each = (auc, log_loss, calibration_error, calibration_slope)
    found = {metric.__name__: pd.Series(metric(chance, label)) for metric in of_each}
    return found | {"pr_auc": pd.Series([pr_auc(chance, label)])}
