"""A rule of rows as columns: Great Expectations says what breaks it, and one pass counts it all.

Asked for its answers and not for its conditions, it reads the candidate again for each rule about
two columns.
"""

import logging
from collections.abc import Mapping
from functools import reduce
from operator import and_, or_
from typing import TYPE_CHECKING, Any, cast

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.connect.session import SparkSession

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation
    from great_expectations.validator.metric_configuration import MetricConfiguration

# at INFO it tells of its own plumbing, once a rule
logging.getLogger("great_expectations").setLevel(logging.ERROR)

_DOMAIN = ("column", "column_A", "column_B", "column_list", "ignore_row_if")
_OF_EVERY_ROW = ("column_values.nonnull", "column_values.null")  # whether it is given or not
# Expectations of rows that a row alone cannot answer: unique, in order, usual, of a type.
_NOT_OF_A_ROW = (
    *("column_values.unique", "compound_columns.unique", "column_values.z_score"),
    *("column_values.increasing", "column_values.decreasing", "column_values.not_outliers"),
    *("column_values.of_type", "column_values.in_type_list"),
)


class CannotAsk(Exception):
    """A rule's condition is none: its column is not there, say."""


def is_row_rule(rule: "Expectation") -> bool:
    """Whether a row breaks it by itself, whatever the others are."""
    metric = _map_metric(rule)
    return metric is not None and not metric.startswith(_NOT_OF_A_ROW)


def _map_metric(rule: "Expectation") -> str | None:
    metric: str | None = getattr(rule, "map_metric", None)
    return metric


def reason_code(rule: "Expectation") -> str:
    """What a rule is called in ops.

    Raises:
        ValueError: it has no name.
    """
    reason = (rule.meta or {}).get("reason")
    if not reason:
        raise ValueError(f"{type(rule).__name__} has no reason code: add meta={{'reason': '…'}}")
    return str(reason)


def conditions(
    spark: SparkSession, rows: DataFrame, asked: Mapping[str, "Expectation"]
) -> dict[str, tuple[Column, Column]]:
    """Of each rule of rows: what breaks it, and what it is about (see `mostly`); never null.

    Raises:
        CannotAsk: one of them has no such condition.
    """
    if not asked:
        return {}
    from great_expectations.exceptions import GreatExpectationsError
    from great_expectations.validator.metrics_calculator import MetricsCalculator

    # a condition is an expression: asked of no rows, and of all rules at once, or Great
    # Expectations asks the server once for each of them
    of_none = engine(spark, spark.createDataFrame([], rows.schema))
    calculator = MetricsCalculator(of_none, show_progress_bars=False)
    wanted = {reason: _condition(rule) for reason, rule in asked.items()}
    try:
        found, faults = calculator.compute_metrics(list(wanted.values()))
    except GreatExpectationsError as error:
        raise CannotAsk(f"one of {', '.join(asked)}: {error}") from error
    if faults:
        messages = [m for told in faults.values() for m in faults_told(told["exception_info"])]
        raise CannotAsk(f"one of {', '.join(asked)}: {'; '.join(dict.fromkeys(messages))}")
    found_of = {}
    for reason, rule in asked.items():
        answer: Any = found[wanted[reason].id]
        broken = answer[0] if isinstance(answer, tuple) else answer
        about = _among(rule, of_none) & _is_given(rule)
        found_of[reason] = (about & F.coalesce(broken, F.lit(False)), about)
    return found_of


def _among(rule: "Expectation", engine: Any) -> Column:
    """Whether a row is one of those that the rule's `row_condition` names."""
    from great_expectations.expectations.row_conditions import PassThroughCondition

    named = getattr(rule, "row_condition", None)
    if not named:
        return F.lit(True)
    if isinstance(named, PassThroughCondition):  # SQL
        clause = named.pass_through_filter
    else:
        clause = engine.condition_to_filter_clause(named)
    return F.coalesce(F.expr(clause), F.lit(False))


def _is_given(rule: "Expectation") -> Column:
    """Whether a row has what the rule looks at: of one that has not, nothing is said."""
    told = rule.configuration.kwargs
    names = [told[n] for n in ("column", "column_A", "column_B") if n in told]
    given = [F.col(name).isNotNull() for name in (*names, *told.get("column_list", ()))]
    unless = str(told.get("ignore_row_if", ""))
    if _map_metric(rule) in _OF_EVERY_ROW or unless in ("neither", "never"):
        return F.lit(True)
    return reduce(and_ if unless.startswith(("either", "any")) else or_, given)


def engine(spark: SparkSession, rows: DataFrame) -> Any:
    """Great Expectations' way to ask these rows."""
    from great_expectations.execution_engine import SparkDFExecutionEngine

    # by default it persists what it is given, and nothing ever frees it: all 20.9 million rows of
    # promotions went through the JVM's cache. Its type hint knows classic sessions only.
    return SparkDFExecutionEngine(
        spark=cast(Any, spark), batch_data_dict={"rows": rows}, persist=False
    )


def _condition(rule: "Expectation") -> "MetricConfiguration":
    """What Great Expectations is asked for: the condition of rows that break a rule."""
    from great_expectations.validator.metric_configuration import MetricConfiguration

    asked = rule.configuration.kwargs
    domain = {k: v for k, v in asked.items() if k in _DOMAIN}
    value = {k: v for k, v in asked.items() if k not in _DOMAIN}
    return MetricConfiguration(f"{_map_metric(rule)}.condition", domain, value)


def faults_told(told: Any) -> list[str]:
    """What went wrong, out of Great Expectations' account of it; nothing did: none."""
    if not isinstance(told, dict):
        return []
    if "raised_exception" in told:
        return [str(told.get("exception_message"))] if told["raised_exception"] else []
    return [message for inner in told.values() for message in faults_told(inner)]
