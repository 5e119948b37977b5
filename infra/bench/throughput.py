"""How fast the torch models learn on this machine's CPU, beside other libraries' in the same run.

python -m infra.bench.throughput models [--accounts 5000] [--products 5000] [--threads 1]
python -m infra.bench.throughput large [--accounts 100000] [--products 50000]

`models`: two_tower and sequence beside implicit's ALS and BPR, our LSTM beside neuralforecast's of
the same size, which gets an environment of its own in SALES_CACHE. `large`: seconds and peak memory
of one fit, and of lists for all accounts. Purchases and series are synthetic. Seconds of `models`
are of CPU time, so that what else runs on the machine counts less.
"""

import datetime as dt
import json
import resource
import statistics
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
from rich.table import Table

from infra.bench import figures
from infra.bench.figures import Figure
from jobs.settings import settings
from jobs.training.forecasts.lstm import Lstm
from jobs.training.forecasts.lstm import Params as LstmParams
from jobs.training.recommenders.als import Als
from jobs.training.recommenders.bpr import Bpr
from jobs.training.recommenders.events import Events
from jobs.training.recommenders.lessons import Lessons
from jobs.training.recommenders.sequence import Sequence
from jobs.training.recommenders.two_tower import TwoTower

console = Console(highlight=False)
app = typer.Typer(help=__doc__, rich_markup_mode=None, pretty_exceptions_enable=False)

AS_OF = dt.date(2017, 10, 29)
DAYS = 300  # of purchases
ZIPF = 1.1  # the product of rank r is bought in proportion to r to the power of minus this
WINDOW, HORIZON, HIDDEN, WINDOWS, SEASON = 56, 28, 64, 256, 7  # of both LSTMs
SERIES, POINTS = 30, 168
STEPS = (1, 10, 40)  # of neuralforecast's fits; the first one is to warm up
ROUNDS = 3  # of both, in turns
# beside our own packages: torch is the same for both
PEER = (
    *("neuralforecast==3.3.0", "pytorch-lightning==2.6.6", "lightning-utilities==0.15.3"),
    *("torchmetrics==1.9.0", "utilsforecast==0.2.17", "coreforecast==0.0.20", "ray==2.60.0"),
    *("safetensors", "msgpack"),
)

Accounts = Annotated[int, typer.Option(help="accounts that buy")]
Products = Annotated[int, typer.Option(help="products that are bought")]
PerAccount = Annotated[int, typer.Option(help="orders of an account, on average")]
Threads = Annotated[int, typer.Option(help="of every library; our LSTM has one")]


