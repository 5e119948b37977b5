"""What a delivery costs where there are many customers: seconds, peak memory, records sent.

python -m infra.bench.delivery [--crm salesforce] [--records 100000] [--changed 0.01] [--only-plan]

Against the double of Salesforce, or the real Odoo or Tryton, which run in processes of their own;
their memory does not count. Each step is a process: a first plan of everybody, its apply, a plan of
nothing, then a plan after a share of the customers got another grade, and its apply. With
--only-plan the first plan alone.
"""

import datetime as dt
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import numpy as np
import pyarrow as pa
import typer
from deltalake import write_deltalake
from rich.console import Console
from rich.table import Table
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from infra import health
from infra.bench import figures
from infra.bench.connection import connected, settled
from infra.bench.figures import Figure
from infra.chaos import crms
from infra.sandbox.salesforce import __main__ as sandbox
from infra.sandbox.salesforce.org import CLIENT_ID
from jobs import command, lake
from jobs.delivery.apply import apply
from jobs.delivery.plan import plan
from jobs.settings import ROOT, settings

AS_OF = dt.date(2017, 11, 26)
START_SECONDS = 600  # of the double, with a million made-up contacts
WHAT = {"salesforce": "the double of Salesforce", "odoo": "Odoo", "tryton": "Tryton"}
PLAN_SECONDS = {10_000: 60, 100_000: 60, 1_000_000: 180}
PEAK_MIB = 2 * 1024


def outbox(records: int, changed: float) -> pa.Table:
    """An outbox of made-up customers 1, 2, …; a share of them has another grade than at first."""
    numbers = np.arange(1, records + 1)
    grades = numbers % 5
    grades[: int(records * changed)] = (grades[: int(records * changed)] + 1) % 5
    letters = np.array(list("ABCDE"))
    text = pa.array(numbers).cast(pa.string())
    of = pa.array([AS_OF] * records, pa.date32())
    products = pa.array([[f"Milk, {n % 997}", f"Bread, {n % 499}", "Bananas"] for n in numbers])
    reasons = [[{"code": "bought_often", "text": f"Bought {n % 30} times"}] for n in numbers]
    why = [[{"code": "rhythm_high", "text": f"Usual days: {n % 60}"}] for n in numbers]
    return pa.table(
        {
            "account_id": text,
            "is_contactable": pa.array([True] * records),
            "next_products": products,
            "last_order_date": of,
            "recency_band": pa.array(["this week"] * records),
            "spend_band": pa.array(["high"] * records),
            "churn_chance": pa.array(np.round(numbers % 9_967 / 10_000, 4)),
            "churn_grade": pa.array(letters[numbers % 5]),
            "churn_trend": pa.array(["declining"] * records),
            "churn_reasons": pa.array(why),
            "offer_campaign_id": pa.array(["18"] * records),
            "offer_chance": pa.array(np.round(numbers % 9_949 / 10_000, 4)),
            "offer_grade": pa.array(letters[numbers % 5]),
            "value_usd": pa.array(np.round(numbers % 9_941 / 10, 2)),
            "value_grade": pa.array(letters[numbers % 5]),
            "segment_name": pa.array([f"Segment {n % 5}" for n in numbers]),
            "score_name": pa.array(["next_best_product"] * records),
            "score": pa.array(np.round(numbers / records, 4)),
            "grade": pa.array(letters[grades]),
            "trend": pa.array(["steady"] * records),
            "reasons": pa.array(reasons),
            "model_name": pa.array(["ranker"] * records),
            "model_version": pa.array(["7"] * records),
            "as_of_date": of,
            "valid_until": pa.array([AS_OF + dt.timedelta(days=14)] * records, pa.date32()),
        }
    )


@contextmanager
def served(name: str, folder: Path, port: int, records: int) -> Iterator[None]:
    """A CRM with so many customers, and the connection that leads to it."""
    if name == "salesforce":
        with double(folder, port, records):
            yield
        return
    with crms.opened(name, folder / "crm") as crm:
        crm.has([str(n) for n in range(1, records + 1)])
        connected(name, crm.secret, {"url": crm.url, "user": crm.user, **crm.server})
        yield


