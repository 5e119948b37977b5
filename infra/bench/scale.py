"""What recommenders take where there are many accounts and products: seconds, and peak memory.

python -m infra.bench.scale [--accounts 100000] [--products 50000] [--model ease] [--minutes 10]
python -m infra.bench.scale --model ranker --minutes 300 --keep DIR
python -m infra.bench.scale --real

Synthetic, made on the fly from a seed: products are bought as often as Zipf's law says (the n-th
1/n times as often as the first), some thirty by each account, over a year. It says what a model
costs, nothing of how good it is. Every account is asked for its twenty best of all products. Each
model runs in a process of its own, whose highest resident memory the system tells. A ranker takes
hours there: with `--keep` the past days that are done stay, and a run that was stopped goes on.

With `--real` the panel's accounts are asked, by the ladder and within the rules of offers, as
`predict` does: fitted on weeks 1 to 44, with the catalogue of 20 buyers.
"""

import datetime as dt
import json
import logging
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from infra.bench import figures
from infra.bench.cold import TEST
from infra.bench.figures import Figure
from infra.bench.households import households
from jobs import command
from jobs.training.data import known_by
from jobs.training.given import ALWAYS, dated
from jobs.training.recommenders import offers, protocol
from jobs.training.recommenders.purchases import catalogue

logger = logging.getLogger(__name__)

SEED = 0
PER_ACCOUNT = 30  # products, on average
PLACES = 20  # of a list
AS_OF = dt.date(2017, 12, 31)
TYPES, MAKERS = 500, 2_000  # of products
# they are a second stage over the others, refit for several past days
SECOND_STAGE = ("ranker", "ranker_plan")
PEAK_MIB = 8 * 1024  # that a model may take for the made up accounts
LIST_SECONDS = 20  # that the lists of all real accounts may take


def bought(accounts: int, products: int) -> pd.DataFrame:
    """One row per account and product that it bought: a day of the year, one to three orders."""
    chance = np.random.default_rng(SEED)
    often = np.cumsum(1 / np.arange(1, products + 1))
    counts = chance.poisson(PER_ACCOUNT, accounts) + 1
    rows = np.repeat(np.arange(accounts), counts)
    which = np.searchsorted(often, chance.random(len(rows)) * often[-1])
    keys = np.unique(rows * products + which)  # an account buys a product in one row
    age = chance.integers(0, 364, len(keys)).astype("timedelta64[D]")
    found = {
        "account_id": coded("account", keys // products, accounts),
        "product_id": coded("product", keys % products, products),
        "business_date": np.datetime64(AS_OF) - age,
        "orders": chance.integers(1, 4, len(keys)),
    }
    return dated(pd.DataFrame(found), ALWAYS)


def coded(what: str, codes: np.ndarray, count: int) -> pd.Categorical:
    names = [f"{what} {n:06}" for n in range(count)]
    return pd.Categorical.from_codes(codes, categories=names)


def listed(products: int) -> pd.DataFrame:
    """What is written about each product."""
    chance = np.random.default_rng(SEED)
    kinds = chance.integers(0, TYPES, products)
    found = {
        "product_id": [f"product {n:06}" for n in range(products)],
        "product_type": [f"type {kind}" for kind in kinds],
        "department": [f"department {kind % 20}" for kind in kinds],
        "brand": chance.choice(["National", "Private"], products),
        "manufacturer_id": [f"maker {n}" for n in chance.integers(0, MAKERS, products)],
    }
    return dated(pd.DataFrame(found), ALWAYS)


def synthetic(
    name: str, accounts: int, products: int, keep: Path | None = None
) -> dict[str, float]:
    """Fit, and ask for all; in this process."""
    rows, about = bought(accounts, products), listed(products)
    ids = rows["account_id"].cat.categories.to_numpy(str)
    kind = protocol.FAMILY.model(name)
    started = time.perf_counter()
    everyone = pd.DataFrame({"account_id": ids})
    model: Any = kind(kind.Params())
    if name in SECOND_STAGE:
        model.store = keep
    model.fit(rows, everyone, about, None, AS_OF)
    fitted = time.perf_counter()
    found = model.recommend(ids, PLACES, about["product_id"].to_numpy(str), False, AS_OF)
    ended = time.perf_counter()
    assert len(found) == PLACES * accounts
    return told(fitted - started, ended - fitted)


def real(name: str) -> dict[str, float]:
    """As `predict` asks on the panel: the ladder and the rules, of a champion that has observed."""
    data = households()
    before = known_by(data.frames["interactions"], TEST)
    common = catalogue(before, protocol.TERMS.min_buyers)
    # aside: a fit that finds past days kept says nothing of one that does not
    with tempfile.TemporaryDirectory() as folder:
        of = protocol.Recommenders(store=Path(folder))
        started = time.perf_counter()
        model = of.fit(data, of.configuration(name), TEST)
        fitted = time.perf_counter()
        about = (data.frames["accounts"], data.frames["products"])
        offers.offered(model, before, *about, common, TEST, protocol.SIZE)
        return told(fitted - started, time.perf_counter() - fitted)


def told(fit_s: float, recommend_s: float) -> dict[str, float]:
    peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"fit_s": fit_s, "recommend_s": recommend_s, "peak_mib": peak_kib / 1024}


