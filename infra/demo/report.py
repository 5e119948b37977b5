"""The demo's last page: what a person wants to see, read from the lake, the ledger and the CRM."""

import importlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml
from rich.console import Console
from rich.table import Table as Shown

from jobs import lake
from jobs.crm import tryton, tryton_tasks
from jobs.crm.access import own_crm
from jobs.crm.adapter import CrmError
from jobs.delivery import mapping
from jobs.pages.html import render
from jobs.settings import ROOT, Settings
from jobs.table import names

SAMPLES = ("A", "C", "E")  # grades: the best fifth of the customers, the middle, the last
SCORES = "tryton"  # the connection that delivers them
PLANS = 5  # the newest
TASKS = 8  # those worth most


@dataclass(frozen=True)
class Part:
    """A table of the page."""

    title: str
    head: tuple[str, ...]
    rows: Sequence[Sequence[Any]]
    note: str = ""


EXPECTED = {
    "churn": "no order in the next four weeks",
    "soft_churn": "less than half of the usual spend in the next four weeks",
    "offer_response": "a coupon of the next campaign is used",
    "value": "spend in the next eight weeks",
}


def page(settings: Settings) -> list[Part]:
    """All parts, in the order of the story."""
    before: list[Callable[[Settings], Part]] = [steps, layers, left_out]
    after: list[Callable[[Settings], Part]] = [
        forecast, own_scores, kinds, plans, received, blocked, customers, tasks, addresses
    ]  # fmt: skip
    return [*(p(settings) for p in before), *models(settings), *(p(settings) for p in after)]


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
            rows.append((name, f"{counted:,}", _grain(name)))
    return Part("The lake", ("table", "rows", "what it holds"), rows)


def _grain(name: str) -> str:
    """The first line of a table's file: what one row is."""
    layer, _, short = name.partition(".")
    home = f"jobs.ops.{short}" if layer == "ops" else f"jobs.spark.{name}"
    first_line = (importlib.import_module(home).__doc__ or "").splitlines()[0]
    return first_line.removeprefix(f"{name}: ").removesuffix(".")


def left_out(settings: Settings) -> Part:
    """Rows that a rule refused, and those that builds folded into others."""
    refused = lake.read(
        "ops.quarantine",
        sql="select table_name, array_to_string(rules, ', ') as why, cast(sum(rows) as bigint) as n"
        " from t group by 1, 2 order by 1, 2",
    ).to_pylist()
    rows = [(row["table_name"], f"refused: {row['why']}", f"{row['n']:,}") for row in refused]
    for column, why in (("duplicate", "an exact copy"), ("superseded", "an older version")):
        folded = lake.read(
            "ops.builds",
            sql=f"select table_name, sum(rows_{column}) as n from t where outcome = 'written'"  # noqa: S608
            f" group by 1 having sum(rows_{column}) > 0 order by 1",
        ).to_pylist()
        rows += [(row["table_name"], why, f"{row['n']:,}") for row in folded]
    note = "" if refused else "No row broke a rule: none was refused."
    return Part("Rows that were left out, and why", ("table", "reason", "rows"), rows, note)


def models(settings: Settings) -> list[Part]:
    """The newest bench of each family: its deciding metric on the test split."""
    gates = yaml.safe_load((ROOT / "mlflow/models.yaml").read_text())
    benches = {
        family: lake.read("ops.leaderboard", sql=_newest_bench(family, gate)).to_pylist()
        for family, gate in gates.items()
    }
    return [_bench(family, gates[family], rows) for family, rows in benches.items() if rows]


def _bench(family: str, gate: Mapping[str, Any], found: Sequence[Mapping[str, Any]]) -> Part:
    rows = [
        [
            row["configuration"] + _role(row),
            "" if row["on_valid"] is None else f"{row['on_valid']:.4f}",
            f"{row['value']:.4f}",
            f"{row['value_low']:.4f} to {row['value_high']:.4f}",
            f"{row['difference']:+.4f}",
            f"{row['seconds']:.0f} on {row['device']}",
        ]
        for row in found
    ]
    head = [
        "configuration",
        "on the weeks before",
        gate["metric"],
        "95% interval",
        "against baseline",
        "seconds",
    ]
    note = (
        "Judged on weeks that no choice has seen; chosen is what was best on the weeks before, "
        "and may be passed later: then the choice was bad luck, not changed."
    )
    if any(row["coverage"] is not None for row in found):
        head.append("inside p10 to p90")
        for shown, row in zip(rows, found, strict=True):
            shown.append("" if row["coverage"] is None else f"{row['coverage']:.0%}")
        note += " Of what came, 80% should lie inside p10 to p90."
    return Part(f"Models: {family}, {gate['better']} is better", tuple(head), rows, note)


