"""From a score to what it rests on: version, run, decision, tables at versions, landed files.

`python -m jobs.training.trace recommendations 900`
`python -m jobs.training.trace sales_forecast GROCERY --grain day`
`python -m jobs.training.trace account_scores 900 --score value`
`python -m jobs.training.trace account_segments 900`

What a table was built from is told by jobs.training.lineage.
"""

import datetime as dt
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

import typer
from mlflow.exceptions import MlflowException
from rich.console import Console

from jobs import command, lake, landing
from jobs.increment import midnight
from jobs.training import tracking
from jobs.training.family import Dataset, FamilyName, family
from jobs.training.lineage import Node, as_json, as_tree, built
from jobs.training.rules import rules

FAMILY_OF = {"week": "forecasts", "day": "forecasts_daily"}  # grain of a forecast → its family
SHOWN = (
    *("score", "grade", "segment_code", "distance"),
    *("model_name", "model_version", "feature_version", "as_of_date"),
)
ScoreName = Literal["churn", "soft_churn", "offer_response", "value"]  # of a customer
FAMILY_OF_SCORE: Mapping[ScoreName, FamilyName] = {
    "churn": "churn",
    "soft_churn": "soft_churn",
    "offer_response": "offer",
    "value": "value",
}


class NotTraced(Exception):
    """There is no such score."""


def recommendation(account_id: str, as_of: dt.date | None = None, rank: int = 1) -> Node:
    """Where a product in an account's list comes from.

    Raises:
        NotTraced: the account has no such score.
    """
    asked = f"{lake.one_of('account_id', [account_id])} and rank = {rank}"
    row = _score("scores.recommendations", asked, f"account {account_id}, rank {rank}", as_of)
    own = _own_lines(account_id, row["as_of_date"])
    at = ("features.interactions", row["feature_version"])
    return _of_score(
        "recommendations", "recommenders", row, "bronze.recommendations", asked, at, own
    )


def sales_forecast(
    series_id: str, as_of: dt.date | None = None, grain: str = "week", ds: dt.date | None = None
) -> Node:
    """Where a forecast of a department comes from; of the first step ahead, if none is named.

    Raises:
        NotTraced: the series has no such score.
    """
    step = f"ds = date '{ds}'" if ds else "horizon = 1"
    asked = f"{lake.one_of('series_id', [series_id])} and grain = '{grain}' and {step}"
    row = _score("scores.sales_forecast", asked, f"series {series_id} by {grain}", as_of)
    features = {"week": "features.sales_weekly", "day": "features.sales_daily_series"}[grain]
    at = (features, row["feature_version"])
    name = FAMILY_OF[grain]
    return _of_score("sales_forecasts", name, row, "bronze.sales_forecasts", asked, at, ())


def account_score(
    account_id: str, score_name: ScoreName = "churn", as_of: dt.date | None = None
) -> Node:
    """Where a customer's own score comes from.

    Raises:
        NotTraced: the account has no such score.
    """
    asked = f"{lake.one_of('account_id', [account_id])} and score_name = '{score_name}'"
    row = _score("scores.account_scores", asked, f"account {account_id}, {score_name}", as_of)
    return _of_account("account_scores", FAMILY_OF_SCORE[score_name], row, asked)


def account_segment(account_id: str, as_of: dt.date | None = None) -> Node:
    """Where a customer's segment comes from; that it is near none comes from somewhere too.

    Raises:
        NotTraced: nothing was told of the account.
    """
    asked = lake.one_of("account_id", [account_id])
    row = _score("scores.account_segments", asked, f"account {account_id}", as_of)
    return _of_account("account_segments", "segments", row, asked)


def _of_account(entity: str, name: FamilyName, row: Mapping[str, Any], asked: str) -> Node:
    own = _own_lines(row["account_id"], row["as_of_date"])
    at = (family(name).tables[0], row["feature_version"])
    return _of_score(entity, name, row, f"bronze.{entity}", asked, at, own)


