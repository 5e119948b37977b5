"""Who is judged rightly: how wrong a version's chances are of demographic groups of customers.

Asked at the window that the bench tested, of what happened there. Who says nothing of themselves is
a group like any other. Refused is only what is clear: a whole interval past the limit, of a group
that is large enough.
"""

from collections.abc import Callable, Mapping

import pandas as pd

from jobs.training import metrics
from jobs.training.exposure import NOT_SAID
from jobs.training.gate import Check, Fairness, verdict
from jobs.training.propensity.accuracy import auc


def gap(rows: pd.DataFrame) -> pd.Series:
    """chance - happened (0 or 1), whose mean is how much oftener it was told than it happened."""
    return rows["chance"] - rows["happened"]


def missed(rows: pd.DataFrame) -> pd.Series:
    """Of those to whom it happened: 1 who were not to be acted on, else 0 (false negatives)."""
    return (~rows.loc[rows["happened"] == 1, "is_acted_on"]).astype(float)


def in_vain(rows: pd.DataFrame) -> pd.Series:
    """Of those to whom it did not happen: 1 who were to be acted on, else 0 (false positives)."""
    return rows.loc[rows["happened"] == 0, "is_acted_on"].astype(float)


def ordered(rows: pd.DataFrame) -> pd.Series:
    """Area under the ROC curve within the group, .5 = by chance: see `accuracy.auc`."""
    return pd.Series(auc(rows["chance"].to_numpy(), rows["happened"].to_numpy()))


# condition → what is measured of a group, and how it is called
TOLD: Mapping[str, tuple[Callable[[pd.DataFrame], pd.Series], str]] = {
    "fairness_auc": (ordered, "AUC"),
    "fairness_missed": (missed, "of those to whom it happened not acted on"),
    "fairness_in_vain": (in_vain, "of those to whom it did not happen acted on"),
}


def checks(outcomes: pd.DataFrame, groups: pd.DataFrame, limits: Fairness) -> list[Check]:
    """What is measured of each group; its calibration gap is what may refuse.

    Args:
        outcomes: account_id, chance (0..1), happened (0 or 1), is_acted_on (bool).
        groups: index account_id, one column per demographic question.
    """
    known = [c for c in limits.columns if c in groups and groups[c].notna().any()]
    if not known:
        return [Check("fairness", "does not apply", "nothing is said of any account's group")]
    found: list[Check] = []
    for column in known:
        said = outcomes["account_id"].map(groups[column].astype("object")).fillna(NOT_SAID)
        for group in sorted(said.unique()):
            rows, subject = outcomes[said == group], f"{column}: {group}"
            found.append(_gap(subject, rows, limits))
            for condition, (measured, name) in TOLD.items():
                values = measured(rows).dropna()
                if len(values):
                    found.append(_told(condition, subject, name, values))
    return found


def _gap(subject: str, rows: pd.DataFrame, limits: Fairness) -> Check:
    of = metrics.estimate(gap(rows))
    is_past = of.low > limits.gap or of.high < -limits.gap
    is_judged = len(rows) >= limits.accounts
    reason = (
        f"{subject} told {of.value:+.3f} ({of.low:+.3f} .. {of.high:+.3f}) oftener than it"
        f" happened, at most {limits.gap:g} either way, {len(rows):,} accounts"
    )
    ends = (-limits.gap, limits.gap)
    outcome = verdict(not is_past) if is_judged else "told"
    return Check("fairness", outcome, reason, subject, of.value, of.low, of.high, *ends, len(rows))


def _told(condition: str, subject: str, name: str, values: pd.Series) -> Check:
    of = metrics.estimate(values)
    told = f"{subject} {name} {of.value:.2f} ({of.low:.2f} .. {of.high:.2f})"
    count = len(values)
    return Check(condition, "told", told, subject, of.value, of.low, of.high, subjects=count)
