"""Who is served: what demographic groups of accounts receive of a version, beside all others.

Refused is only what is clear: a whole interval past the limit, of a group that is large enough.
"""

import numpy as np
import pandas as pd
from scipy.stats import bootstrap

from jobs.training.gate import Check, Exposure, Outcome, verdict

POPULAR = "popular"  # how reasons begin of what sells well, to all or to some
RESAMPLES = 1_000
NOT_SAID = "not said"  # the group of accounts of which a column says nothing


def personal_share(lists: pd.DataFrame) -> pd.Series:
    """Per account: products of its list that were chosen for it / products of its list, 0..1.

    The others fill the list up for want of anything better: whoever receives many of them is
    served with what anybody would be.
    """
    is_personal = ~lists["reason_code"].astype(str).str.startswith(POPULAR)
    return is_personal.groupby(lists["account_id"].astype(str)).mean()


def checks(received: pd.Series, groups: pd.DataFrame, limits: Exposure) -> list[Check]:
    """What each demographic group receives, as a ratio to all other accounts.

    ratio of group g of a column = mean(received, accounts of g)
                                 / mean(received, accounts of the column's other groups)

    1 = alike; selection-rate ratios below .8 are the four-fifths rule of the US guidelines on
    employee selection (29 CFR 1607.4 D). Accounts of which a column says nothing are a group that
    is told of, and in no denominator. The 95% interval is a percentile bootstrap over accounts.

    Args:
        received: per account, 0..1.
        groups: index account_id, one column per demographic question.
    """
    known = [
        column for column in limits.columns if column in groups and groups[column].notna().any()
    ]
    if not known:
        return [Check("exposure", "does not apply", "nothing is said of any account's group")]
    found = []
    for column in known:
        said = groups[column].astype("object").reindex(received.index)
        for group in sorted(said.dropna().unique()):
            of_group, others = received[said == group], received[said.notna() & (said != group)]
            found.append(_exposed(f"{column}: {group}", of_group, others, limits))
        unsaid = received[said.isna()]
        if len(unsaid):
            told = f"{column}: {NOT_SAID} {unsaid.mean():.2f} of {len(unsaid):,} accounts"
            value = float(unsaid.mean())
            found.append(
                Check(
                    "exposure", "told", told, f"{column}: {NOT_SAID}", value, subjects=len(unsaid)
                )
            )
    return found


def _exposed(subject: str, group: pd.Series, others: pd.Series, limits: Exposure) -> Check:
    if others.empty or not others.mean():
        reason = f"{subject}: others receive nothing to compare with"
        return Check("exposure", "does not apply", reason, subject, subjects=len(group))
    value, low, high = ratio(group.to_numpy(float), others.to_numpy(float))
    is_past = high < limits.ratio
    is_judged = len(group) >= limits.accounts
    outcome: Outcome = verdict(not is_past) if is_judged else "told"
    reason = (
        f"{subject} {value:.2f} ({low:.2f} .. {high:.2f}) of what others receive, at least"
        f" {limits.ratio:g}, {len(group):,} accounts"
    )
    return Check(
        "exposure",
        outcome,
        reason,
        subject,
        value,
        low,
        high,
        limit_low=limits.ratio,
        subjects=len(group),
    )


def ratio(group: np.ndarray, others: np.ndarray) -> tuple[float, float, float]:
    """mean(group) / mean(others) with its 95% interval, by bootstrap of both."""

    def of_means(a: np.ndarray, b: np.ndarray, axis: int = -1) -> np.ndarray:
        below = b.mean(axis=axis)
        return np.divide(a.mean(axis=axis), below, out=np.full_like(below, np.inf), where=below > 0)

    value = float(group.mean() / others.mean())
    if min(len(group), len(others)) < 2:
        return value, 0.0, float("inf")
    found = bootstrap(
        (group, others),
        of_means,
        vectorized=True,
        n_resamples=RESAMPLES,
        batch=50,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return value, float(found.low), float(found.high)
