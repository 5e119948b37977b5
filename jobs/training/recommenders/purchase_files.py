"""Anyone's files of purchases, products and promotions, read as the family's frames."""

import datetime as dt
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from jobs.training.family import Data
from jobs.training.given import ALWAYS, BadFile, dated, rows
from jobs.training.recommenders.plans import numbers
from jobs.training.recommenders.protocol import Terms

logger = logging.getLogger(__name__)

# an order is a moment at which an account bought; quantities and amounts tell the models nothing
DAYS = """
    select account_id, product_id, cast(cast(bought_at as timestamp) as date) as business_date,
           count(distinct bought_at) as orders
    from rows group by all order by business_date, account_id, product_id
"""


@dataclass(frozen=True)
class Asked:
    """What the command line asks for."""

    interactions: Path
    train_until: dt.date  # its rows are the last that are learnt
    out: Path
    horizon_days: int = 28
    k: int = 20  # products per list
    min_buyers: int = 20  # of a product in the catalogue
    products: Path | None = None
    promotions: Path | None = None
    leave_out: tuple[str, ...] = ()  # models that are not judged

    @property
    def terms(self) -> Terms:
        return Terms(self.horizon_days, self.min_buyers)


def read(asked: Asked) -> Data:
    """The files as the family's frames; every row counts as known on its own day.

    Raises:
        BadFile: a file cannot be used, or no row is left to learn from.
    """
    last = pd.Timestamp(asked.train_until)
    if asked.horizon_days > (dt.date.max - asked.train_until).days:
        raise BadFile(
            f"--horizon-days {asked.horizon_days} after --train-until {asked.train_until} end"
            " beyond the year 9999: take fewer, or an earlier day"
        )
    needed = {"account_id": "varchar", "product_id": "varchar", "bought_at": "timestamp"}
    bought = rows(asked.interactions, needed).query("rows", DAYS).df()
    bought = dated(_ids(bought), bought["business_date"])
    if bought.empty:
        raise BadFile(
            f"{asked.interactions} has no row with an account_id, a product_id and a readable"
            " bought_at: write one per purchase, such as a1,p1,2017-01-02 10:00:00"
        )
    if not (bought["business_date"] <= last).any():
        raise BadFile(
            f"{asked.interactions} has no purchase up to {asked.train_until}:"
            " take a later --train-until"
        )
    newest = bought["business_date"].max().date()
    if newest <= asked.train_until - dt.timedelta(days=asked.horizon_days):
        raise BadFile(
            f"the newest purchase of {asked.interactions} is of {newest}, so nothing can be judged"
            f" in the {asked.horizon_days} days up to --train-until {asked.train_until}: take"
            f" --train-until {newest}"
        )
    products = pd.DataFrame({"product_id": pd.Series(dtype=str)})
    if asked.products:
        products = rows(asked.products, {"product_id": "varchar"}).df()
    frames = {
        "interactions": bought,
        "accounts": pd.DataFrame({"account_id": bought["account_id"].cat.categories}),
        "products": dated(products, ALWAYS),
    }
    if asked.promotions:
        needed = {"product_id": "varchar", "starts_on": "date", "ends_on": "date"}
        plan = rows(asked.promotions, needed).df()
        if not numbers(plan):
            logger.warning(
                "%s: no column of numbers among %s, so promotions tell nothing",
                asked.promotions,
                ", ".join(plan.columns),
            )
        frames["promotions"] = dated(_ids(plan, ["product_id"]), ALWAYS)
    return Data(frames, (), asked.train_until)


def _ids(
    frame: pd.DataFrame, columns: Sequence[str] = ("account_id", "product_id")
) -> pd.DataFrame:
    return frame.astype(dict.fromkeys(columns, "category"))
