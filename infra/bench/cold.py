"""What the ladder's rungs are worth for customers and products that are new.

python -m infra.bench.cold [--choose] [--folds 10]

Cold accounts: those with md5(account_id) % 10 == 0 are absent from every fit and from the
catalogue. 0, 1 or 3 of their baskets are shown, the last ones before the cut; a basket is what a
day brought of the catalogue. Judged are those with three baskets or more before the cut who bought
something of the catalogue in the four weeks after it, so that each row has the same accounts.
Cold products: fewer than 20 buyers by the cut; every account is asked for ten of them.

Weeks 1..44 are learnt from, 45..48 judge. `--choose` looks through what the ladder's constants
could be on 1..40 and 41..44 instead, over all ten folds. `--folds 10` judges the other nine tenths
of the accounts in the same way, the rungs only: more accounts, narrower intervals.
"""

import datetime as dt
import hashlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from infra.bench import figures
from infra.bench.figures import Figure
from infra.bench.households import BANDS, households
from jobs import command
from jobs.training import metrics
from jobs.training.data import known_by
from jobs.training.recommenders import next_basket, protocol
from jobs.training.recommenders.ladder import (
    FEW,
    POPULAR_DAYS,
    SEGMENT,
    SMOOTHING,
    Ladder,
    Popularity,
    Rare,
)
from jobs.training.recommenders.purchases import catalogue

VALID, TEST = dt.date(2017, 10, 1), dt.date(2017, 10, 29)  # last days of weeks 40 and 44
FOLDS = 10
SHOWN = (0, 1, 3)
METRIC = f"ndcg_at_{protocol.NDCG_AT}"
MODELS = ("repeat", "next_basket", "user_knn", "item_knn", "als", "ease", "content")
Lists = pd.DataFrame
Found = dict[tuple[str, ...], list[pd.Series]]  # what was asked of whom → values per account


@dataclass(frozen=True)
class Cold:
    """A tenth of the accounts, and what there is to know without them."""

    cut: dt.date
    warm: pd.DataFrame  # interactions of all others with the catalogue
    catalogue: np.ndarray
    history: pd.DataFrame  # theirs, with `back`: 0 is the last basket
    truth: pd.DataFrame  # distinct (account_id, product_id) of the four weeks

    @property
    def account_ids(self) -> np.ndarray:
        return np.unique(self.truth["account_id"].to_numpy(str))

    def shown(self, baskets: int) -> pd.DataFrame:
        """Their last baskets before the cut."""
        return self.history[self.history["back"] < baskets].drop(columns="back")

    def seen(self, baskets: int) -> pd.DataFrame:
        """All that may be known where so many baskets are shown."""
        both = pd.concat([self.warm, self.shown(baskets)])
        return both.astype({"account_id": "category", "product_id": "category"})

    def asked(self, task: str, baskets: int) -> pd.DataFrame:
        """What counts as found: for `new` not what was shown."""
        return without(self.truth, self.shown(baskets)) if task == "new" else self.truth


def without(truth: pd.DataFrame, owned: pd.DataFrame) -> pd.DataFrame:
    """Pairs of the truth that were not bought before."""
    pairs = owned[["account_id", "product_id"]].astype(str).drop_duplicates()
    marked = truth.merge(pairs, how="left", on=["account_id", "product_id"], indicator=True)
    return marked.loc[marked["_merge"] == "left_only", ["account_id", "product_id"]]


def fold(account_id: str) -> int:
    return int(hashlib.md5(account_id.encode(), usedforsecurity=False).hexdigest(), 16) % FOLDS


def bought_after(cut: dt.date) -> pd.DataFrame:
    """Distinct (account_id, product_id) of the four weeks after a cut."""
    rows = households().frames["interactions"]
    end = cut + dt.timedelta(days=protocol.TERMS.horizon_days)
    date = rows["business_date"]
    after = rows[(date > pd.Timestamp(cut)) & (date <= pd.Timestamp(end))]
    return after[["account_id", "product_id"]].astype(str).drop_duplicates()


def cold(cut: dt.date, number: int) -> Cold:
    before = known_by(households().frames["interactions"], cut)
    ids = before["account_id"].cat.categories
    theirs = before["account_id"].isin([i for i in ids if fold(str(i)) == number])
    products = catalogue(before[~theirs], protocol.TERMS.min_buyers)
    kept = before["product_id"].isin(products)
    history = before[theirs & kept]
    days = history[["account_id", "business_date"]].drop_duplicates()
    days = days.sort_values("business_date", ascending=False)
    days["back"] = days.groupby("account_id", observed=True).cumcount()
    enough = days.loc[days["back"] == max(SHOWN) - 1, "account_id"].astype(str)
    truth = bought_after(cut)
    truth = truth[truth["account_id"].isin(enough) & truth["product_id"].isin(products)]
    history = history.merge(days, on=["account_id", "business_date"])
    return Cold(cut, before[~theirs & kept], products, history, truth)


