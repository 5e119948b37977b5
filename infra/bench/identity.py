"""How well duplicates among customers are found: a synthetic population with planted ones, built.

python -m infra.bench.identity [--customers 2500 --customers 50000] [--seed 101 --seed 102]

No real person is in it: names, households and slips are made up, with the shares that
infra/bench/population.py states, and the truth is known. The rules were tuned on the seeds 1 to
5; the seeds here were not looked at while tuning. All is built by `build`, as any table is.
"""

import datetime as dt
import logging
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Annotated

import pyarrow as pa
import pyarrow.parquet as pq
import typer
from rich.console import Console
from rich.table import Table

from infra.bench import place
from infra.bench.population import COLUMNS, Record, population
from jobs import command, lake, landing
from jobs.spark.build import build
from jobs.spark.selection import selected
from jobs.table import built_table, columns, table

DAY = dt.date(2017, 3, 5)
TABLES = ("silver.account_blocks", "silver.account_matches", "silver.account_identities")
# what bronze must have of a customer, and the population says nothing of
PLAIN = {
    "string": "-",
    "boolean": "true",
    "timestamp": f"{DAY} 11:00:00",
    "date": f"{DAY}",
}

Pair = tuple[str, str]


@dataclass(frozen=True)
class Found:
    """What was found in one population, against the truth."""

    true: int  # pairs of accounts of one person
    merged: int  # pairs of accounts of one customer
    right: int  # both
    clusters: int  # persons with several accounts
    exact: int  # of them: found as one customer, all of it and nothing more
    made: int  # customers with several accounts
    in_review: int  # pairs put before a person
    right_in_review: int
    seconds: Mapping[str, float]  # of the builds, by table


def measured(customers: int, seed: int, home: Path) -> Found:
    """Land and build a population in a lake of its own, and compare it with the truth."""
    with place.opened(home):
        people = population(customers, seed)
        land(people, home)
        seconds = {name: _built(name) for name in selected(f"+{name}" for name in TABLES)}
        customer = {
            row["account_id"]: row["customer_id"]
            for row in lake.read("silver.account_identities").to_pylist()
        }
        matches = lake.read("silver.account_matches").to_pylist()
    person = {record.account_id: record.person for record in people}
    true, merged = pairs(person), pairs(customer)
    clusters, made = groups(person), groups(customer)
    review = {(row["account_id_a"], row["account_id_b"]) for row in matches} - merged
    return Found(
        true=len(true),
        merged=len(merged),
        right=len(true & merged),
        clusters=len(clusters),
        exact=len(clusters & made),
        made=len(made),
        in_review=len(review),
        right_in_review=len(review & true),
        seconds={name: seconds[name] for name in TABLES},
    )


def land(people: Iterable[Record], home: Path) -> None:
    """A CRM's snapshot of them."""
    contract = columns(table("bronze.accounts").full_schema.partition("_extra")[0].rstrip(" ,\n"))
    plain = {c.name: None if c.nullable else PLAIN[c.type] for c in contract}
    rows = [{**plain, **{c: getattr(record, c) for c in COLUMNS}} for record in people]
    path = home / "accounts.parquet"
    schema = pa.schema([(c.name, pa.string()) for c in contract])
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)
    landing.land(
        "accounts",
        "synthetic",
        DAY.isoformat(),
        [path],
        mode="snapshot",
        known_at=dt.datetime.combine(DAY, dt.time(23), dt.UTC),
        watermark=DAY.isoformat(),
        columns={},
        format="parquet",
    )


def _built(name: str) -> float:
    made = built_table(name)
    return build(made).seconds


def groups(of: Mapping[str, str]) -> set[frozenset[str]]:
    """Sets of two accounts and more that belong together."""
    members: dict[str, set[str]] = defaultdict(set)
    for account, whose in of.items():
        members[whose].add(account)
    return {frozenset(accounts) for accounts in members.values() if len(accounts) > 1}


def pairs(of: Mapping[str, str]) -> set[Pair]:
    return {(a, b) for group in groups(of) for a, b in combinations(sorted(group), 2)}


def main(
    customers: Annotated[list[int], typer.Option(help="accounts; several times")] = [2500, 50000],  # noqa: B006
    seed: Annotated[list[int], typer.Option(help="of the population; several times")] = [101, 102],  # noqa: B006
    folder: Annotated[Path | None, typer.Option(help="where the lakes lie for the while")] = None,
) -> None:
    """Print precision and recall of what is merged, what is put before a person, and the time."""
    command.tell_facts()
    logging.getLogger("jobs").setLevel(logging.WARNING)
    shown = Table(
        "customers", "seed", "true pairs", "precision", "recall", "clusters exact: precision",
        "recall", "for review (right)", "of accounts", "seconds: blocks, matches, identities",
        "accounts a second",
        title="Duplicates found in synthetic populations",
    )  # fmt: skip
    for number in customers:
        for one in seed:
            with tempfile.TemporaryDirectory(dir=folder) as home:
                shown.add_row(
                    str(number), str(one), *told(number, measured(number, one, Path(home, "s")))
                )
    Console(width=200).print(shown)


def told(customers: int, found: Found) -> tuple[str, ...]:
    seconds = [found.seconds[name] for name in TABLES]
    return (
        f"{found.true:,}",
        f"{found.right / max(found.merged, 1):.4f}",
        f"{found.right / max(found.true, 1):.4f}",
        f"{found.exact / max(found.made, 1):.3f}",
        f"{found.exact / max(found.clusters, 1):.3f}",
        f"{found.in_review:,} ({found.right_in_review:,})",
        f"{2 * found.in_review / customers:.1%}",
        ", ".join(f"{each:.1f}" for each in seconds),
        f"{customers / sum(seconds):,.0f}",
    )


if __name__ == "__main__":
    command.run(main)