def apart(name: str, asked: list[str], minutes: float) -> dict[str, float] | str:
    """The same in a process of its own; what went wrong, where it did not end well."""
    line = [sys.executable, "-m", "infra.bench.scale", "--one", name, *asked]
    try:
        done = subprocess.run(line, capture_output=True, text=True, timeout=60 * minutes)
    except subprocess.TimeoutExpired:
        return f"not done after {minutes:g} minutes"
    if done.returncode < 0:
        return f"killed by signal {-done.returncode}, which is what too little memory looks like"
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["ended without a word"])[-1][:90]
    found: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def main(
    model: Annotated[list[str] | None, typer.Option(help="these only")] = None,
    accounts: Annotated[int, typer.Option(min=1)] = 100_000,
    products: Annotated[int, typer.Option(min=PLACES)] = 50_000,
    minutes: Annotated[float, typer.Option(min=0.1, help="a model gets no more")] = 10,
    is_real: Annotated[bool, typer.Option("--real", help="the panel's accounts")] = False,
    keep: Annotated[
        Path | None, typer.Option(help="folder for a ranker's past days that are done")
    ] = None,
    one: Annotated[str | None, typer.Option(hidden=True)] = None,
    to: figures.To = None,
) -> None:
    command.tell_facts()
    if one:
        print(json.dumps(real(one) if is_real else synthetic(one, accounts, products, keep)))
        return
    asked = ["--accounts", str(accounts), "--products", str(products)]
    asked += ["--keep", str(keep)] if keep else []
    title = f"{accounts:,} synthetic accounts, {products:,} products"
    if is_real:
        asked, title = ["--real"], "the panel's accounts, 8,924 products, ladder and rules too"
    page = Table("model", "fit s", "recommend s", "peak MiB", "", title=title)
    rows: list[Figure] = []
    names = model or [name for name in protocol.MODELS if is_real or name not in SECOND_STAGE]
    for name in track(names, "models"):
        found = apart(name, asked, minutes)
        logger.info("%s: %s", name, found)  # the table comes last, and that takes a while
        rows.append(figure(name, found, title, is_real))
        if isinstance(found, str):
            page.add_row(name, "", "", "", found)
        else:
            seconds = (f"{found[key]:,.1f}" for key in ("fit_s", "recommend_s"))
            page.add_row(name, *seconds, f"{found['peak_mib']:,.0f}", "")
    Console(width=120).print(page)
    if not model and not is_real:
        rows += [
            figure(name, "not run: ask for it by --model", title, False) for name in SECOND_STAGE
        ]
    figures.write(to, rows)


def figure(name: str, found: dict[str, float] | str, title: str, is_real: bool) -> Figure:
    """Of the real accounts the seconds of their lists count, of made up ones the memory."""
    must = f"{LIST_SECONDS} s for all lists" if is_real else f"{PEAK_MIB:,} MiB"
    if isinstance(found, str):
        return Figure(f"{title}: {name}", must, "", found, False)
    told = "fit {fit_s:,.0f} s, lists {recommend_s:,.1f} s, peak {peak_mib:,.0f} MiB"
    is_met = found["recommend_s"] < LIST_SECONDS if is_real else found["peak_mib"] <= PEAK_MIB
    return Figure(f"{title}: {name}", must, "", told.format(**found), is_met)


if __name__ == "__main__":
    command.run(main)
