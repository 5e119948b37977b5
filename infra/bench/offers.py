"""What the rules of offers cost: hits lost by each of them, on the panel.

python -m infra.bench.offers [--model next_basket] [--cut 2017-10-29]

Learnt from what was bought up to the cut, judged by all that was bought in the four weeks after it,
rare products too: ndcg@10 of the lists as they would be landed, with no rule, with each alone, and
with all. Nothing is chosen by it: a rule is the business's, this says its price.
"""

import datetime as dt
import time
from dataclasses import fields, replace
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from infra.bench.cold import METRIC, TEST, bought_after, told
from infra.bench.households import households
from jobs import command
from jobs.training.data import known_by
from jobs.training.recommenders import offers, protocol
from jobs.training.recommenders.offers import Rules
from jobs.training.recommenders.purchases import catalogue


def only(by: Rules, *names: str) -> Rules:
    """These rules, the others switched off."""
    switched = {
        field.name: replace(getattr(by, field.name), is_active=field.name in names)
        for field in fields(by)
    }
    return Rules(**switched)


def main(
    model: Annotated[str, typer.Option(help="the champion")] = "next_basket",
    cut: Annotated[
        dt.datetime | None, typer.Option(formats=["%Y-%m-%d"], help="last day that is learnt from")
    ] = None,
) -> None:
    command.tell_facts()
    data, by = households(), offers.rules()
    day = cut.date() if cut else TEST
    before = known_by(data.frames["interactions"], day)
    champion = protocol.FAMILY.fit(data, protocol.FAMILY.configuration(model), day)
    truth = bought_after(day)
    truth = truth[truth["product_id"].isin(data.frames["products"]["product_id"])]
    truth = truth[truth["account_id"].isin(before["account_id"].astype(str).unique())]
    names = [field.name for field in fields(by)]
    variants = {"no rule": (), **{name: (name,) for name in names}, "all": tuple(names)}
    page = Table("rules", METRIC, "to no rule", "rows taken", "seconds", title=f"{model}, {day}")
    values = {}
    for name, active in variants.items():
        started = time.perf_counter()
        lists, counts = offers.offered(
            champion,
            before,
            data.frames["accounts"],
            data.frames["products"],
            catalogue(before, protocol.TERMS.min_buyers),
            day,
            protocol.SIZE,
            only(by, *active),
        )
        seconds = time.perf_counter() - started
        values[name] = protocol.judged(lists, truth)[METRIC]
        gone = sum(count.offers for count in counts if count.kind == "rule")
        gain = "" if name == "no rule" else told(values[name], values["no rule"])
        page.add_row(name, f"{values[name].mean():.4f}", gain, f"{gone:,}", f"{seconds:.1f}")
    Console(width=120).print(page)


if __name__ == "__main__":
    command.run(main)