def _score(name: str, asked: str, subject: str, as_of: dt.date | None) -> dict[str, Any]:
    day = f" and as_of_date = date '{as_of}'" if as_of else ""
    found = lake.read(
        name,
        sql=f"select * from t where {asked}{day} order by as_of_date desc limit 1",  # noqa: S608
    ).to_pylist()
    if not found:
        raise NotTraced(
            f"{name}: no score of {subject}{f' as of {as_of}' if as_of else ''}; see"
            f" `python -m jobs.spark.build {name} --plan`"
        )
    return {"table": f"{name}@{lake.version(name)}", **found[0]}


def _of_score(
    entity: str,
    family: str,
    row: Mapping[str, Any],
    bronze: str,
    asked: str,
    at: tuple[str, int],
    own: Sequence[Node],
) -> Node:
    seen: set[tuple[str, int]] = set()
    rests_on = (
        _answers(entity, family, row, bronze, asked),
        _version(family, row["model_version"], seen),
        # after the version's: what was told of there is pointed at
        Node("tables", "asked with", {}, (built(Dataset(*at), seen),)),
        *own,
    )
    told = {name: row[name] for name in SHOWN if name in row}
    subjects = ("product_id", "ds", "score_name")
    subject = next((row[name] for name in subjects if row.get(name)), row.get("account_id"))
    return Node("score", f"{row['table']}: {subject}", told, rests_on)


def _answers(entity: str, family: str, row: Mapping[str, Any], bronze: str, asked: str) -> Node:
    """The landed file that the score was built from, and whether it lies there still."""
    batch_id = f"models/{family}-{row['as_of_date']}"
    found = lake.read(
        bronze,
        sql=f"select _source_file, _row_number, _known_at from t where {asked}"  # noqa: S608
        f" and _batch_id = '{batch_id}'",
    ).to_pylist()
    told: dict[str, Any] = {"batch": batch_id}
    if found:
        told |= {"file": found[0]["_source_file"], "row": found[0]["_row_number"]}
    manifest = landing.manifests(entity).get(batch_id)
    if manifest is None:
        told["landed"] = "the batch is gone"
    elif found and manifest.source_folder not in found[0]["_source_file"]:
        told["landed"] = "again since, the table is not built from it yet"
    else:
        told |= {"known_at": manifest.known_at, "answered_by": manifest.watermark}
    return Node("answers", bronze, told)


def _version(family: str, number: str, seen: set[tuple[str, int]]) -> Node:
    """A registered version with its runs, what was decided about it, and what it learnt from."""
    title = f"{family} version {number}"
    try:
        version = tracking.client().get_model_version(family, number)
    except MlflowException as error:
        return Node("version", title, {"gone": str(error.message)})
    tags = version.tags
    told: dict[str, Any] = {
        k: tags[k] for k in ("configuration", "as_of", "code_version", "params") if k in tags
    }
    datasets = [Dataset(**each) for each in json.loads(tags.get("datasets", "[]"))]
    learnt = Node("tables", "learnt from", {}, tuple(built(each, seen) for each in datasets))
    rests_on = [_run("run", str(version.run_id)), _bench(family, tags), *_decisions(family, number)]
    return Node("version", title, told, (*rests_on, learnt))


def _run(what: str, run_id: str) -> Node:
    try:
        run = tracking.client().get_run(run_id)
    except MlflowException as error:
        return Node(what, run_id, {"gone": str(error.message)})
    began = dt.datetime.fromtimestamp(run.info.start_time / 1_000, dt.UTC)
    seconds = run.data.metrics.get("seconds")
    return Node(
        what,
        run_id,
        {
            "name": run.info.run_name,
            "status": run.info.status,
            "began_at": began.isoformat(timespec="seconds"),
            **({"seconds": round(seconds, 1)} if seconds else {}),
        },
    )


def _bench(family: str, tags: Mapping[str, str]) -> Node:
    """The run that judged the configuration, with its figure on the test split."""
    node = _run("bench", tags.get("bench_run_id", ""))
    by = rules(family)
    found = lake.read(
        "ops.leaderboard",
        sql=f"select value, value_low, value_high, cut_date from t where split = 'test'"  # noqa: S608
        f" and bench_run_id = '{node.name}' and configuration = '{tags.get('configuration')}'"
        f" and task = '{by.task}' and metric = '{by.metric}'",
    ).to_pylist()
    if not found:
        return node
    [row] = found[:1]
    figure = f"{row['value']:.4f} ({row['value_low']:.4f} .. {row['value_high']:.4f})"
    return Node("bench", node.name, {**node.told, by.metric: figure, "cut": row["cut_date"]})


