"""How recommenders are judged: four weeks after the cut, every catalogue product ranked.

Two tasks: `any` asks for whatever the account will buy, repeats count; `new` for products that it
has not bought before. The catalogue of a window is what enough accounts bought before its cut.
"""

import datetime as dt
import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from jobs.table import as_known
from jobs.training import metrics
from jobs.training.data import as_it_stood, believed, known, read
from jobs.training.family import Configuration, Data, Judged, Split

WEEKS_JUDGED = 4  # weeks of truth after a cut
BUYERS = 20  # a product is in the catalogue once so many accounts have bought it
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


@dataclass(frozen=True)
class Window:
    """Training up to a cut, and what each account bought in the weeks after it."""

    cut: dt.date
    train: pd.DataFrame  # interactions with catalogue products
    catalogue: np.ndarray  # product ids
    account_ids: np.ndarray  # accounts with a catalogue product in train
    truth: Mapping[str, pd.DataFrame]  # task → distinct (account_id, product_id)
    data: Data


def catalogue(interactions: pd.DataFrame) -> np.ndarray:
    """Product ids bought by enough accounts, sorted."""
    pairs = interactions[["account_id", "product_id"]].drop_duplicates()
    buyers = pairs["product_id"].value_counts()
    return np.sort(buyers[buyers >= BUYERS].index.to_numpy(dtype=str))


def known_by(interactions: pd.DataFrame, as_of: dt.date) -> pd.DataFrame:
    """Rows dated up to as_of, as known by its end."""
    dated = interactions[interactions["business_date"] <= pd.Timestamp(as_of)]
    return known(dated, as_of)


def window(data: Data, cut: dt.date) -> Window:
    """What the bench needs of one split.

    Raises:
        ValueError: nothing was bought before the cut, or nothing after it.
    """
    interactions = data.frames["interactions"]
    before = known_by(interactions, cut)
    products = catalogue(before)
    train = before[before["product_id"].isin(products)]
    date = interactions["business_date"]
    end = pd.Timestamp(cut + dt.timedelta(weeks=WEEKS_JUDGED))
    after = believed(interactions[(date > pd.Timestamp(cut)) & (date <= end)])
    account_ids = np.sort(train["account_id"].unique().astype(str))
    bought = after.loc[
        after["product_id"].isin(products) & after["account_id"].isin(account_ids),
        ["account_id", "product_id"],
    ].drop_duplicates()
    if bought.empty:
        raise ValueError(
            f"nothing to judge at cut {cut}: {len(before)} interactions before it,"
            f" {len(after)} in the {WEEKS_JUDGED} weeks after, {len(products)} catalogue products"
        )
    owned = train[["account_id", "product_id"]].drop_duplicates().assign(owned=1)
    seen = bought.merge(owned, how="left", on=["account_id", "product_id"])
    new = seen.loc[seen["owned"].isna(), ["account_id", "product_id"]]
    return Window(cut, train, products, account_ids, {"any": bought, "new": new}, data)


def judged(lists: pd.DataFrame, truth: pd.DataFrame) -> dict[str, pd.Series]:
    """Metrics per account that bought something in the window."""
    accounts, sizes = np.unique(truth["account_id"].to_numpy(dtype=str), return_counts=True)
    bought = set(zip(truth["account_id"].astype(str), truth["product_id"].astype(str), strict=True))
    lists = lists[lists["account_id"].isin(accounts) & (lists["rank"] <= RECALL_AT)]
    hits = np.zeros((len(accounts), RECALL_AT), bool)  # (A, K)
    hits[np.searchsorted(accounts, lists["account_id"].to_numpy(str)), lists["rank"] - 1] = [
        pair in bought for pair in zip(lists["account_id"], lists["product_id"], strict=True)
    ]
    return {
        f"ndcg_at_{NDCG_AT}": pd.Series(metrics.ndcg(hits[:, :NDCG_AT], sizes), accounts),
        f"recall_at_{RECALL_AT}": pd.Series(metrics.recall(hits, sizes), accounts),
    }


class Recommenders:
    name = "recommenders"
    entity = "recommendations"
    valid_days = 7
    tables = ("features.interactions", "silver.product_history", "silver.accounts")

    def model(self, name: str) -> type[Any]:
        if name not in MODELS:
            raise KeyError(f"no recommender {name!r}; there are: {', '.join(MODELS)}")
        module = importlib.import_module(f"jobs.training.recommenders.{name}")
        found: type[Any] = getattr(module, MODELS[name])
        return found

    @property
    def baseline(self) -> Configuration:
        return self._configuration("popular", weeks=52)

    def _configuration(self, model: str, **params: Any) -> Configuration:
        return Configuration(model, self.model(model).Params(**params))

    def configurations(self) -> Sequence[Configuration]:
        return [
            self.baseline,
            self._configuration("popular", weeks=4),
            *(self._configuration("repeat", half_life_weeks=h) for h in (None, 32.0, 16.0, 8.0)),
            self._configuration("als"),
            self._configuration("two_tower"),
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
        if as_of:
            interactions = as_it_stood(interactions, as_of)
        days = believed(interactions)["business_date"]
        if days.empty:
            raise ValueError(
                f"features.interactions version {features.version} has no row up to {as_of};"
                " build it first, or take a later date"
            )
        return Data(
            {"interactions": interactions, "products": products, "accounts": accounts},
            (features, of_products, of_accounts),
            days.max().date(),
        )

    def cut(self, data: Data) -> dt.date:
        """Four complete weeks (Monday to Sunday) before the newest complete one's end."""
        days_since_sunday = (data.newest.weekday() + 1) % 7
        return data.newest - dt.timedelta(days=days_since_sunday, weeks=WEEKS_JUDGED)

    def windows(self, data: Data, cut: dt.date) -> Mapping[Split, Window]:
        before = cut - dt.timedelta(weeks=WEEKS_JUDGED)
        return {"valid": window(data, before), "test": window(data, cut)}

    def judge(self, window: Window, configuration: Configuration) -> Sequence[Judged]:
        model = self._fitted(window.data, window.train, configuration, window.cut)
        results = []
        for task, truth in window.truth.items():
            lists = model.recommend(
                window.account_ids, RECALL_AT, window.catalogue, task == "new", window.cut
            )
            curves = getattr(model, "curves", {})
            results.append(Judged(task, judged(lists, truth), model.device, curves))
        return results

    def fit(self, data: Data, configuration: Configuration, as_of: dt.date) -> Any:
        before = known_by(data.frames["interactions"], as_of)
        train = before[before["product_id"].isin(catalogue(before))]
        return self._fitted(data, train, configuration, as_of)

    def _fitted(
        self, data: Data, train: pd.DataFrame, configuration: Configuration, as_of: dt.date
    ) -> Any:
        products = known(data.frames["products"], as_of)
        model = self.model(configuration.model)(configuration.params)
        return model.fit(train, data.frames["accounts"], products, None, as_of)

    def predict(self, model: Any, data: Data, as_of: dt.date, size: int | None) -> pd.DataFrame:
        before = known_by(data.frames["interactions"], as_of)
        products = catalogue(before)
        model.observe(before[before["product_id"].isin(products)], as_of)
        account_ids = np.sort(data.frames["accounts"]["account_id"].unique().astype(str))
        return model.recommend(account_ids, size or SIZE, products, False, as_of)


FAMILY = Recommenders()