def purchases(accounts: int, products: int, per_account: int) -> pd.DataFrame:
    """Each account buys from a taste of its own (one of 50 shifts of the ranks) by Zipf's law."""
    chance = np.random.default_rng(0)
    count = accounts * per_account
    weights = np.cumsum(np.arange(1, products + 1) ** -ZIPF)
    ranks = np.searchsorted(weights, chance.random(count) * weights[-1])
    account = chance.integers(0, accounts, count)
    product = (ranks + (account % 50) * (products // 50)) % products
    # the rank's own product half of the time: some things everybody buys
    product = np.where(chance.random(count) < 0.5, ranks, product)
    days = pd.Timestamp(AS_OF) - pd.to_timedelta(chance.integers(0, DAYS, count), unit="D")
    return pd.DataFrame(
        {
            "account_id": pd.Categorical.from_codes(account, [f"a{n}" for n in range(accounts)]),
            "product_id": pd.Categorical.from_codes(product, [f"p{n}" for n in range(products)]),
            "business_date": days,
            "orders": np.ones(count, np.int32),
        }
    )


def described(products: int) -> pd.DataFrame:
    ids = np.arange(products)
    return pd.DataFrame(
        {
            "product_id": [f"p{n}" for n in ids],
            "product_type": (ids // 20).astype(str),
            "department": (ids // 2000).astype(str),
        }
    )


def fitted(kind: type[Any], params: Any, bought: pd.DataFrame, told: pd.DataFrame) -> Any:
    accounts = pd.DataFrame({"account_id": bought["account_id"].cat.categories})
    return kind(params).fit(bought, accounts, told, None, AS_OF)


def seconds_more(first: float, second: float) -> float:
    """Of twice the work over once: what is done once (reading, setting up) is not counted."""
    return max(second - first, 1e-9)


def timed(kind: type[Any], steps: str, count: int, bought: pd.DataFrame, **told: Any) -> float:
    """Seconds that `count` passes more take."""
    spent = []
    for passes in (1, count, 2 * count):  # the first one is to warm up
        begun = time.process_time()
        fitted(kind, kind.Params(**{steps: passes}, **told), bought, described(50))
        spent.append(time.process_time() - begun)
    return seconds_more(*spent[1:])


def pairs_learnt(kind: type[Any], bought: pd.DataFrame) -> int:
    """Pairs of account and product in one pass of a torch model, over all its origins."""
    found: list[Lessons] = []

    class Counted(kind):  # type: ignore[misc]
        def learn(self, interactions: pd.DataFrame, products: pd.DataFrame, as_of: dt.date) -> None:
            events = Events.of(interactions, as_of, self.purchases.products)
            people = np.zeros((len(events.accounts), 1), np.int64)
            found.append(Lessons.of(events, people, self.Network.sees, self.params))

        def look(self, interactions: pd.DataFrame, as_of: dt.date) -> None: ...

    fitted(Counted, kind.Params(), bought, described(50))
    lessons = found[0]
    past, _ = lessons.seen(np.arange(len(lessons)))
    return len(past.products) + len(past.new_products)


def recommenders(
    accounts: int, products: int, per_account: int, threads: int
) -> tuple[Table, list[Figure]]:
    bought = purchases(accounts, products, per_account)
    pairs = len(bought[["account_id", "product_id"]].drop_duplicates())
    table = Table("model", "interactions a second", "a pass", "seconds of a pass")
    rows = []
    for name, kind, steps, count, of_pass in (
        ("implicit ALS, 64 factors", Als, "iterations", 5, pairs),
        ("implicit BPR, 64 factors", Bpr, "iterations", 20, pairs),
        ("two_tower, 64", TwoTower, "epochs", 1, pairs_learnt(TwoTower, bought)),
        ("sequence, 64", Sequence, "epochs", 1, pairs_learnt(Sequence, bought)),
    ):
        told = {"factors": 64} if kind in (Als, Bpr) else {}
        one = timed(kind, steps, count, bought, threads=threads, **told) / count
        rate = f"{of_pass / one:,.0f}"
        table.add_row(name, rate, f"{of_pass:,}", f"{one:.2f}")
        rows.append(Figure(f"learns on a CPU, interactions a second: {name}", "", "", rate))
    return table, rows


def series() -> pd.DataFrame:
    chance = np.random.default_rng(0)
    days = np.arange(POINTS)
    parts = [
        pd.DataFrame(
            {
                "series_id": f"s{n:03}",
                "ds": pd.Timestamp("2017-01-02") + pd.to_timedelta(days, unit="D"),
                "y": 100 + 10 * np.sin(days * 2 * np.pi / SEASON + n) + chance.normal(0, 5, POINTS),
            }
        )
        for n in range(SERIES)
    ]
    return pd.concat(parts, ignore_index=True)


def our_lstm(rows: pd.DataFrame) -> float:
    """Steps of series a second: windows times the steps that each looks back."""
    spent = []
    for epochs in (1, 1, 4):  # the first one is to warm up
        params = LstmParams(
            season=SEASON,
            horizon=HORIZON,
            window=WINDOW,
            hidden=HIDDEN,
            members=1,
            epochs=epochs,
        )
        begun = time.process_time()
        Lstm(params).fit(rows)
        spent.append(time.process_time() - begun)
    windows = SERIES * (POINTS - WINDOW - HORIZON + 1)
    return 3 * windows * WINDOW / seconds_more(*spent[1:])


def peer_python() -> Path:
    """neuralforecast over our own packages, in an environment that is made once."""
    place = settings().cache / "neuralforecast"
    python = place / "bin" / "python"
    if not (place / "made").exists():
        uv = Path(sys.executable).with_name("uv")
        subprocess.run([uv, "venv", "-q", "--clear", "--python", sys.executable, place], check=True)
        install = [uv, "pip", "install", "-q", "--python", python, "--no-deps", *PEER]
        subprocess.run(install, check=True)
        (place / "made").touch()
    # anew each time: the cache may be another checkout's too, whose packages may be gone
    (here,) = {p for p in sys.path if p.endswith("site-packages") and Path(p).is_dir()}
    (there,) = place.glob("lib/python*/site-packages")
    (there / "ours.pth").write_text(f"{here}\n")
    return python


def peer_lstm(rows: pd.DataFrame, threads: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "series.parquet")
        rows.to_parquet(file)
        told = {
            "file": str(file),
            "window": WINDOW,
            "horizon": HORIZON,
            "hidden": HIDDEN,
            "windows": WINDOWS,
            "steps": STEPS,
            "threads": threads,
        }
        script = Path(__file__).with_name("peer_lstm.py")
        command = [peer_python(), script, json.dumps(told)]
        found = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=folder)
    _, first, second = json.loads(found.stdout.strip().splitlines()[-1])
    return (STEPS[2] - STEPS[1]) * WINDOWS * WINDOW / seconds_more(first, second)


def forecasters(threads: int) -> tuple[Table, Figure]:
    rows = series()
    ours, peer = [], []
    for _ in range(ROUNDS):  # in turns: what else runs on the machine meets both
        ours.append(our_lstm(rows))
        peer.append(peer_lstm(rows, threads))
    table = Table("model", "series-steps a second", "rounds")
    for name, rates in (("lstm", ours), ("neuralforecast", peer)):
        told = ", ".join(f"{rate:,.0f}" for rate in rates)
        table.add_row(f"{name}, hidden {HIDDEN}", f"{statistics.median(rates):,.0f}", told)
    share = statistics.median(ours) / statistics.median(peer)
    told = f"{share:.2f} of its speed, medians of {ROUNDS} rounds"
    what = f"lstm learns on a CPU, beside neuralforecast's of {HIDDEN} hidden"
    return table, Figure(what, "1 or more", "", told, share >= 1)


@app.command()
def models(
    accounts: Accounts = 5_000,
    products: Products = 5_000,
    per_account: PerAccount = 60,
    threads: Threads = 1,
    to: figures.To = None,
) -> None:
    """Two tables: recommenders, forecasters."""
    table, rows = recommenders(accounts, products, per_account, threads)
    console.print(table)
    table, beside = forecasters(threads)
    console.print(table)
    figures.write(to, [*rows, beside])


@app.command()
def large(
    accounts: Accounts = 100_000,
    products: Products = 50_000,
    per_account: PerAccount = 50,
    epochs: Annotated[int, typer.Option(help="passes over accounts and origins")] = 1,
    origins: Annotated[int, typer.Option(help="origins that are learnt from")] = 2,
    sequence: Annotated[bool, typer.Option("--sequence", help="instead of two_tower")] = False,
    threads: Threads = 1,
) -> None:
    """Seconds and peak memory of a fit, and of 20 products for every account."""
    bought, kind = purchases(accounts, products, per_account), Sequence if sequence else TwoTower
    begun = time.perf_counter()
    params = kind.Params(epochs=epochs, origins=origins, threads=threads, batch=512)
    model = fitted(kind, params, bought, described(products))
    learnt = time.perf_counter()
    ids = bought["account_id"].cat.categories.to_numpy(str)
    rows = model.recommend(ids, 20, model.purchases.products, True, AS_OF)
    ended = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    table = Table("model", "orders", "fit, s", "lists, s", "rows", "peak, GiB")
    table.add_row(
        kind.name,
        f"{len(bought):,}",
        f"{learnt - begun:,.0f}",
        f"{ended - learnt:,.0f}",
        f"{len(rows):,}",
        f"{peak:.2f}",
    )
    console.print(table)


if __name__ == "__main__":
    app()
