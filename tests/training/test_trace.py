"""From a score's row back to the files that were landed, link by link."""

import datetime as dt
import io
import json
import sys
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
from deltalake import write_deltalake
from rich.console import Console
from typer.testing import CliRunner

from jobs import lake, landing
from jobs.ops import builds
from jobs.training import bench, lineage, predict, promote, trace, tracking, train
from jobs.training.lineage import Node

ACCOUNT, DAY = "account 03", dt.date(2017, 11, 26)
TILL = {"till/2017-11-25": "aaa", "till/2017-11-26": "bbb"}
FILE = "order_lines/till/2017-11-25/aaa/lines.csv"


def log_build(name: str, version: int, inputs: dict[str, int], batches: str | None = None) -> None:
    """What `build` writes down of a table's version."""
    pins = {of: ["id", at] for of, at in inputs.items()}
    watermark = json.dumps({"code": {"file": name}, "inputs": pins, "batches": batches})
    at = dt.datetime(2017, 11, 27, 12, tzinfo=dt.UTC)
    told = {"kind": "changed", "why": "test", "outcome": "written", "watermark": watermark}
    row = {"table_name": name, "run_id": f"build of {name}", "table_version": version}
    lake.append(builds.TABLE, [{**row, **told, "started_at": at, "finished_at": at}])


def write(name: str, *rows: dict[str, Any]) -> None:
    write_deltalake(lake.location(name), pd.DataFrame(list(rows)), mode="overwrite")


@pytest.fixture
def scored(store):
    """A champion's answer, landed, in bronze and in scores, and what its features were made of."""
    bench.bench("recommenders")
    train.train("recommenders")
    promote.promote("recommenders")
    manifest = predict.predict("recommenders", size=2)
    rows = pq.read_table(manifest.folder / manifest.files[0].name).to_pandas()
    landed = {"_batch_id": manifest.batch_id, "_known_at": manifest.known_at}
    source = manifest.source_file(manifest.files[0])
    in_bronze = rows.assign(**landed, _source_file=source, _row_number=range(1, len(rows) + 1))
    write_deltalake(lake.location("bronze.recommendations"), in_bronze)
    write_deltalake(lake.location("scores.recommendations"), rows.assign(grade="A"))

    log_build("features.interactions", 0, {"silver.order_lines": 3, "silver.products": 1})
    # upkeep wrote version 3 of silver: the build before it tells what the rows were made from
    log_build("silver.order_lines", 2, {"bronze.order_lines": 5, "silver.products": 1})
    log_build("bronze.order_lines", 5, {}, landing.take("order_lines", TILL))
    line = {"sold_at": pd.Timestamp(2017, 11, 25, 12, tz="UTC"), "_source_file": FILE}
    later = {"sold_at": pd.Timestamp(2017, 12, 9, tz="UTC"), "_source_file": "later"}
    write(
        "bronze.order_lines",
        {"account_id": "a card of 03", **line},
        {"account_id": "a card of 03", **line},
        {"account_id": "a card of 03", **later},
        {"account_id": "account 04", **line},
    )
    write("silver.order_lines", {"account_id": ACCOUNT, "source_account_id": "a card of 03"})
    return manifest


def every(node: Node) -> list[Node]:
    return [node, *(found for each in node.rests_on for found in every(each))]


def named(node: Node, what: str, name: str = "") -> Node:
    """The first node of a kind whose name begins so."""
    return next(n for n in every(node) if n.what == what and n.name.startswith(name))


def test_a_score_leads_to_its_version_runs_and_decision(scored):
    found = trace.recommendation(ACCOUNT)
    assert found.name == "scores.recommendations@0: product 03"
    version = tracking.champion("recommenders")
    assert named(found, "version").told["configuration"] == version.tags["configuration"]
    assert named(found, "run").name == version.run_id
    assert named(found, "run").told["status"] == "FINISHED"
    judged = named(found, "bench")
    assert judged.name == version.tags["bench_run_id"]
    assert judged.told["cut"] == dt.date(2017, 10, 29)
    assert "beats baseline" in named(found, "decision", "promoted").told["reason"]


def test_a_score_leads_to_its_landed_answer(scored):
    told = named(trace.recommendation(ACCOUNT), "answers").told
    assert told["file"] == scored.source_file(scored.files[0])
    # account 00 has rows 1 and 2
    assert told["row"] == 7
    assert told["answered_by"] == "recommenders@1"


def test_a_score_leads_to_table_versions_and_the_batches_they_were_built_from(scored):
    found = trace.recommendation(ACCOUNT)
    assert named(found, "table", "features.interactions@0").told["build"].endswith("interactions")
    assert named(found, "table", "silver.order_lines@3").told["wrote"] == "version 2"
    batches = named(found, "batches", "landing/order_lines")
    assert batches.told["batches"] == 2
    assert batches.told["folders"] == {b: f"order_lines/{b}/{sha}" for b, sha in TILL.items()}
    # none of them lies there as it was
    assert batches.told["landed_otherwise_since"] == 2


def test_a_table_version_is_told_once_and_then_pointed_at(scored):
    found = [n for n in every(trace.recommendation(ACCOUNT)) if n.what == "table"]
    again = [n for n in found if n.told.get("see")]
    assert {n.name for n in again} >= {"features.interactions@0", "silver.products@1"}
    assert len({n.name for n in found}) + len(again) == len(found)


