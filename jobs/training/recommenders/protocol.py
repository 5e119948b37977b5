"""How recommenders are judged: four weeks after the cut, every catalogue product ranked.

Two tasks: `any` asks for whatever the account will buy, repeats count; `new` for products that it
has not bought before. The catalogue of a window is what enough accounts bought before its cut.
"""

import datetime as dt
import importlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from jobs.settings import settings
from jobs.table import as_known
from jobs.training import metrics
from jobs.training.data import as_it_stood, believed, known, known_by, read
from jobs.training.family import Configuration, Data, Judged, NothingToJudge, Split
from jobs.training.recommenders import offers
from jobs.training.recommenders.purchases import catalogue
from jobs.training.recommenders.recommender import TASKS, Task

NDCG_AT, RECALL_AT = 10, 20  # places of the list that are looked at
SIZE = 10  # products per account that `predict` lands

MODELS = {
    "popular": "Popular",
    "repeat": "Repeat",
    "user_knn": "UserKnn",
    "item_knn": "ItemKnn",
    "als": "Als",
    "bpr": "Bpr",
    "ease": "Ease",
    "next_basket": "NextBasket",
    "content": "Content",
    "two_tower": "TwoTower",
    "sequence": "Sequence",
    "ranker": "Ranker",
    "ranker_plan": "RankerPlan",
}

INTERACTIONS = """
    select account_id, product_id, business_date, known_date, superseded_date, orders, units,
           cast(sales_usd as double) as sales_usd, product_type, department
    from t
    where {condition}
    order by business_date, account_id, product_id, known_date
"""  # in order: sums of weights in another order differ in their last digits

# what the newest list known on a day said; the first of all lists counts for the time before it too
PRODUCTS = """
    select product_id, manufacturer_id, department, brand, product_category, product_type,
           package_size, superseded_date,
           case when is_in_first_list then date '1900-01-01' else known_date end as known_date
    from t
    where valid_to is null
    order by product_id, known_date
"""

# what was believed of a customer; the first snapshot of all counts for the time before it too
ACCOUNTS = """
    select account_id, age_band, income_band, home_ownership, marital_status, household_size,
           household_composition, kids_count, superseded_date,
           case when known_date = (select min(known_date) from t) then date '1900-01-01'
                else known_date end as known_date
    from t
    where valid_to is null
    order by account_id, known_date
"""

# the plan of a week, as it stood when it was known first
PROMOTIONS = """
    select product_id, week_start_date as starts_on, week_start_date + 6 as ends_on,
           display_store_share, mailer_store_share, plan_known_date as known_date,
           date '9999-12-31' as superseded_date
    from t
    where plan_known_date is not null
    order by starts_on, product_id
"""


@dataclass(frozen=True)
class Window:
    """Training up to a cut, and what each account bought in the weeks after it."""

    cut: dt.date
    train: pd.DataFrame  # interactions with catalogue products
    catalogue: np.ndarray  # product ids
    account_ids: np.ndarray  # accounts with a catalogue product in train
    truth: Mapping[Task, pd.DataFrame]  # task → distinct (account_id, product_id)
    popularity: pd.Series  # share of accounts that had bought each catalogue product
    data: Data


@dataclass(frozen=True)
class Terms:
    """What is asked: how far ahead, of which products."""

    horizon_days: int = 28  # of truth after a cut
    min_buyers: int = 20  # a product is in the catalogue once so many accounts have bought it


TERMS = Terms()


def window(data: Data, cut: dt.date, terms: Terms = TERMS) -> Window:
    """What the bench needs of one split.

    Raises:
        NothingToJudge: nothing was bought before the cut, or nothing after it.
    """
    interactions = data.frames["interactions"]
    before = known_by(interactions, cut)
    products = catalogue(before, terms.min_buyers)
    train = before[before["product_id"].isin(products)]
    date = interactions["business_date"]
    end = pd.Timestamp(cut + dt.timedelta(days=terms.horizon_days))
    after = believed(interactions[(date > pd.Timestamp(cut)) & (date <= end)])
    account_ids = np.sort(train["account_id"].unique().astype(str))
    bought = after.loc[
        after["product_id"].isin(products) & after["account_id"].isin(account_ids),
        ["account_id", "product_id"],
    ].drop_duplicates()
    if bought.empty:
        raise NothingToJudge(
            f"nothing to judge at cut {cut}: {len(before)} interactions before it, {len(after)} in"
            f" the {terms.horizon_days} days after, {len(products)} catalogue products"
        )
    owned = train[["account_id", "product_id"]].drop_duplicates().assign(owned=1)
    seen = bought.merge(owned, how="left", on=["account_id", "product_id"])
    new = seen.loc[seen["owned"].isna(), ["account_id", "product_id"]]
    popularity = owned["product_id"].astype(str).value_counts() / len(account_ids)
    truth: dict[Task, pd.DataFrame] = {"any": bought, "new": new}
    return Window(cut, train, products, account_ids, truth, popularity, data)


