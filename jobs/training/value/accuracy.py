"""How good foretold values are: per account, and by tenths of what was foretold."""

import datetime as dt

import numpy as np
import pandas as pd

from jobs.training import metrics
from jobs.training.value.history import spent

DECILES = 10


def per_account(rows: pd.DataFrame) -> dict[str, pd.Series]:
    """Metric → one value per account, the mean over its rows; the mean over accounts is the metric.

    mae: |actual - value|, USD. wape: the same / the mean actual of all, so that its mean is the sum
    of errors / the sum of actuals; null where nobody spent. bias: actual - value, USD, positive =
    under-forecast. coverage: 1 where lo80 <= actual <= hi80, else 0; width: hi80 - lo80, USD; both
    null without an interval.

    Args:
        rows: account_id, value_usd, lo80, hi80, actual_usd; an account once per window.
    """
    error = rows["actual_usd"] - rows["value_usd"]
    total = rows["actual_usd"].mean()
    inside = metrics.covered(
        *(rows[name].to_numpy(float) for name in ("actual_usd", "lo80", "hi80"))
    )
    found = pd.DataFrame(
        {
            "mae": error.abs(),
            "wape": error.abs() / total if total > 0 else np.nan,
            "bias": error,
            "coverage": np.where(rows["lo80"].notna(), inside, np.nan),
            "width": rows["hi80"] - rows["lo80"],
        }
    )
    by_account = found.groupby(rows["account_id"]).mean()
    return {str(name): by_account[name] for name in by_account}


def beside(
    told: pd.DataFrame,
    days: pd.DataFrame,
    origin: dt.date,
    horizon_days: int,
    known_on: dt.date,
) -> pd.DataFrame:
    """Answers of an origin with `actual_usd`, as known at the closing of another day."""
    ids = told["account_id"].to_numpy()
    return told.assign(actual_usd=spent(days, ids, origin, horizon_days, known_on))


def deciles(rows: pd.DataFrame) -> pd.DataFrame:
    """Foretold beside actual, by tenths of accounts from the lowest value (1) to the highest (10).

    Returns:
        decile, accounts, value_usd and actual_usd (means), coverage. Equal values are parted by the
        order of the rows, so that tenths are equally large.
    """
    place = rows["value_usd"].rank(method="first") - 1
    inside = rows["actual_usd"].between(rows["lo80"], rows["hi80"])
    told = rows.assign(
        decile=(1 + DECILES * place // len(rows)).astype(int),
        coverage=inside.astype(float).where(rows["lo80"].notna()),
    )
    found = told.groupby("decile").agg(
        accounts=("account_id", "size"),
        value_usd=("value_usd", "mean"),
        actual_usd=("actual_usd", "mean"),
        coverage=("coverage", "mean"),
    )
    return found.reset_index()
