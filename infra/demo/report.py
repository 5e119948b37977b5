"""The demo's last page: what a person wants to see, read from the lake, the ledger and the CRM."""

import html as markup
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import yaml
from rich.console import Console
from rich.table import Table as Shown

from jobs import lake
from jobs.crm.adapter import CrmError
from jobs.crm.tryton import connect
from jobs.settings import ROOT, Settings
from jobs.table import names

SAMPLES = 3
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; margin: .5rem 0 2rem }
td, th { border-bottom: 1px solid #ccc; padding: .3rem .8rem; text-align: left;
         vertical-align: top; white-space: pre-line }
"""


@dataclass(frozen=True)
class Part:
    """A table of the page."""

    title: str
    head: tuple[str, ...]
    rows: Sequence[Sequence[Any]]
    note: str = ""


def page(settings: Settings) -> list[Part]:
    """All parts, in the order of the story."""
    parts: list[Callable[[Settings], Part]] = [
        steps, layers, refused, models, forecast, delivery, customers, addresses
    ]  # fmt: skip
    return [part(settings) for part in parts]


def steps(settings: Settings) -> Part:
    told = json.loads((settings.state / "demo/steps.json").read_text())
    rows = [(fact["what"], f"{fact['seconds']:.0f}") for fact in told.values()]
    return Part("What was done", ("step", "seconds"), rows)


def layers(settings: Settings) -> Part:
    """Rows per table; bronze first."""
    rows = []
    for name in names():
        if lake.exists(name):
            counted = lake.read(name, sql="select count(*) as n from t")["n"][0].as_py()
            rows.append((name, f"{counted:,}", lake.version(name)))
    return Part("The lake", ("table", "rows", "version"), rows)


def refused(settings: Settings) -> Part:
    found = lake.read(
        "ops.quarantine",
        sql="select table_name, array_to_string(rules, ', ') as why, cast(sum(rows) as bigint) as n"
        " from t group by 1, 2 order by 1, 2",
    ).to_pylist()
    rows = [(row["table_name"], row["why"], f"{row['n']:,}") for row in found]
    return Part("Refused rows, and why", ("table", "reason", "rows"), rows or [("none", "", "0")])


def models(settings: Settings) -> Part:
    """The newest bench of each family: its deciding metric on the test split."""
    gates = yaml.safe_load((ROOT / "mlflow/models.yaml").read_text())
    rows: list[tuple[str, ...]] = []
    for family, gate in gates.items():
        found = lake.read("ops.leaderboard", sql=_newest_bench(family, gate)).to_pylist()
        rows += [
            (
                f"{family}: {row['metric']}",
                row["configuration"] + (" (chosen)" if row["is_chosen"] else ""),
                f"{row['value']:.4f}",
                f"{row['value_low']:.4f} to {row['value_high']:.4f}",
                f"{row['difference']:+.4f}",
                f"{row['seconds']:.0f} on {row['device']}",
            )
            for row in found
        ]
    head = (
        "family: metric",
        "configuration",
        "value",
        "95% interval",
        "against baseline",
        "seconds",
    )
    return Part("Models", head, rows)


def _newest_bench(family: str, gate: dict[str, Any]) -> str:
    best_first = "asc" if gate["better"] == "lower" else "desc"
    return f"""
        select * from t where family = '{family}' and split = 'test' and task = '{gate["task"]}'
        and metric = '{gate["metric"]}' and bench_run_id =
            (select bench_run_id from t where family = '{family}' order by judged_at desc limit 1)
        order by value {best_first}
    """  # noqa: S608 names from our own file


def forecast(settings: Settings) -> Part:
    found = lake.read(
        "scores.sales_forecast",
        sql="select * from t where grain = 'week' and horizon = 1 and as_of_date ="
        " (select max(as_of_date) from t where grain = 'week') order by p50 desc",
    ).to_pylist()
    rows = [
        (row["series_id"], *(f"{row[p]:,.0f}" for p in ("p10", "p50", "p90")), row["grade"])
        for row in found
    ]
    week = f"the week of {found[0]['ds']}" if found else "next week"
    made = f"by {found[0]['model_name']} {found[0]['model_version']}" if found else ""
    head = ("department", "p10 USD", "p50 USD", "p90 USD", "grade")
    return Part(f"Forecast of {week} {made}", head, rows[:12], f"{len(rows)} departments in all")


def delivery(settings: Settings) -> Part:
    found = lake.read("ops.crm_plans", sql="select * from t order by at desc limit 1").to_pylist()
    shown = ("connection", "state", "records", "updates", "clears", "unchanged", "blocked", "note")
    rows = [[row[name] if row[name] is not None else "" for name in shown] for row in found]
    return Part("Delivery to the CRM", shown, rows)


def customers(settings: Settings) -> Part:
    """Some customers as the CRM shows them now; keys and scores, no names."""
    fields = [
        "score_next_products", "score_recency_band", "score_spend_band", "score_last_order_date",
        "score_grade", "score_trend", "score_reasons", "score_as_of", "score_valid_until",
    ]  # fmt: skip
    asked = lake.read(
        "scores.crm_outbox",
        sql=f"select account_id from t order by spend_12_weeks_usd desc limit {SAMPLES}",  # noqa: S608
    )["account_id"]
    keys = [str(key) for key in asked.to_pylist()]
    try:
        records = connect().match(keys, fields)
    except CrmError as error:
        return Part("Customers in the CRM", ("CRM",), [(str(error),)])
    shown = [record for key in keys for record in records.get(key, [])]
    rows = [
        (name.removeprefix("score_"), *(record.values.get(name) or "" for record in shown))
        for name in fields
    ]
    head = ("", *(f"household {record.key}" for record in shown))
    return Part("Customers as the CRM now shows them", head, rows)


def addresses(settings: Settings) -> Part:
    rows = [
        (each["service"], "\n".join(each["addresses"]), each["user"], each["password_file"])
        for each in json.loads(settings.endpoints.read_text())
        if each["addresses"]
    ]
    return Part(
        "Where to look",
        ("service", "address", "user", "password in"),
        rows,
        "The company is The Complete Journey, as its publisher gives it; households' names and "
        "e-mail addresses are made up.",
    )


def show(parts: Sequence[Part], console: Console) -> None:
    """The page on a terminal."""
    for part in parts:
        table = Shown(*part.head, title=part.title, title_justify="left", caption=part.note or None)
        for row in part.rows:
            table.add_row(*(str(value) for value in row))
        console.print(table)


def html(parts: Sequence[Part]) -> str:
    """The page as HTML without a script."""
    body = []
    for part in parts:
        head = "".join(f"<th>{markup.escape(name)}</th>" for name in part.head)
        rows = "".join(
            "<tr>" + "".join(f"<td>{markup.escape(str(value))}</td>" for value in row) + "</tr>"
            for row in part.rows
        )
        note = f"<p>{markup.escape(part.note)}</p>" if part.note else ""
        title = markup.escape(part.title)
        body.append(f"<h2>{title}</h2><table><tr>{head}</tr>{rows}</table>{note}")
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Sales Lakehouse</title>'
        f"<style>{STYLE}</style><h1>Sales Lakehouse: a year, end to end</h1>{''.join(body)}</html>"
    )