def judged(
    lists: pd.DataFrame, truth: pd.DataFrame, popularity: pd.Series | None = None
) -> dict[str, pd.Series]:
    """Metrics per account that bought something in the window.

    Args:
        lists: best first, ranks from 1.
        truth: distinct (account_id, product_id).
        popularity: share of accounts that had bought each product of the catalogue; null: novelty
            and coverage are not asked.
    """
    accounts, sizes = np.unique(truth["account_id"].to_numpy(dtype=str), return_counts=True)
    lists = lists[lists["account_id"].isin(accounts) & (lists["rank"] <= RECALL_AT)]
    pairs = pd.MultiIndex.from_frame(lists[["account_id", "product_id"]].astype(str))
    bought = pairs.isin(pd.MultiIndex.from_frame(truth[["account_id", "product_id"]].astype(str)))
    hits = np.zeros((len(accounts), RECALL_AT), bool)  # (A, K)
    hits[np.searchsorted(accounts, lists["account_id"].to_numpy(str)), lists["rank"] - 1] = bought
    top = hits[:, :NDCG_AT]
    found = {
        f"ndcg_at_{NDCG_AT}": pd.Series(metrics.ndcg(top, sizes), accounts),
        f"recall_at_{RECALL_AT}": pd.Series(metrics.recall(hits, sizes), accounts),
        f"mrr_at_{NDCG_AT}": pd.Series(metrics.reciprocal_rank(top), accounts),
        f"hit_at_{NDCG_AT}": pd.Series(metrics.hit(top), accounts),
    }
    if popularity is None:
        return found
    shown = lists[lists["rank"] <= NDCG_AT]
    unusual = metrics.self_information(shown["product_id"].map(popularity).to_numpy(float))
    novelty = pd.Series(unusual).groupby(shown["account_id"].to_numpy(str)).mean()
    coverage = metrics.catalogue_coverage(shown["product_id"].to_numpy(str), len(popularity))
    return found | {
        f"novelty_at_{NDCG_AT}": novelty.reindex(accounts),
        f"coverage_at_{NDCG_AT}": pd.Series([coverage], ["all"]),
    }


