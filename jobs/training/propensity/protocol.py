"""How churn and answers to campaigns are learnt from the lake, judged, and told.

Two families of one kind: of each the models of models.py, a test at the newest window whose label
has ended, and validation at the two windows before it. Purchases are those of features.account_days
and features.interactions as they were known at each day's closing. A campaign and whom it addresses
are plans, known before it starts.
"""

import datetime as dt
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import pandas as pd

from jobs.training.data import as_it_stood, read
from jobs.training.family import Configuration, Data, Dataset, Judged, NothingToJudge, Split
from jobs.training.propensity import accuracy, models
from jobs.training.propensity.asking import Asking, valid_windows
from jobs.training.propensity.campaigns import Campaigns
from jobs.training.propensity.churn import Churn
from jobs.training.propensity.offer import Offer
from jobs.training.propensity.scorer import scorer
from jobs.training.propensity.task import Asked, NothingToAsk, Task

logger = logging.getLogger(__name__)

KNOWN = "account_id, business_date, known_date, superseded_date"
DAYS = f"""
    select {KNOWN}, orders, cast(sales_usd as double) as sales_usd,
           cast(loyalty_discount_usd as double) as discount_usd,
           cast(coupon_discount_usd as double) as coupon_usd from t
"""  # noqa: S608
PURCHASES = f"select {KNOWN}, product_id, cast(sales_usd as double) as sales_usd from t"  # noqa: S608
# how many products a day had, as it was known: rows beside a day's own, which are added up
PRODUCTS = f"select {KNOWN}, cast(count(*) as double) as products from t group by all"  # noqa: S608
PLANS = {
    "campaigns": "select campaign_id, start_date as starts_on, end_date as ends_on, campaign_type"
    " from t",
    "campaign_accounts": "select account_id, campaign_id from t",
    "coupons": "select coupon_upc as coupon_id, campaign_id, product_id from t",
    "redemptions": "select account_id, campaign_id, redemption_date as redeemed_on from t",
}


@dataclass(frozen=True)
class Window:
    """What a split asks, and models that were asked; both splits have them in common."""

    of: Task
    origins: tuple[dt.date, ...]
    asked: dict[str, Asking] = field(default_factory=dict)  # by configuration

    def asking(self, configuration: Configuration) -> Asking:
        return self.asked.setdefault(configuration.id, Asking(self.of, configuration))


