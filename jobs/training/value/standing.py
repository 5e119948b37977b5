"""How good each customer has been (RFM), whether it is still there, and how often it will buy.

The last two by BG/NBD (bg_nbd.py); a purchase is a day with an order. The bench does not judge them
by themselves: docs/value.md tells where BG/NBD is wrong.
"""

import datetime as dt

import pandas as pd
import pyarrow as pa

from jobs.training.value.bg_nbd import BgNbd
from jobs.training.value.history import WEEK, History
from jobs.training.value.lifetime import Purchases
from jobs.training.value.rfm import rfm

FILE = "customers.parquet"
COLUMNS: list[tuple[str, pa.DataType]] = [
    ("account_id", pa.string()),
    ("origin", pa.date32()),
    ("recency_days", pa.int64()),  # since the last order
    ("orders", pa.int64()),  # of the year up to the origin
    ("sales_usd", pa.float64()),  # the same
    ("recency", pa.int32()),  # fifths, 1 to 5, 5 is best
    ("frequency", pa.int32()),
    ("monetary", pa.int32()),
    ("rfm", pa.string()),  # the three, such as 545
    # probability of not having dropped out, 0 to 1; by the model's own assumption 1 after one order
    ("alive", pa.float64()),
    ("purchases", pa.float64()),  # expected in the days ahead
]


def standing(days: pd.DataFrame, origin: dt.date, horizon_days: int) -> pd.DataFrame:
    """One row per account with an order as known at the closing of a day, as COLUMNS has it.

    Raises:
        NothingToJudge: no account has an order by then.
    """
    history = History.of(days, origin)
    bought = Purchases.of(history).bought
    buying = BgNbd.fit(bought.at(history.typical))
    return rfm(days, origin).assign(
        origin=origin,
        alive=buying.alive(bought),
        purchases=buying.expected(bought, horizon_days / WEEK),
    )