def _decisions(family: str, number: str) -> Iterator[Node]:
    if not lake.exists("ops.promotions"):
        return
    asked = f"select * from t where family = '{family}' and model_version = '{number}'"  # noqa: S608
    for row in lake.read("ops.promotions", sql=f"{asked} order by decided_at").to_pylist():
        at = row["decided_at"].isoformat(timespec="seconds")
        yield Node("decision", row["decision"], {"at": at, "reason": row["reason"]})


def _own_lines(account_id: str, as_of: dt.date) -> tuple[Node, ...]:
    """The landed files in which the account's own lines up to a day are, whenever they landed:
    corrections and late ones too."""
    of = lake.one_of("account_id", [account_id])
    asked = f"select distinct source_account_id from t where {of}"  # noqa: S608
    if not (lake.exists("silver.order_lines") and lake.exists("bronze.order_lines")):
        return ()
    source = [str(row) for row in lake.read("silver.order_lines", sql=asked)[0].to_pylist()]
    end = midnight(as_of + dt.timedelta(days=1)).astimezone(dt.UTC)
    files = lake.read(
        "bronze.order_lines",
        sql=f"select _source_file, count(*) as lines from t"  # noqa: S608
        f" where {lake.one_of('account_id', source or [account_id])}"
        f" and sold_at < timestamp '{end:%Y-%m-%d %H:%M:%S}' group by 1 order by 1",
    ).to_pylist()
    told = {
        "files": len(files),
        "lines": sum(row["lines"] for row in files),
        "folders": {row["_source_file"]: row["lines"] for row in files},
    }
    return (Node("own lines", "bronze.order_lines", told),)


app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)
AsOf = Annotated[
    dt.datetime | None,
    typer.Option("--as-of", formats=["%Y-%m-%d"], help="of the score; none: the newest"),
]
AsJson = Annotated[bool, typer.Option("--json", help="for a program, every file by name")]


@app.command("recommendations")
def of_recommendations(
    account: Annotated[str, typer.Argument(help="account_id")],
    as_of: AsOf = None,
    rank: Annotated[int, typer.Option(min=1, help="place in the list")] = 1,
    json: AsJson = False,
) -> None:
    """A product in an account's list."""
    _show(recommendation(account, as_of.date() if as_of else None, rank), json)


@app.command("sales_forecast")
def of_sales_forecast(
    series: Annotated[str, typer.Argument(help="department")],
    as_of: AsOf = None,
    grain: Annotated[Literal["week", "day"], typer.Option(help="of the forecast")] = "week",
    ds: Annotated[
        dt.datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="day, or Monday of the week; none: the first"),
    ] = None,
    json: AsJson = False,
) -> None:
    """A forecast of a department."""
    dates = [each.date() if each else None for each in (as_of, ds)]
    _show(sales_forecast(series, dates[0], grain, dates[1]), json)


@app.command("account_scores")
def of_account_scores(
    account: Annotated[str, typer.Argument(help="account_id")],
    as_of: AsOf = None,
    score: Annotated[ScoreName, typer.Option(help="which of the customer's scores")] = "churn",
    json: AsJson = False,
) -> None:
    """A customer's own score."""
    _show(account_score(account, score, as_of.date() if as_of else None), json)


@app.command("account_segments")
def of_account_segments(
    account: Annotated[str, typer.Argument(help="account_id")],
    as_of: AsOf = None,
    json: AsJson = False,
) -> None:
    """A customer's segment."""
    _show(account_segment(account, as_of.date() if as_of else None), json)


def _show(node: Node, as_text: bool) -> None:
    if as_text:
        typer.echo(json.dumps(as_json(node), default=str, indent=1))
    else:
        Console(highlight=False).print(as_tree(node))


if __name__ == "__main__":
    command.run(app)
