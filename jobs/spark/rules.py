"""What may be written: NOT NULL and KEY from the contract, RULES from expectations/, one language.

Great Expectations is imported here only, and only when something is judged: it takes seconds.
"""

import datetime as dt
import importlib
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.connect.session import SparkSession

from jobs import lake
from jobs.ops import verdicts
from jobs.table import Built, Landed, columns

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation

log = logging.getLogger(__name__)

# at INFO it tells of its own plumbing, once a rule
logging.getLogger("great_expectations").setLevel(logging.ERROR)


@dataclass(frozen=True)
class Verdict:
    """One rule's answer. `observed` is short and holds no rows."""

    rule: str
    severity: str  # critical or warning
    is_kept: bool
    observed: str


def declared(which: Built) -> list["Expectation"]:
    """RULES of expectations/<layer>/<table>.py; none where there is no such file."""
    home = f"expectations.{which.name}"
    try:
        return list(importlib.import_module(home).RULES)
    except ModuleNotFoundError as error:
        if error.name and home.startswith(error.name):
            return []
        raise


def row_conditions(spark: SparkSession, rows: DataFrame, which: Landed) -> list[tuple[str, Column]]:
    """(reason code, condition of a row that breaks it) for each row rule of a bronze table."""
    row_rules = [rule for rule in declared(which) if _is_row_rule(rule)]
    if not row_rules:
        return []
    from great_expectations.validator.metric_configuration import MetricConfiguration
    from great_expectations.validator.metrics_calculator import MetricsCalculator

    # a condition is an expression: asked of no rows, or each rule would read all of them
    engine = _engine(spark, spark.createDataFrame([], rows.schema))
    calculator = MetricsCalculator(engine, show_progress_bars=False)
    conditions = []
    for rule in row_rules:
        asked = rule.configuration
        domain = {k: v for k, v in asked.kwargs.items() if k in _DOMAIN}
        value = {k: v for k, v in asked.kwargs.items() if k not in _DOMAIN}
        metric = MetricConfiguration(f"{_map_metric(rule)}.condition", domain, value)
        found: Any = calculator.get_metric(metric)
        condition = found[0] if isinstance(found, tuple) else found
        conditions.append((_reason(rule), F.coalesce(condition, F.lit(False))))
    return conditions


def _engine(spark: SparkSession, rows: DataFrame) -> Any:
    from great_expectations.execution_engine import SparkDFExecutionEngine

    # by default it persists what it is given, and nothing ever frees it: all 20.9 million rows of
    # promotions went through the JVM's cache. Its type hint knows classic sessions only.
    return SparkDFExecutionEngine(
        spark=cast(Any, spark), batch_data_dict={"rows": rows}, persist=False
    )


def judge(
    spark: SparkSession, rows: DataFrame, which: Built, rest: DataFrame | None = None
) -> list[Verdict]:
    """Every rule's answer on a candidate.

    Args:
        rest: the table's other rows, where a key may occur among them; null: it cannot.
    """
    if rest is not None:
        rest.createOrReplaceTempView(REST)
    rules = dict(_table_rules(which, REST if rest is not None else ""))
    if not rules:
        return []
    from great_expectations.validator.validator import Validator

    engine = _engine(spark, rows)
    validator = Validator(execution_engine=engine, interactive_evaluation=False)
    validator.metrics_calculator.show_progress_bars = False
    asked = []
    for reason, rule in rules.items():
        configuration = rule.configuration
        # results come grouped by column, not in the order asked: the reason travels with each
        configuration.meta = {**(configuration.meta or {}), "reason": reason}
        asked.append(configuration)
    answers = validator.graph_validate(
        configurations=asked,
        runtime_configuration={"result_format": {"result_format": "BOOLEAN_ONLY"}},
    )
    return [_verdict(answer, rules) for answer in answers]


def record(which: Built, run_id: str, found: list[Verdict]) -> None:
    """Write verdicts into ops.verdicts."""
    at = dt.datetime.now(dt.UTC)
    rows = [
        {"table_name": which.name, "run_id": run_id, "judged_at": at, **vars(verdict)}
        for verdict in found
    ]
    if rows:
        lake.append(verdicts.TABLE, rows)


REST = "rest_of_the_table"  # a temporary view of the table's own session

_DOMAIN = (
    "column",
    "column_A",
    "column_B",
    "column_list",
    "row_condition",
    "condition_parser",
    "ignore_row_if",
)


def _table_rules(which: Built, rest: str) -> list[tuple[str, "Expectation"]]:
    if isinstance(which, Landed):
        # rows that break a row rule or NOT NULL have left the candidate already
        return [(_reason(rule), rule) for rule in declared(which) if not _is_row_rule(rule)]
    import great_expectations.expectations as gxe

    from jobs.spark.key_rule import KeyIsUnique

    rules: list[tuple[str, Expectation]] = [
        (f"not_null({c.name})", gxe.ExpectColumnValuesToNotBeNull(column=c.name))
        for c in columns(which.full_schema)
        if not c.nullable
    ]
    rules.append((f"key({', '.join(which.key)})", KeyIsUnique(key=list(which.key), rest=rest)))
    return rules + [(_reason(rule), rule) for rule in declared(which)]


def _is_row_rule(rule: "Expectation") -> bool:
    return _map_metric(rule) is not None


def _map_metric(rule: "Expectation") -> str | None:
    metric: str | None = getattr(rule, "map_metric", None)
    return metric


def _reason(rule: "Expectation") -> str:
    reason = (rule.meta or {}).get("reason")
    if not reason:
        raise ValueError(f"{type(rule).__name__} has no reason code: add meta={{'reason': '…'}}")
    return str(reason)


def _verdict(answer: Any, rules: dict[str, "Expectation"]) -> Verdict:
    reason = answer.expectation_config.meta["reason"]
    severity = str(getattr(rules[reason].severity, "value", rules[reason].severity))
    faults = [e for e in _exceptions(answer.exception_info) if e]
    if faults:
        return Verdict(reason, "critical", False, f"could not be judged: {faults[0][:300]}")
    return Verdict(reason, severity, bool(answer.success), "" if answer.success else "broken")


def _exceptions(told: Any) -> list[str]:
    if not isinstance(told, dict):
        return []
    if "raised_exception" in told:
        return [str(told.get("exception_message"))] if told["raised_exception"] else []
    return [message for inner in told.values() for message in _exceptions(inner)]