def everyone() -> pd.DataFrame:
    return households().frames["accounts"]


def popularity(bought: pd.DataFrame, accounts: pd.DataFrame, cut: dt.date) -> Popularity:
    """As the ladder has it."""
    return Popularity.of(bought, accounts, cut, SEGMENT, POPULAR_DAYS, SMOOTHING)


def rungs(those: Cold, baskets: int, task: str) -> Iterator[tuple[str, Lists]]:
    """Segment and all for everyone, and the ladder's own lists."""
    ids, seen = those.account_ids, those.seen(baskets)
    k, candidates = protocol.RECALL_AT, those.catalogue
    found = popularity(seen, everyone(), those.cut)
    owned = those.shown(baskets) if task == "new" else those.shown(0)
    spare = k + most(owned)
    in_segment, rest = found.best(ids, spare, candidates)
    yield "segment", left(pd.concat([in_segment, rest]), owned)
    nobody = popularity(seen, everyone()[["account_id"]], those.cut)
    yield "all", left(nobody.best(ids, spare, candidates)[1], owned)
    if baskets:
        ladder = Ladder(None)
        ladder.bought = seen
        yield "few_baskets", ladder.of_few(ids, k, candidates, task == "new", those.cut)


def most(owned: pd.DataFrame) -> int:
    """How many products the account that owns most of them has."""
    pairs = owned[["account_id", "product_id"]].drop_duplicates()["account_id"].astype(str)
    return int(pairs.value_counts().max()) if len(pairs) else 0


def left(lists: Lists, owned: pd.DataFrame) -> Lists:
    """Lists without what is owned, their ranks closed up."""
    kept = lists.merge(
        owned[["account_id", "product_id"]].astype(str).drop_duplicates(),
        how="left",
        on=["account_id", "product_id"],
        indicator="_owned",
    )
    kept = kept[kept["_owned"] == "left_only"].sort_values(["account_id", "rank"])
    return kept.assign(rank=kept.groupby("account_id").cumcount() + 1)


def judge_accounts(cut: dt.date, folds: Sequence[int], models: Sequence[str]) -> Found:
    """Every rung and model, by task and baskets shown."""
    found: Found = {}
    for number in track(folds, "tenths of accounts"):
        those = cold(cut, number)
        fitted = {name: fitted_on(those, name) for name in models}
        for baskets, task in itertools.product(SHOWN, ("any", "new") if models else ("any",)):
            if not baskets and task == "new":
                continue  # nothing is owned: the same as any
            asked = those.asked(task, baskets)
            lists = dict(rungs(those, baskets, task))
            for name, model in fitted.items() if baskets else ():
                model.observe(those.seen(baskets), cut)
                lists[name] = model.recommend(
                    those.account_ids, protocol.RECALL_AT, those.catalogue, task == "new", cut
                )
            for name, rows in lists.items():
                values = protocol.judged(rows, asked)[METRIC]
                found.setdefault((task, str(baskets), name), []).append(values)
    return found


def fitted_on(those: Cold, name: str) -> Any:
    kind = protocol.FAMILY.model(name)
    model = kind(kind.Params())
    listed = households().frames["products"]
    return model.fit(those.warm, everyone(), listed, None, those.cut)


def judge_products(cut: dt.date) -> Found:
    """Rare products for all accounts: words alone, the rung, and two kinds of popularity."""
    before = known_by(households().frames["interactions"], cut)
    listed = households().frames["products"]
    common = catalogue(before, protocol.TERMS.min_buyers)
    rare = Rare.of(before, listed, common, cut)
    outside = before[~before["product_id"].isin(common)]
    truth = bought_after(cut)
    truth = truth[~truth["product_id"].isin(common) & truth["account_id"].isin(rare.accounts)]
    ids = np.unique(truth["account_id"].to_numpy(str))
    content = fitted_on(Cold(cut, before, common, before, truth), "content")
    found: Found = {}
    for task in ("any", "new"):
        asked = without(truth, outside) if task == "new" else truth
        k, owned = protocol.RECALL_AT, outside if task == "new" else outside.head(0)
        spare = k + most(owned)
        popular = popularity(outside, everyone(), cut)
        nobody = popularity(outside, everyone()[["account_id"]], cut)
        lists = {
            "segment": left(pd.concat(popular.best(ids, spare, rare.products)), owned),
            "all": left(nobody.best(ids, spare, rare.products)[1], owned),
            "rare_products": rare.best(ids, k, task == "new"),
            "content": content.recommend(ids, k, rare.products, task == "new", cut),
        }
        for name, rows in lists.items():
            found[task, "rare", name] = [protocol.judged(rows, asked)[METRIC]]
    return found