class Propensity:
    """The family of one task."""

    entity = "account_scores"
    valid_days = 7

    def __init__(self, name: Literal["churn", "offer"], score_name: str, *, is_bad: bool) -> None:
        self.name = name
        self.score_name = score_name
        self.is_bad = is_bad  # whether what is foretold is bad for us
        self.tasks = (name,)
        self.tables: tuple[str, ...] = ("features.account_days", "features.interactions")
        if name == "offer":
            self.tables += tuple(f"silver.{plan}" for plan in PLANS)

    def model(self, name: str) -> type[Any]:
        return scorer(name)

    @property
    def baseline(self) -> Configuration:
        [found] = [c for c in self.configurations() if c.model == models.BASELINE]
        return found

    def configurations(self) -> Sequence[Configuration]:
        of = Churn if self.name == "churn" else Offer
        return models.configurations(of.baseline)

    def may_answer(self, model: str) -> bool:
        """A score goes out with its reasons: only a model that can say why is chosen."""
        return models.explains(model)

    def data(self, as_of: dt.date | None) -> Data:
        days, of_days = read("features.account_days", DAYS)
        products, of_products = read("features.interactions", PRODUCTS)
        frames = {"days": _one(days, products)}
        datasets = [of_days, of_products]
        if self.name == "offer":
            frames["purchases"], _ = read("features.interactions", PURCHASES)
        if as_of:
            until = pd.Timestamp(as_of)
            frames = {
                name: as_it_stood(rows[rows["business_date"] <= until], as_of)
                for name, rows in frames.items()
            }
        if frames["days"].empty:
            raise NothingToJudge(
                f"features.account_days version {of_days.version} has no day up to {as_of}; land"
                " and build sales first, or take a later date"
            )
        newest = frames["days"]["business_date"].max().date()
        if self.name == "offer":
            plans, of_plans = _plans()
            frames |= plans
            datasets += of_plans
        if as_of and "redemptions" in frames:
            used = frames["redemptions"]
            frames["redemptions"] = used[used["redeemed_on"] <= pd.Timestamp(as_of)]
        return Data(frames, tuple(datasets), newest)

    def task(self, data: Data) -> Task:
        frames = data.frames
        if self.name == "churn":
            return Churn(frames["days"])
        told = Campaigns(
            *(frames[name] for name in ("campaigns", "campaign_accounts", "coupons", "redemptions"))
        )
        return Offer(frames["days"], frames["purchases"], told)

    def cut(self, data: Data) -> dt.date:
        """The newest window that has ended."""
        found = self.task(data).before(data.newest)
        if found is None:
            raise NothingToJudge(
                f"{self.name}: no window has ended by {data.newest}; land more history"
            )
        return found

    def windows(self, data: Data, cut: dt.date) -> Mapping[Split, Window]:
        """Raises NothingToJudge: there is too little to learn from, or nobody to ask."""
        of = self.task(data)
        earlier = [origin for origin in valid_windows(of, cut) if _can_be_asked(of, origin)]
        if not earlier or not _can_be_asked(of, cut):
            raise NothingToJudge(
                f"{self.name}, cut {cut}: a test there and a window before it need history to"
                " learn from, and accounts of which it is known what they did; land more, or take"
                " another cut"
            )
        logger.info("%s: valid %s, test %s", self.name, ", ".join(map(str, earlier)), cut)
        test = Window(of, (cut,))
        return {"valid": Window(of, tuple(earlier), test.asked), "test": test}

    def judge(self, window: Window, configuration: Configuration) -> Sequence[Judged]:
        asking, parts = window.asking(configuration), []
        for origin in window.origins:
            answer, chance = asking.chances(origin)
            label = answer.asked.label
            if label is None:
                continue
            ids = [f"{origin} {account_id}" for account_id in answer.asked.account_ids]
            told = accuracy.per_account(chance, label).items()
            each = {m: v.set_axis(ids if len(v) > 1 else [str(origin)]) for m, v in told}
            parts.append(each)
        values = {metric: pd.concat([part[metric] for part in parts]) for metric in parts[0]}
        return [Judged(self.name, values, answer.by.device, answer.by.curves)]

    def fit(self, data: Data, configuration: Configuration, as_of: dt.date) -> Any:
        return Asking(self.task(data), configuration).scorer(as_of)

    def good(self, score: pd.Series) -> pd.Series:
        return 1 - score if self.is_bad else score

    def scores(self, model: Any, data: Data, as_of: dt.date) -> pd.Series:
        asked = self.task(data).asked(as_of)
        return self.good(pd.Series(model.chances(asked.rows), asked.account_ids))

    def predict(self, model: Any, data: Data, as_of: dt.date, size: int | None) -> pd.DataFrame:
        asked = self.task(data).asked(as_of)
        found = {"account_id": asked.account_ids, "score_name": self.score_name}
        return pd.DataFrame(found).assign(
            campaign_id=pd.Series(asked.about, dtype="str"),
            score=model.chances(asked.rows),
            reasons=_as_json(model.why(asked), asked),
        )


def _one(days: pd.DataFrame, products: pd.DataFrame) -> pd.DataFrame:
    """Rows of both, to be added up by day."""
    none = {"orders": 0, "sales_usd": 0.0, "discount_usd": 0.0, "coupon_usd": 0.0}
    found = pd.concat([days.assign(products=0.0), products.assign(**none)], ignore_index=True)
    ids = found["account_id"].astype(str)
    return found.assign(account_id=ids.astype("category"))


def _plans() -> tuple[dict[str, pd.DataFrame], list[Dataset]]:
    """Campaigns, ids as text."""
    frames, datasets = {}, []
    for name, sql in PLANS.items():
        rows, dataset = read(f"silver.{name}", sql)
        ids = {column: "str" for column in rows if rows[column].dtype == "category"}
        frames[name] = rows.astype(ids).drop_duplicates(ignore_index=True)
        datasets.append(dataset)
    return frames, datasets


def _can_be_asked(of: Task, origin: dt.date) -> bool:
    try:
        of.examples(origin)
        return of.asked(origin).label is not None
    except NothingToAsk as error:
        logger.info("%s", error)
        return False


def _as_json(why: pd.DataFrame, asked: Asked) -> pd.Series:
    """Per account, in the order that they are asked in: a list of code, en and zh."""
    if why.empty:
        return pd.Series("[]", range(len(asked.account_ids)))
    told = zip(why["code"], why["en"], why["zh"], strict=True)
    each = [json.dumps(dict(zip(("code", "en", "zh"), one, strict=True))) for one in told]
    lists = pd.Series(each).groupby(why["row"].to_numpy()).agg(",".join)
    found: pd.Series = "[" + lists.reindex(range(len(asked.account_ids)), fill_value="") + "]"
    return found


FAMILY = Propensity("churn", "churn", is_bad=True)