def _role(row: Mapping[str, Any]) -> str:
    roles = ["chosen"] if row["is_chosen"] else []
    roles += ["baseline"] if row["configuration"] == row["baseline"] else []
    return f" ({', '.join(roles)})" if roles else ""


def _newest_bench(family: str, gate: Mapping[str, Any]) -> str:
    best_first = "asc" if gate["better"] == "lower" else "desc"
    return f"""
        with judged as (
            select * from t where family = '{family}' and split = 'test' and task = '{gate["task"]}'
            and bench_run_id = (
                select bench_run_id from t where family = '{family}'
                order by judged_at desc limit 1
            )
        ), chosen_by as (
            select configuration as of_valid, value as on_valid from t
            where family = '{family}' and split = 'valid' and task = '{gate["task"]}'
            and metric = '{gate["metric"]}' and bench_run_id in (select bench_run_id from judged)
        ), covered as (
            select configuration as of, value as coverage from judged where metric = 'coverage'
        )
        select judged.*, coverage, on_valid from judged
        left join covered on configuration = of
        left join chosen_by on configuration = of_valid
        where metric = '{gate["metric"]}' order by value {best_first}
    """  # noqa: S608 names from our own file


def forecast(settings: Settings) -> Part:
    found = lake.read(
        "scores.sales_forecast",
        sql="select * from t where grain = 'week' and horizon = 1 and as_of_date ="
        " (select max(as_of_date) from t where grain = 'week') order by p50 desc",
    ).to_pylist()
    rows = [
        (row["series_id"], *(f"{row[p]:,.0f}" for p in ("p50", "p10", "p90")), row["grade"])
        for row in found
    ]
    head = ("department", "expected, USD", "p10", "p90", "grade")
    if not found:
        return Part("Forecast of next week's sales", head, rows, "No model has answered yet.")
    first = found[0]
    note = (
        f"By {first['model_name']}, version {first['model_version']}, from what was known on "
        f"{first['as_of_date']}. Four weeks of five should end between p10 and p90; the grade "
        "tells how close they lie."
    )
    return Part(f"Forecast of the sales in the week of {first['ds']}", head, rows, note)


def own_scores(settings: Settings) -> Part:
    """What is expected of customers, by kind of score and grade."""
    found = lake.read(
        "scores.account_scores",
        sql="select score_name, grade, count(*) as customers, avg(score) as mean,"
        " max(model_name) as model, max(as_of_date) as as_of from"
        " (select *, max(as_of_date) over (partition by score_name) as newest from t)"
        " where as_of_date = newest group by 1, 2 order by 1, 2",
    ).to_pylist()
    rows = [
        (
            EXPECTED.get(row["score_name"], row["score_name"]),
            row["grade"],
            f"{row['customers']:,}",
            f"{row['mean']:,.0f} USD" if row["score_name"] == "value" else f"{row['mean']:.0%}",
            row["model"],
            str(row["as_of"]),
        )
        for row in found
    ]
    head = ("what is expected", "grade", "customers", "on average", "by", "as of")
    nothing = "No model has answered yet: an offer is asked about only before a campaign."
    return Part("What is expected of customers", head, rows, "" if rows else nothing)


def kinds(settings: Settings) -> Part:
    """How many customers are of each kind, the largest first."""
    found = lake.read(
        "scores.account_segments",
        sql="select segment_name, segment_name_zh, count(*) as customers,"
        " max(model_name) as model, max(as_of_date) as as_of from"
        " (select *, max(as_of_date) over () as newest from t)"
        " where as_of_date = newest group by 1, 2 order by 3 desc, 1",
    ).to_pylist()
    rows = [
        (
            row["segment_name"] or "near none",
            row["segment_name_zh"] or "",
            f"{row['customers']:,}",
            row["model"],
            str(row["as_of"]),
        )
        for row in found
    ]
    nothing = "No segments are in use: new ones may wait for a person, see ops.promotions."
    head = ("segment", "in Chinese", "customers", "by", "as of")
    return Part("Kinds of customers", head, rows, "" if rows else nothing)


def plans(settings: Settings) -> Part:
    """The delivery plans in their newest state."""
    found = lake.read("ops.crm_plans", sql="select * from t order by at").to_pylist()
    newest = {(row["connection"], row["plan_number"]): row for row in found}
    shown = (
        "connection", "plan_number", "state", "records", "creates", "updates", "clears",
        "unchanged", "blocked", "note",
    )  # fmt: skip
    rows = [["" if row[n] is None else row[n] for n in shown] for row in newest.values()][-PLANS:]
    head = (
        "CRM", "plan", "state", "records", "of them new", "values to set", "to clear",
        "already right", "blocked", "what was found",
    )  # fmt: skip
    return Part("Deliveries to the CRM", head, rows)