def test_a_link_that_is_gone_is_said_to_be_gone(scored):
    found = trace.recommendation(ACCOUNT)
    assert "no build of it" in named(found, "table", "silver.products@1").told["gone"]
    for path in landing._list_path("order_lines", "x").parent.glob("*.json"):
        path.unlink()
    assert named(trace.recommendation(ACCOUNT), "batches").told == {
        "gone": "their list was forgotten"
    }


def test_an_accounts_own_lines_are_in_the_files_that_told_of_any_of_its_cards(scored):
    told = named(trace.recommendation(ACCOUNT), "own lines").told
    assert (told["files"], told["lines"], told["folders"]) == (1, 2, {FILE: 2})


def test_answers_that_were_landed_again_are_said_to_be_others(scored):
    landing.land(
        "recommendations",
        "models",
        scored.batch,
        [scored.folder / scored.files[0].name],
        mode="events",
        known_at=dt.datetime(2017, 11, 27, 5, tzinfo=dt.UTC),
        watermark="recommenders@2",
        columns=scored.columns,
        format="parquet",
    )
    told = named(trace.recommendation(ACCOUNT), "answers").told
    assert told["landed"].startswith("again since")


def test_a_score_that_is_not_there_is_a_sentence(scored):
    with pytest.raises(trace.NotTraced, match=r"no score of account nobody, rank 1; see"):
        trace.recommendation("nobody")
    with pytest.raises(trace.NotTraced, match="as of 2017-01-01"):
        trace.recommendation(ACCOUNT, dt.date(2017, 1, 1))
    with pytest.raises(trace.NotTraced):
        trace.recommendation("' or '1' = '1")


def test_a_forecast_is_traced_to_its_family_by_its_grain(store):
    row = {
        "series_id": "GROCERY",
        "grain": "day",
        "ds": dt.date(2017, 11, 27),
        "horizon": 1,
        "score": 9.0,
        "grade": "A",
        "model_name": "arima",
        "model_version": "1",
        "feature_version": 4,
        "as_of_date": DAY,
    }
    write("scores.sales_forecast", row, row | {"grain": "week", "feature_version": 7})
    landed = {"_batch_id": f"models/forecasts_daily-{DAY}", "_source_file": "f", "_row_number": 1}
    write("bronze.sales_forecasts", row | landed | {"_known_at": "x"})
    found = trace.sales_forecast("GROCERY", grain="day")
    assert named(found, "table", "features.sales_daily_series@4")
    assert named(found, "answers").told == {
        "batch": f"models/forecasts_daily-{DAY}",
        "file": "f",
        "row": 1,
        "landed": "the batch is gone",
    }
    assert "gone" in named(found, "version").told
    assert named(trace.sales_forecast("GROCERY"), "table", "features.sales_weekly@7")


@pytest.mark.parametrize(
    ("score", "family"),
    [
        ("churn", "churn"),
        ("soft_churn", "soft_churn"),
        ("offer_response", "offer"),
        ("value", "value"),
    ],
)
def test_a_customers_own_score_is_traced_to_its_family(store, score, family):
    own = {
        "account_id": ACCOUNT,
        "score": 0.4,
        "grade": "D",
        "model_name": "gbm",
        "model_version": "1",
        "feature_version": 4,
        "as_of_date": DAY,
    }
    others = [own | {"score_name": name} for name in trace.FAMILY_OF_SCORE if name != score]
    write("scores.account_scores", *others, own | {"score_name": score, "feature_version": 7})
    landed = {"_batch_id": f"models/{family}-{DAY}", "_source_file": "f", "_known_at": "x"}
    told = own | {"score_name": score} | landed
    write("bronze.account_scores", told | {"_row_number": 9})
    found = trace.account_score(ACCOUNT, score)
    assert found.name == f"scores.account_scores@0: {score}"
    assert found.told["grade"] == "D"
    assert named(found, "table", "features.account_days@7")
    assert named(found, "answers").told["row"] == 9
    assert named(found, "version").name == f"{family} version 1"


def test_a_segment_is_traced_and_so_is_who_is_in_none(store):
    row = {
        "account_id": ACCOUNT,
        "segment_code": None,
        "distance": None,
        "model_name": "kmeans",
        "model_version": "2",
        "feature_version": 3,
        "as_of_date": DAY,
    }
    write("scores.account_segments", row | {"segment_code": "loyal", "account_id": "other"}, row)
    landed = {"_batch_id": f"models/segments-{DAY}", "_source_file": "f", "_row_number": 1}
    write("bronze.account_segments", row | landed | {"_known_at": "x"})
    found = trace.account_segment(ACCOUNT)
    assert found.name == f"scores.account_segments@0: {ACCOUNT}"
    assert found.told["segment_code"] is None
    assert named(found, "answers").told["batch"] == f"models/segments-{DAY}"
    assert named(found, "version").name == "segments version 2"
    with pytest.raises(trace.NotTraced, match="no score of account nobody"):
        trace.account_segment("nobody")


def test_a_trace_is_a_tree_for_a_person_and_json_for_a_program(scored, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["trace"])
    told = CliRunner().invoke(trace.app, ["recommendations", ACCOUNT, "--json"])
    found = json.loads(told.stdout)
    assert found["what"] == "score"
    assert {each["what"] for each in found["rests_on"]} == {
        *("answers", "version", "tables", "own lines")
    }
    with Console(width=200, record=True, file=io.StringIO()) as page:
        page.print(lineage.as_tree(trace.recommendation(ACCOUNT)))
    text = page.export_text()
    assert "landing/order_lines batches 2" in text
    assert "order_lines/till/2017-11-26/bbb" not in text  # batches are told by first and last
    assert "till/2017-11-25 … till/2017-11-26" in text