def show(found: Mapping[tuple[str, ...], Sequence[pd.Series]], title: str) -> None:
    """A row per task, baskets and rung; a difference whose interval holds 0 claims nothing."""
    joined = {key: pd.concat(values) for key, values in found.items()}
    page = Table("task", "shown", "rung", METRIC, "to segment", "to all", "accounts", title=title)
    for (task, shown, name), values in sorted(joined.items(), key=lambda kv: (kv[0][:2], kv[0][2])):
        others = [joined[task, shown, other] for other in ("segment", "all")]
        estimate = metrics.estimate(values)
        page.add_row(
            *(task, shown, name),
            f"{estimate.value:.4f} ({estimate.low:.4f} .. {estimate.high:.4f})",
            *("" if values is other else told(values, other) for other in others),
            f"{len(values):,}",
        )
    Console(width=160).print(page)


def figures_of(found: Found, of: str, names: Sequence[str]) -> list[Figure]:
    """What the ladder's rungs bring; a gain whose interval holds 0 claims nothing."""
    joined = {key: pd.concat(values) for key, values in found.items()}
    rows = []
    for (task, shown, name), values in sorted(joined.items()):
        if name in names:
            others = [o for o in ("segment", "all") if o != name]
            gains = (f"to {o} {told(values, joined[task, shown, o])}" for o in others)
            baskets = f", {shown} baskets shown" if shown.isdigit() else ""
            what = f"{of}, {task}{baskets}, {METRIC}: {name}"
            rows.append(Figure(what, "", "", f"{values.mean():.4f}; {'; '.join(gains)}"))
    return rows


def told(values: pd.Series, others: pd.Series) -> str:
    gain = metrics.difference(values, others)
    claim = "" if gain.low > 0 or gain.high < 0 else "  no claim"
    return f"{gain.value:+.4f} ({gain.low:+.4f} .. {gain.high:+.4f}){claim}"


def choose(folds: Sequence[int]) -> None:
    """Look through the ladder's constants on the valid window, the best first."""
    found: dict[str, Found] = {"segment": {}, "few_baskets": {}}
    columns = [*BANDS.values(), "none"]
    for number in track(folds, "tenths of accounts"):
        those = cold(VALID, number)
        known = everyone().dropna(subset=["age_band"])["account_id"]
        truth = those.truth[those.truth["account_id"].isin(known)]
        for by, days, smoothing in itertools.product(columns, (28, 56), (100.0, 300.0)):
            told = everyone().assign(none="one and the same")
            popular = Popularity.of(those.warm, told, VALID, by, days, smoothing)
            lists = pd.concat(popular.best(np.unique(truth["account_id"]), 20, those.catalogue))
            key = (by, f"{days} days", f"{smoothing:.0f} smoothed")
            values = protocol.judged(lists, truth)[METRIC]
            found["segment"].setdefault(key, []).append(values)
        listed = households().frames["products"]
        for shown, share, near in itertools.product(
            range(1, FEW + 1), (0.05, 0.1, 0.3, 0.6), (50, 100, 200)
        ):
            model = next_basket.NextBasket(next_basket.Params(own_share=share, neighbours=near))
            model.fit(those.seen(shown), everyone(), listed, None, VALID)
            lists = model.recommend(those.account_ids, 20, those.catalogue, False, VALID)
            values = protocol.judged(lists, those.truth)[METRIC]
            key = (f"own share {share}", f"{near} neighbours", f"1 to {FEW} baskets")
            found["few_baskets"].setdefault(key, []).append(values)
    for name, tried in found.items():
        page = Table("what", "", "", METRIC, title=f"{name}: weeks 41 to 44, the best ten")
        means = {key: float(pd.concat(values).mean()) for key, values in tried.items()}
        for key in sorted(means, key=lambda key: -means[key])[:10]:
            page.add_row(*key, f"{means[key]:.4f}")
        Console(width=110).print(page)


def main(
    choosing: Annotated[
        bool, typer.Option("--choose", help="look through the constants on weeks 41 to 44")
    ] = False,
    folds: Annotated[int, typer.Option(min=1, max=FOLDS, help="tenths of the accounts")] = 1,
    to: figures.To = None,
) -> None:
    command.tell_facts()
    if choosing:
        choose(range(FOLDS))
        return
    rows: list[Figure] = []
    if folds == 1:
        of_products = judge_products(TEST)
        show(of_products, "cold products, weeks 45 to 48")
        rows += figures_of(of_products, "cold products", ["rare_products"])
    of_accounts = judge_accounts(TEST, range(folds), MODELS if folds == 1 else ())
    show(of_accounts, "cold accounts, weeks 45 to 48")
    rows += figures_of(of_accounts, "cold accounts", ["segment", "few_baskets"])
    figures.write(to, rows)


if __name__ == "__main__":
    command.run(main)
