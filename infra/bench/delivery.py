"""What a delivery costs where there are many customers: seconds, peak memory, records sent.

python -m infra.bench.delivery [--records 100000] [--changed 0.01] [--only-plan]

Against the double of Salesforce, which runs in a process of its own; its memory does not count.
Each step is a process: a first plan of everybody, its apply, then a plan after a share of the
customers got another grade, and its apply. With --only-plan the first plan alone.
"""

import datetime as dt
import json
import os
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
from infra.bench.figures import Figure
from infra.sandbox.salesforce.org import CLIENT_ID
from jobs import command, lake
from jobs.delivery.apply import apply
from jobs.delivery.mapping import names
from jobs.delivery.plan import plan
from jobs.settings import ROOT, settings

CONNECTION = "salesforce"
SHIPPED = ROOT / "jobs/delivery/connections/salesforce.yaml"
UNLIMITED = "limits: {changed_share: 1, flip_share: 1, clear_share: 1, mass_clear_share: 1}\n"
AS_OF = dt.date(2017, 11, 26)
START_SECONDS = 600  # of the double, with a million made-up contacts
PLAN_SECONDS = {100_000: 60, 1_000_000: 180}
PEAK_MIB = 2 * 1024


def outbox(records: int, changed: float) -> pa.Table:
    """An outbox of made-up customers 1, 2, …; a share of them has another grade than at first."""
    numbers = np.arange(1, records + 1)
    grades = numbers % 5
    grades[: int(records * changed)] = (grades[: int(records * changed)] + 1) % 5
    text = pa.array(numbers).cast(pa.string())
    of = pa.array([AS_OF] * records, pa.date32())
    products = pa.array([[f"Milk, {n % 997}", f"Bread, {n % 499}", "Bananas"] for n in numbers])
    reasons = [[{"code": "bought_often", "text": f"Bought {n % 30} times"}] for n in numbers]
    return pa.table(
        {
            "account_id": text,
            "is_contactable": pa.array([True] * records),
            "next_products": products,
            "last_order_date": of,
            "recency_band": pa.array(["this week"] * records),
            "spend_band": pa.array(["high"] * records),
            "score_name": pa.array(["next_best_product"] * records),
            "score": pa.array(np.round(numbers / records, 4)),
            "grade": pa.array(np.array(list("ABCDE"))[grades]),
            "trend": pa.array(["steady"] * records),
            "reasons": pa.array(reasons),
            "model_name": pa.array(["ranker"] * records),
            "model_version": pa.array(["7"] * records),
            "as_of_date": of,
            "valid_until": pa.array([AS_OF + dt.timedelta(days=14)] * records, pa.date32()),
        }
    )


@contextmanager
def double(home: Path, port: int, records: int) -> Iterator[None]:
    """The double with so many contacts, and the connection that leads to it."""
    words = ["--port", str(port), "--records", str(records), "--daily", "10000000"]
    log = home / "double.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "infra.sandbox.salesforce", *words],
            stdout=out,
            stderr=out,
            cwd=ROOT,
        )
    try:
        listening(process, port, log)
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


def connected(folder: Path, port: int) -> None:
    """Write the shipped mapping with the double's address."""
    text = SHIPPED.read_text()
    home = settings().state / "sandbox" / "salesforce"
    for old, new in (
        ("url: https://example.my.salesforce.com", f"url: https://127.0.0.1:{port}"),
        ('user: ""', f"user: {CLIENT_ID}"),
        ("secret: salesforce ", "secret: salesforce_sandbox "),
        ("  # ca_file: of the double", f"  ca_file: {home / 'certificate.pem'}  # of the double"),
        ("requests_a_second: 10", "requests_a_second: 100"),
    ):
        assert old in text, old
        text = text.replace(old, new)
    (folder / f"{CONNECTION}.yaml").write_text(text + UNLIMITED)


def step(word: str) -> dict[str, float]:
    """One step in this process."""
    began = time.perf_counter()
    if word == "plan":
        made = plan(CONNECTION)
        told: dict[str, float] = {"records": made.records, "updates": made.updates}
    else:
        done = apply(CONNECTION)
        told = {"records": done.sent, "left": done.left}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return told | {"seconds": time.perf_counter() - began, "peak_mib": peak}


def apart(word: str) -> dict[str, float]:
    """The same in a process of its own."""
    line = [sys.executable, "-m", "infra.bench.delivery", "--one", word]
    done = subprocess.run(line, capture_output=True, text=True, cwd=ROOT)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    found: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def main(
    records: Annotated[int, typer.Option(min=1)] = 100_000,
    changed: Annotated[float, typer.Option(min=0, max=1)] = 0.01,
    port: int = 18443,
    only_plan: Annotated[bool, typer.Option("--only-plan")] = False,
    one: Annotated[str | None, typer.Option(hidden=True)] = None,
    to: figures.To = None,
) -> None:
    command.tell_facts()
    if one:
        print(json.dumps(step(one)))
        return
    with tempfile.TemporaryDirectory(prefix="delivery-") as folder:
        for name in ("connections", "state"):
            Path(folder, name).mkdir()
        os.environ["SALES_STATE"] = f"{folder}/state"
        os.environ["CRM_CONNECTIONS"] = f"{folder}/connections"
        os.environ["COMPANY_CLOCK"] = "data"
        settings.cache_clear()
        with double(Path(folder), port, records):
            connected(Path(folder, "connections"), port)
            assert names() == [CONNECTION]
            rows = list(measured(records, changed, only_plan))
    shown(records, rows)
    figures.write(to, [figure(records, *row) for row in rows])


def measured(
    records: int, changed: float, only_plan: bool
) -> Iterator[tuple[str, dict[str, float]]]:
    write_deltalake(lake.location("scores.crm_outbox"), outbox(records, 0), mode="overwrite")
    yield "first plan", apart("plan")
    if only_plan:
        return
    yield "its apply", apart("apply")
    yield "plan, nothing changed", apart("plan")
    write_deltalake(lake.location("scores.crm_outbox"), outbox(records, changed), mode="overwrite")
    yield f"plan, {changed:.0%} changed", apart("plan")
    yield "its apply", apart("apply")


def shown(records: int, rows: list[tuple[str, dict[str, float]]]) -> None:
    page = Table("step", "customers", "s", "customers/s", "peak MiB", title=f"{records:,} contacts")
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


def figure(records: int, name: str, told: dict[str, float]) -> Figure:
    limit = PLAN_SECONDS.get(records)
    must = f"{limit} s, {PEAK_MIB:,} MiB" if limit and "plan" in name else ""
    found = f"{told['records']:,} customers, {told['seconds']:,.1f} s, {told['peak_mib']:,.0f} MiB"
    is_met = not must or (told["seconds"] < float(limit or 0) and told["peak_mib"] <= PEAK_MIB)
    return Figure(f"{records:,} contacts of the double: {name}", must, "", found, is_met)


if __name__ == "__main__":
    command.run(main)