class Recommenders:
    name = "recommenders"
    entity = "recommendations"
    valid_days = 7
    tables = (
        *("features.interactions", "silver.product_history", "silver.accounts"),
        *("silver.account_history", "gold.product_weeks"),
    )
    tasks: tuple[str, ...] = TASKS

    def __init__(self, terms: Terms = TERMS, store: Path | None = None) -> None:
        """store: folder where what was fitted on past days is kept; null: the lake's own."""
        self.terms = terms
        self._store = store

    @property
    def store(self) -> Path:
        return self._store or settings().state / "training" / "days"

    def model(self, name: str) -> type[Any]:
        if name not in MODELS:
            raise KeyError(f"no recommender {name!r}; there are: {', '.join(MODELS)}")
        module = importlib.import_module(f"jobs.training.recommenders.{name}")
        found: type[Any] = getattr(module, MODELS[name])
        return found

    @property
    def baseline(self) -> Configuration:
        return self.configuration("popular")

    def configuration(self, model: str, **params: Any) -> Configuration:
        """A model with these settings, its own for the rest; two stages ask what the bench asks."""
        kind = self.model(model)
        asked = asdict(self.terms) if kind.whole else {}
        return Configuration(model, kind.Params(**asked | params))

    def for_task(self, model: str, task: Task) -> Configuration:
        """A model with the settings that its file has for a task."""
        return self.configuration(model, **self.model(model).settings.get(task, {}))

    def configurations(self) -> Sequence[Configuration]:
        """What is judged every week; `bench` with files judges all models."""
        return [
            self.baseline,
            self.configuration("repeat"),
            self.configuration("next_basket"),
            self.configuration("als"),
            self.configuration("ease"),
            self.configuration("two_tower"),
            self.configuration("sequence"),
            self.configuration("ranker"),
            self.configuration("ranker_plan"),
        ]

    def data(self, as_of: dt.date | None) -> Data:
        condition = "true"
        if as_of:
            seen = as_known("features.interactions", as_of)
            condition = f"business_date <= date '{as_of}' and {seen}"
        interactions, features = read(
            "features.interactions", INTERACTIONS.format(condition=condition)
        )
        products, of_products = read("silver.product_history", PRODUCTS)
        accounts, of_accounts = read("silver.accounts")
        account_history, of_history = read("silver.account_history", ACCOUNTS)
        promotions, of_promotions = read("gold.product_weeks", PROMOTIONS)
        if as_of:
            interactions = as_it_stood(interactions, as_of)
            promotions = known(promotions, as_of)
        days = believed(interactions)["business_date"]
        if days.empty:
            raise NothingToJudge(
                f"features.interactions version {features.version} has no row up to {as_of};"
                " build it first, or take a later date"
            )
        return Data(
            {
                "interactions": interactions,
                "products": products,
                "accounts": accounts,
                "account_history": account_history,
                "promotions": promotions,
            },
            (features, of_products, of_accounts, of_history, of_promotions),
            days.max().date(),
        )

    def cut(self, data: Data) -> dt.date:
        """The last Sunday with a whole horizon behind it, up to the newest complete week's end."""
        days_since_sunday = (data.newest.weekday() + 1) % 7
        return data.newest - dt.timedelta(days=days_since_sunday + self.terms.horizon_days)

    def windows(self, data: Data, cut: dt.date) -> Mapping[Split, Window]:
        before = cut - dt.timedelta(days=self.terms.horizon_days)
        return {"valid": window(data, before, self.terms), "test": window(data, cut, self.terms)}

    def judge(self, window: Window, configuration: Configuration) -> Sequence[Judged]:
        model = self.fit(window.data, configuration, window.cut)
        return [self.judge_task(window, model, task) for task in window.truth]

    def judge_task(self, window: Window, model: Any, task: Task) -> Judged:
        """One task's lists of a fitted model, judged."""
        lists = model.recommend(
            window.account_ids, RECALL_AT, window.catalogue, task == "new", window.cut
        )
        values = judged(lists, window.truth[task], window.popularity)
        return Judged(task, values, model.device, getattr(model, "curves", {}))

    def fit(self, data: Data, configuration: Configuration, as_of: dt.date) -> Any:
        kind = self.model(configuration.model)
        model = kind(configuration.params)
        model.store = self.store
        return model.fit(
            self._seen(kind, data, as_of),
            self._described(data, as_of),
            self._listed(kind, data, as_of),
            self._promoted(kind, data, as_of),
            as_of,
        )

    def _described(self, data: Data, as_of: dt.date) -> pd.DataFrame:
        """Accounts as they were known; of files, that keep no history, as they are."""
        history = data.frames.get("account_history")
        return data.frames["accounts"] if history is None else known(history, as_of)

    def _seen(self, kind: type[Any], data: Data, as_of: dt.date) -> pd.DataFrame:
        """Interactions as a model takes them: of the catalogue as known, or every version."""
        interactions = data.frames["interactions"]
        if kind.whole:
            dated = interactions[interactions["business_date"] <= pd.Timestamp(as_of)]
            return as_it_stood(dated, as_of)
        before = known_by(interactions, as_of)
        return before[before["product_id"].isin(catalogue(before, self.terms.min_buyers))]

    def _listed(self, kind: type[Any], data: Data, as_of: dt.date) -> pd.DataFrame:
        """Products as a model takes them: as known, or every version."""
        products = data.frames["products"]
        return as_it_stood(products, as_of) if kind.whole else known(products, as_of)

    def _promoted(self, kind: type[Any], data: Data, as_of: dt.date) -> pd.DataFrame | None:
        """Promotions known by as_of; those that begin later only for a model that may see plans."""
        promotions = data.frames.get("promotions")
        if promotions is None:
            return None
        promotions = known(promotions, as_of)
        if kind.uses_plan:
            return promotions
        return promotions[promotions["starts_on"] <= pd.Timestamp(as_of)]

    def predict(self, model: Any, data: Data, as_of: dt.date, size: int | None) -> pd.DataFrame:
        """Lists by the ladder's rungs, within the rules of offers; the model keeps the counts."""
        before = known_by(data.frames["interactions"], as_of)
        products = catalogue(before, self.terms.min_buyers)
        model.store = self.store
        kind = type(model)
        seen, listed = self._seen(kind, data, as_of), self._listed(kind, data, as_of)
        model.observe(seen, as_of, listed, self._promoted(kind, data, as_of))
        told = (before, data.frames["accounts"], known(data.frames["products"], as_of))
        lists, model.counts = offers.offered(model, *told, products, as_of, size or SIZE)
        return lists.drop(columns="rung")


FAMILY = Recommenders()
