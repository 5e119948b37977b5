"""What may be written: NOT NULL and KEY from the contract, RULES from expectations/, one language.

Great Expectations is imported here only, and only when something is judged: it takes seconds.
"""

import datetime as dt
import importlib
import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.connect.session import SparkSession

from jobs import lake
from jobs.ops import quality
from jobs.table import Built, Landed, columns

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation
    from great_expectations.validator.metric_configuration import MetricConfiguration

# at INFO it tells of its own plumbing, once a rule
logging.getLogger("great_expectations").setLevel(logging.ERROR)


@dataclass(frozen=True)
class Verdict:
    """One rule's answer. `observed` is short and holds no rows."""

    rule: str
    severity: str  # critical, warning, info, or row: what breaks it is put aside
    is_kept: bool
    observed: str
    rows_broken: int | None = 0  # null: a rule of the whole


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
    from great_expectations.validator.metrics_calculator import MetricsCalculator

    # a condition is an expression: asked of no rows, or each rule would read all of them
    engine = _engine(spark, spark.createDataFrame([], rows.schema))
    calculator = MetricsCalculator(engine, show_progress_bars=False)
    conditions = []
    for rule in row_rules:
        found: Any = calculator.get_metric(_metric(rule, "condition"))
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
    found = [_verdict(answer, rules) for answer in answers]
    return [_counted(engine, rules[verdict.rule], verdict) for verdict in found]


def row_verdicts(which: Landed, reasons: Mapping[str, int]) -> list[Verdict]:
    """Every row rule of a bronze table, with the number of rows that were put aside for it."""
    own = columns(which.schema)
    names = [f"type({c.name})" for c in own] + [
        f"not_null({c.name})" for c in own if not c.nullable
    ]
    names += [_reason(rule) for rule in declared(which) if _is_row_rule(rule)]
    broken = Counter(dict.fromkeys((*names, READABLE), 0))
    for reason, rows in reasons.items():
        broken[reason if reason in broken else READABLE] += rows
    return [Verdict(name, "row", not rows, "", rows) for name, rows in broken.items()]


def record(which: Built, run_id: str, found: list[Verdict], rows_judged: int) -> None:
    """Write verdicts into ops.quality."""
    at = dt.datetime.now(dt.UTC)
    rows = [
        {
            "table_name": which.name,
            "run_id": run_id,
            "judged_at": at,
            **vars(verdict),
            "rows_judged": rows_judged,
            "broken_share": _share(verdict.rows_broken, rows_judged),
        }
        for verdict in found
    ]
    if rows:
        lake.append(quality.TABLE, rows)


def _share(broken: int | None, judged: int) -> float | None:
    return None if broken is None else broken / judged if judged else 0.0


READABLE = "readable"  # rows of files that cannot be read, rows of another shape
UNJUDGED = "could not be judged"
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
        return Verdict(reason, "critical", False, f"{UNJUDGED}: {faults[0][:300]}")
    return Verdict(reason, severity, bool(answer.success), "" if answer.success else "broken")


def _counted(engine: Any, rule: "Expectation", verdict: Verdict) -> Verdict:
    """The verdict with the number of rows that break the rule: asked where there may be some."""
    from great_expectations.validator.metric_configuration import MetricConfiguration
    from great_expectations.validator.metrics_calculator import MetricsCalculator

    from jobs.spark import key_rule

    if isinstance(rule, key_rule.KeyIsUnique):
        asked = MetricConfiguration(key_rule.METRIC, {}, {"key": rule.key, "rest": rule.rest})
    elif _is_row_rule(rule) and not verdict.observed.startswith(UNJUDGED):
        asked = _metric(rule, "unexpected_count")
    else:
        return replace(verdict, rows_broken=None)
    if verdict.is_kept and getattr(rule, "mostly", 1.0) == 1.0:
        return verdict
    found: Any = MetricsCalculator(engine, show_progress_bars=False).get_metric(asked)
    return replace(verdict, rows_broken=int(found or 0))


def _metric(rule: "Expectation", what: str) -> "MetricConfiguration":
    """What a rule of rows asks: the condition of those that break it, or their number."""
    from great_expectations.validator.metric_configuration import MetricConfiguration

    asked = rule.configuration.kwargs
    domain = {k: v for k, v in asked.items() if k in _DOMAIN}
    value = {k: v for k, v in asked.items() if k not in _DOMAIN}
    return MetricConfiguration(f"{_map_metric(rule)}.{what}", domain, value)


def _exceptions(told: Any) -> list[str]:
    if not isinstance(told, dict):
        return []
    if "raised_exception" in told:
        return [str(told.get("exception_message"))] if told["raised_exception"] else []
    return [message for inner in told.values() for message in _exceptions(inner)]