@contextmanager
def double(folder: Path, port: int, records: int) -> Iterator[None]:
    """The double of Salesforce in a process of its own, and the connection that leads to it."""
    words = ["--port", str(port), "--records", str(records), "--daily", "10000000"]
    log = folder / "double.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "infra.sandbox.salesforce", *words],
            stdout=out,
            stderr=out,
            cwd=ROOT,
        )
    try:
        listening(process, port, log)
        server = {
            "url": f"https://127.0.0.1:{port}",
            "user": CLIENT_ID,
            "ca_file": str(sandbox.pair(settings()).certificate),
        }
        connected("salesforce", settings().secret(sandbox.SECRET), server)
        yield
    finally:
        process.terminate()
        process.wait(timeout=60)


@retry(
    retry=retry_if_exception_type(OSError),
    wait=wait_fixed(1),
    stop=stop_after_delay(START_SECONDS),
    reraise=True,
)
def listening(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    if process.poll() is not None:
        raise RuntimeError(f"the double ended: {log.read_text()[-500:]}")
    if fault := health.port(port):
        raise OSError(fault)


def step(crm: str, word: str) -> dict[str, float]:
    """One step in this process."""
    began = time.perf_counter()
    if word == "plan":
        made = plan(crm)
        told: dict[str, float] = {"records": made.records, "updates": made.updates}
    else:
        done = apply(crm)
        told = {"records": done.sent, "left": done.left}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return told | {"seconds": time.perf_counter() - began, "peak_mib": peak}


def apart(crm: str, word: str) -> dict[str, float]:
    """The same in a process of its own."""
    line = [sys.executable, "-m", "infra.bench.delivery", "--crm", crm, "--one", word]
    done = subprocess.run(line, capture_output=True, text=True, cwd=ROOT)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    found: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def main(
    crm: Annotated[
        str, typer.Option(help="salesforce (our double), odoo or tryton")
    ] = "salesforce",
    records: Annotated[int, typer.Option(min=1)] = 100_000,
    changed: Annotated[float, typer.Option(min=0, max=1)] = 0.01,
    port: Annotated[int, typer.Option(help="of the double")] = 18443,
    only_plan: Annotated[bool, typer.Option("--only-plan")] = False,
    one: Annotated[str | None, typer.Option(hidden=True)] = None,
    to: figures.To = None,
) -> None:
    command.tell_facts()
    if one:
        print(json.dumps(step(crm, one)))
        return
    with tempfile.TemporaryDirectory(prefix="delivery-") as folder:
        settled(Path(folder))
        with served(crm, Path(folder), port, records):
            rows = list(measured(crm, records, changed, only_plan))
    what = f"{records:,} customers of {WHAT[crm]}"
    shown(what, rows)
    figures.write(to, [figure(what, records, *row) for row in rows])


def measured(
    crm: str, records: int, changed: float, only_plan: bool
) -> Iterator[tuple[str, dict[str, float]]]:
    write_deltalake(lake.location("scores.crm_outbox"), outbox(records, 0), mode="overwrite")
    yield "first plan", apart(crm, "plan")
    if only_plan:
        return
    yield "its apply", apart(crm, "apply")
    yield "plan, nothing changed", apart(crm, "plan")
    write_deltalake(lake.location("scores.crm_outbox"), outbox(records, changed), mode="overwrite")
    yield f"plan, {changed:.0%} changed", apart(crm, "plan")
    yield "its apply", apart(crm, "apply")


def shown(what: str, rows: list[tuple[str, dict[str, float]]]) -> None:
    page = Table("step", "customers", "s", "customers/s", "peak MiB", title=what)
    for name, told in rows:
        rate = told["records"] / told["seconds"] if "apply" in name else 0
        page.add_row(
            name,
            f"{told['records']:,}",
            f"{told['seconds']:,.1f}",
            f"{rate:,.0f}" if rate else "",
            f"{told['peak_mib']:,.0f}",
        )
    Console(width=100).print(page)


def figure(what: str, records: int, name: str, told: dict[str, float]) -> Figure:
    limit = PLAN_SECONDS.get(records)
    must = f"{limit} s, {PEAK_MIB:,} MiB" if limit and "plan" in name else ""
    found = f"{told['records']:,} customers, {told['seconds']:,.1f} s, {told['peak_mib']:,.0f} MiB"
    is_met = not must or (told["seconds"] < float(limit or 0) and told["peak_mib"] <= PEAK_MIB)
    return Figure(f"{what}: {name}", must, "", found, is_met)


if __name__ == "__main__":
    command.run(main)
