"""How good forecasts are: every metric per series, a mean over its origins and steps.

e = actual - forecast of the middle; scale = mean |y_t - y_(t-season)| of the origin's own history.
"""

import numpy as np
import pandas as pd

from jobs.training import metrics
from jobs.training.forecasts.forecaster import QUANTILES, P

METRICS = ("mase", "rmsse", "wape", "pinball", "coverage", "width")


def per_series(rows: pd.DataFrame) -> dict[str, pd.Series]:
    """Metric → value per series; null where a series has no scale, or sold nothing.

    - mase: mean |e| / scale; 1 is as good as the seasonal naive one step ahead in the history
    - rmsse: sqrt(mean e^2 / mean (y_t - y_(t-season))^2) per origin
    - wape: sum |e| / sum |actual| per origin
    - pinball: mean over .1, .5, .9 of max(q * d, (q - 1) * d), d = actual - quantile, / scale
    - coverage: share of actuals in [p10, p90]; should be .8
    - width: mean (p90 - p10) / scale

    Args:
        rows: origin, series_id, y, p10, p50, p90, scale, rms_scale (mean squared seasonal change).
    """
    scale = rows["scale"].replace(0.0, np.nan).to_numpy()
    actual, quantiles = rows["y"].to_numpy(float), rows[P].to_numpy(float)
    error = np.abs(actual - quantiles[:, 1])
    by_row = pd.DataFrame(
        {
            "mase": metrics.absolute_scaled_error(actual, quantiles[:, 1], scale),
            "pinball": metrics.pinball(actual, quantiles, QUANTILES) / scale,
            "coverage": metrics.covered(actual, quantiles[:, 0], quantiles[:, 2]),
            "width": (quantiles[:, 2] - quantiles[:, 0]) / scale,
            "error": error,
            "squared": error**2 / rows["rms_scale"].replace(0.0, np.nan).to_numpy(),
            "size": np.abs(actual),
            "series_id": rows["series_id"].to_numpy(),
            "origin": rows["origin"].to_numpy(),
        }
    )
    by_origin = by_row.groupby(["series_id", "origin"])
    found = by_origin.mean()
    sums = by_origin[["error", "size"]].sum()
    found["rmsse"] = np.sqrt(found["squared"])
    found["wape"] = sums["error"] / sums["size"].replace(0.0, np.nan)
    by_series = found.groupby("series_id").mean()
    return {name: by_series[name] for name in METRICS}