def received(settings: Settings) -> Part:
    """How many customers got what, over all plans."""
    written = lake.read(
        "ops.crm_deliveries",
        sql="select distinct plan_id, account_id from t "  # noqa: S608
        f"where event = 'written' and connection = '{SCORES}'",
    )
    items = lake.read(
        "ops.crm_plan_items", sql="select plan_id, account_id, field, action from t"
    ).join(written, keys=["plan_id", "account_id"], join_type="inner")
    got = {(row["field"], row["action"], row["account_id"]) for row in items.to_pylist()}
    counts = Counter((field, action) for field, action, _ in got)
    fields = sorted({field for field, _ in counts}, key=lambda f: (-counts[f, "update"], f))
    rows = [(f, f"{counts[f, 'update']:,}", f"{counts[f, 'clear']:,}") for f in fields]
    head = ("field in the CRM", "customers who got a value", "customers whose value was cleared")
    customers = len({account for _, _, account in got})
    return Part(f"What {customers:,} customers received", head, rows)


def blocked(settings: Settings) -> Part:
    """What the newest plan left alone, and why."""
    newest = f"where connection = '{SCORES}' order by at desc limit 1"
    found = lake.read("ops.crm_plans", sql=f"select plan_id from t {newest}")  # noqa: S608
    plan_id = found["plan_id"][0].as_py() if found.num_rows else ""
    rows = lake.read(
        "ops.crm_plan_items",
        sql="select field, reason, count(distinct account_id) as n from t"  # noqa: S608
        f" where plan_id = '{plan_id}' and action = 'blocked' group by 1, 2 order by 3 desc, 1, 2",
    ).to_pylist()
    shown = [(row["field"], row["reason"], f"{row['n']:,}") for row in rows]
    nothing = ("nothing", "the newest plan was free to write all it wanted to", "0")
    head = ("field in the CRM", "reason", "customers")
    return Part("What was left alone, and why", head, shown or [nothing])


def customers(settings: Settings) -> Part:
    """Three customers as the CRM shows them now, of the best grade, the middle and the last."""
    fields = [*mapping.load(SCORES).fields]
    found = lake.read(
        "scores.crm_outbox",
        sql="select account_id, grade from t where is_contactable order by score desc, account_id",
    ).to_pylist()
    firsts = {row["grade"]: row["account_id"] for row in reversed(found)}
    keys = [firsts[grade] for grade in SAMPLES if grade in firsts]
    try:
        records = tryton.connect(own_crm()).find(tryton.Tryton.key, keys, fields)
    except CrmError as error:
        return Part("Customers in the CRM", ("CRM",), [(str(error),)])
    shown = [record for key in keys for record in records.get(key, [])]
    rows = [
        (name.removeprefix("score_"), *(_text(record.values.get(name)) for record in shown))
        for name in fields
    ]
    head = ("", *(f"household {key}" for key in keys for _ in records.get(key, [])))
    note = (
        "The score is a customer's standing among all: the share of them whose best offers promise "
        "less. The grade is a fifth of that, A the best; how likely one offer is stands in "
        "scores.recommendations."
    )
    return Part("Customers as the CRM now shows them", head, rows, note)


def tasks(settings: Settings) -> Part:
    """What salespeople find to be done first."""
    title = "Tasks for salespeople as the CRM now shows them"
    fields = ("priority", "task_key", "channel", "due_date", "expected_usd", "text", "state")
    try:
        records = [*tryton_tasks.connect(own_crm()).read(fields)]
    except CrmError as error:
        return Part(title, ("CRM",), [(str(error),)])
    told = sorted((r.values for r in records), key=lambda v: int(v["priority"] or 0))
    rows = [
        (
            f"household {str(values['task_key']).partition('|')[0]}",
            *(_text(values[name]) for name in ("channel", "due_date", "expected_usd", "text")),
            _text(values["state"]),
        )
        for values in told[:TASKS]
    ]
    head = ("whom", "by", "due", "expected USD", "what to do", "state")
    note = (
        f"The first {len(rows)} of {len(told)}. What is expected rests on a share that is assumed, "
        "not measured: docs/next-actions.md."
    )
    return Part(title, head, rows, note if rows else "There is nothing to be done.")


def _text(value: object) -> str:
    return "" if value is None else str(value)


def addresses(settings: Settings) -> Part:
    rows = [
        (each["service"], each["address"], each["user"], each["password_file"] or "none asked for")
        for each in json.loads(settings.endpoints.read_text())
        if each["address"]
    ]
    return Part(
        "Where to look",
        ("service", "address", "user", "password or token in"),
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
    return render("report.html", parts=parts)
