"""How churn, soft churn and answers to campaigns are learnt from the lake, judged, and told.

Three families of one kind: of each the models of models.py, a test at the newest window whose label
has ended, and validation at the two windows before it. Purchases are those of features.account_days
and features.interactions as they were known at each day's closing. A campaign and whom it addresses
are plans, known before it starts.
"""

import datetime as dt
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd

from jobs.training import account_days
from jobs.training.data import read
from jobs.training.family import Configuration, Data, Dataset, Judged, NothingToJudge, Split
from jobs.training.propensity import accuracy, decisions, models, reasons
from jobs.training.propensity.asking import Asking, valid_windows
from jobs.training.propensity.campaigns import Campaigns
from jobs.training.propensity.churn import Churn
from jobs.training.propensity.offer import Offer
from jobs.training.propensity.scorer import scorer
from jobs.training.propensity.soft_churn import SoftChurn
from jobs.training.propensity.task import NothingToAsk, Task

logger = logging.getLogger(__name__)

# what is asked of account days alone; an offer wants campaigns too
OF_DAYS: Mapping[str, type[Churn]] = {"churn": Churn, "soft_churn": SoftChurn}
PURCHASES = (
    f"select {account_days.KNOWN}, product_id, cast(sales_usd as double) as sales_usd from t"  # noqa: S608
)
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
    """The family of one task.

    Args:
        is_bad: whether what is foretold is bad for us.
        without: models that are not judged.
    """

    entity = "account_scores"
    valid_days = 7

    def __init__(
        self,
        name: Literal["churn", "soft_churn", "offer"],
        score_name: str,
        *,
        is_bad: bool,
        without: Sequence[str] = (),
    ) -> None:
        self.name = name
        self.score_name = score_name
        self.is_bad = is_bad
        self.without = without
        self.tasks = (name,)
        self.tables: tuple[str, ...] = account_days.TABLES
        if name == "offer":
            self.tables += tuple(f"silver.{plan}" for plan in PLANS)

    def model(self, name: str) -> type[Any]:
        return scorer(name)

    @property
    def baseline(self) -> Configuration:
        [found] = [c for c in self.configurations() if c.model == models.BASELINE]
        return found

    def configurations(self) -> Sequence[Configuration]:
        of = OF_DAYS.get(self.name, Offer)
        return models.configurations(of.baseline, self.without)

    def may_answer(self, model: str) -> bool:
        """A score goes out with its reasons: only a model that can say why is chosen."""
        return models.explains(model)

    def data(self, as_of: dt.date | None) -> Data:
        days, datasets = account_days.days(as_of)
        frames = {"days": days}
        if self.name == "offer":
            [of_products] = [one for one in datasets if one.table == "features.interactions"]
            bought, _ = read(of_products.table, PURCHASES, of_products.version)
            told, of_plans = plans()
            used = told["redemptions"]
            if as_of:
                told["redemptions"] = used[used["redeemed_on"] <= pd.Timestamp(as_of)]
            frames |= {"purchases": account_days.until(bought, as_of), **told}
            datasets += of_plans
        return Data(frames, datasets, days["business_date"].max().date())

    def task(self, data: Data) -> Task:
        frames = data.frames
        if of := OF_DAYS.get(self.name):
            return of(frames["days"])
        return Offer(frames["days"], frames["purchases"], campaigns(frames))

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
            ids = [f"{origin} {account_id}" for account_id in answer.asked.ids]
            told = accuracy.per_account(chance, label).items()
            each = {m: v.set_axis(ids if len(v) > 1 else [str(origin)]) for m, v in told}
            parts.append(each)
        values = {metric: pd.concat([part[metric] for part in parts]) for metric in parts[0]}
        return [Judged(self.name, values, answer.by.device, answer.by.curves)]

    def fit(self, data: Data, configuration: Configuration, as_of: dt.date) -> Any:
        return Asking(self.task(data), configuration).scorer(as_of)

    def outcomes(self, data: Data, configuration: Configuration, cut: dt.date) -> pd.DataFrame:
        answer, chance = Asking(self.task(data), configuration).chances(cut)
        return pd.DataFrame(
            {
                "account_id": answer.asked.ids,
                "chance": chance,
                "happened": answer.asked.label,
                "is_acted_on": chance >= decisions.decision(self.name).threshold,
            }
        )

    def happened(self, data: Data, cut: dt.date) -> pd.Series:
        asked = self.task(data).asked(cut)
        return pd.Series(asked.label, asked.ids)

    def good(self, score: pd.Series) -> pd.Series:
        return 1 - score if self.is_bad else score

    def scores(self, model: Any, data: Data, as_of: dt.date) -> pd.Series:
        """Where nobody is asked, as no campaign is near, those who were asked before it: edges of
        grades, and how many customers change theirs, do not wait for the next campaign."""
        of = self.task(data)
        try:
            asked = of.asked(as_of)
            return self.good(pd.Series(model.chances(asked.rows), asked.ids))
        except NothingToAsk:
            earlier = of.before(as_of)
            if earlier is None:
                raise
            # as it was fitted before that one: it has learnt its answers since
            then = Asking(of, Configuration(model.name, model.params))
            answer, chance = then.chances(earlier)
            return self.good(pd.Series(chance, answer.asked.ids))

    def predict(self, model: Any, data: Data, as_of: dt.date, size: int | None) -> pd.DataFrame:
        asked = self.task(data).asked(as_of)
        found = {"account_id": asked.ids, "score_name": self.score_name}
        return pd.DataFrame(found).assign(
            campaign_id=pd.Series(asked.about, dtype="str"),
            score=model.chances(asked.rows),
            low=np.nan,
            high=np.nan,
            reasons=reasons.as_json(model.why(asked), len(asked.ids)),
        )


def plans() -> tuple[dict[str, pd.DataFrame], tuple[Dataset, ...]]:
    """The frames of `campaigns`, ids as text."""
    frames: dict[str, pd.DataFrame] = {}
    datasets: list[Dataset] = []
    for name, sql in PLANS.items():
        rows, dataset = read(f"silver.{name}", sql)
        ids = {column: "str" for column in rows if rows[column].dtype == "category"}
        frames[name] = rows.astype(ids).drop_duplicates(ignore_index=True)
        datasets.append(dataset)
    return frames, tuple(datasets)


def campaigns(frames: Mapping[str, pd.DataFrame]) -> Campaigns:
    """Campaigns as the benches of files have them."""
    return Campaigns(*(frames[name] for name in PLANS))


def _can_be_asked(of: Task, origin: dt.date) -> bool:
    try:
        of.examples(origin)
        return of.asked(origin).label is not None
    except NothingToAsk as error:
        logger.info("%s", error)
        return False


FAMILY = Propensity("churn", "churn", is_bad=True)
