"""What plan-bound, restartable delivery costs beside a loop that one would write by hand.

python -m infra.bench.loop [--crm tryton] [--records 5000] [--rounds 5]

Real servers, started here: Tryton on SQLite, Odoo on PostgreSQL. Half of the customers are brought
up to date by `apply`, with its ledger, its canary, and its read before each write; the other half,
with the same values, by the loops of infra/bench/by_hand.py. All fields of the shipped mappings
change in each round. The two take turns, and so does who begins; the first round, which makes the
scores, does not count.
"""

import datetime as dt
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from infra.bench import figures
from infra.bench.by_hand import LOOPS, Rows
from infra.bench.connection import connected, settled
from infra.bench.figures import Figure
from infra.chaos import crms
from infra.chaos.crms import Crm
from jobs import command
from jobs.crm.adapter import Field, Values, canonical
from jobs.crm.jsonrpc import to_wire
from jobs.delivery.access import connect
from jobs.delivery.apply import apply
from jobs.delivery.mapping import ConnectionMap
from jobs.delivery.plan import plan
from tests.delivery import outbox

SHARE = 0.8  # of the loop's records a second
BATCH = {
    "tryton": 250,
    "odoo": 1_000,
}  # customers of one write of the loop: as the adapters have it
BANDS = ("none", "low", "medium", "high")


@dataclass(frozen=True)
class Round:
    ours: float  # customers a second
    by_hand: float

    @property
    def share(self) -> float:
        return self.ours / self.by_hand


def row(key: str, n: int, turn: int) -> dict[str, Any]:
    """A customer's row of the outbox; in each turn every column has another value."""
    day = outbox.AS_OF + dt.timedelta(days=turn)
    at = n + turn
    return outbox.row(
        key,
        next_products=[f"Milk, {at % 997}", f"Bread, {at % 499}", f"Bananas, {at % 97}"],
        last_order_date=day,
        recency_band=("this week", "this month", "this quarter", "longer ago")[at % 4],
        spend_band=BANDS[at % 4],
        score_name=f"next_best_product_{turn % 2}",
        score=round((at % 9_973 + 1) / 10_000, 4),
        grade="ABCDE"[at % 5],
        trend=("improving", "steady", "declining")[at % 3],
        reasons=[{"code": "bought_often", "text": f"Bought {at % 30 + 1} times"}],
        churn_chance=round((at % 9_967 + 1) / 10_000, 4),
        churn_grade="ABCDE"[at % 5],
        churn_trend=("improving", "steady", "declining")[at % 3],
        churn_reasons=[{"code": "rhythm_high", "text": f"Usual days between orders: {at % 60}"}],
        offer_campaign_id=str(at % 30),
        offer_chance=round((at % 9_949 + 1) / 10_000, 4),
        offer_grade="ABCDE"[at % 5],
        value_usd=float(at % 9_941 + 1),
        value_grade="ABCDE"[at % 5],
        segment_name=f"Segment {at % 5}",
        model_version=str(turn),
        as_of_date=day,
        valid_until=day + dt.timedelta(days=14),
    )


def ours(crm: str, rows: Sequence[Mapping[str, Any]]) -> float:
    """Seconds of an apply; the plan is made before."""
    outbox.write(rows)
    made = plan(crm, rows[0]["as_of_date"])
    began = time.perf_counter()
    done = apply(crm, made.plan_id)
    seconds = time.perf_counter() - began
    assert done.sent == len(rows), done.outcomes
    return seconds


def by_hand(crm: Crm, rows: Rows, ids: Mapping[str, int], seen: Rows) -> float:
    """Seconds of the loop, which logs in first, as an apply does."""
    began = time.perf_counter()
    sent = LOOPS[crm.name](crm, BATCH[crm.name]).send(rows, ids, seen)
    seconds = time.perf_counter() - began
    assert sent == len(rows), sent
    return seconds


def as_sent(mapping: ConnectionMap, fields: Mapping[str, Field], of: Mapping[str, Any]) -> Values:
    """A row's values as the loop sends them."""
    values = {name: [of[column] for column in to.columns] for name, to in mapping.fields.items()}
    told = {name: canonical(fields[name], mapping.value(name, values[name])) for name in values}
    if mapping.adapter == "odoo":
        return told
    return {name: to_wire(fields[name].kind, value) for name, value in told.items()}


def rounds(name: str, folder: Path, records: int, count: int) -> Iterator[Round]:
    keys = [str(n) for n in range(1, 2 * records + 1)]
    mine, theirs = keys[:records], keys[records:]
    settled(folder)
    with crms.opened(name, folder / "crm") as crm:
        server = {"url": crm.url, "user": crm.user, **crm.server}
        mapping = connected(name, crm.secret, server)
        crm.has(keys)
        fields = connect(mapping).describe().fields
        ids, seen = LOOPS[name](crm, BATCH[name]).ids(theirs), dict[str, Values]()
        for turn in range(count + 1):
            told = [row(key, n, turn) for n, key in enumerate(mine)]
            made = {
                key: as_sent(mapping, fields, row(key, n, turn)) for n, key in enumerate(theirs)
            }
            if turn % 2:
                of_loop = by_hand(crm, made, ids, seen)
                of_us = ours(name, told)
            else:
                of_us = ours(name, told)
                of_loop = by_hand(crm, made, ids, seen)
            seen = made
            if turn:
                yield Round(records / of_us, records / of_loop)


def main(
    crm: Annotated[list[str] | None, typer.Option(help="one of tryton, odoo; both")] = None,
    records: Annotated[int, typer.Option(min=1)] = 5_000,
    count: Annotated[int, typer.Option("--rounds", min=1)] = 5,
    to: figures.To = None,
) -> None:
    command.tell_facts()
    page = Table("CRM", "round", "apply", "by hand", "share", title="customers a second")
    found = []
    for name in crm or [*LOOPS]:
        with tempfile.TemporaryDirectory(prefix="loop-") as folder:
            done = list(rounds(name, Path(folder), records, count))
        for n, each in enumerate(done, 1):
            page.add_row(
                name, str(n), f"{each.ours:,.0f}", f"{each.by_hand:,.0f}", f"{each.share:.2f}"
            )
        found.append(figure(name, records, done))
        page.add_section()
    Console(width=100).print(page)
    for one in found:
        typer.echo(" · ".join(one.cells))
    figures.write(to, found)


def figure(crm: str, records: int, done: Sequence[Round]) -> Figure:
    share = median(each.share for each in done)
    rates = [median(each.ours for each in done), median(each.by_hand for each in done)]
    return Figure(
        f"apply of {records:,} customers of {crm} beside a loop by hand, median of {len(done)}",
        f"≥ {SHARE:g}",
        "",
        f"{share:.2f} ({rates[0]:,.0f} and {rates[1]:,.0f} customers a second)",
        share >= SHARE,
    )


if __name__ == "__main__":
    command.run(main)
