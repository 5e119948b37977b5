"""What may be written: NOT NULL and KEY from the contract, RULES from expectations/, one language.

Great Expectations is imported only when something is judged: it takes seconds.
"""

import datetime as dt
import importlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pyspark.errors import (
    AnalysisException,
    ArithmeticException,
    DateTimeException,
    IllegalArgumentException,
    NumberFormatException,
    SparkRuntimeException,
)
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.connect.session import SparkSession

from jobs import lake
from jobs.ops import quality
from jobs.spark import row_rules
from jobs.table import Built, Landed, columns

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation


@dataclass(frozen=True)
class Verdict:
    """One rule's answer. `observed` is short and holds no rows."""

    rule: str
    severity: str  # critical, warning, info, or row: what breaks it is put aside
    is_kept: bool
    observed: str
    rows_broken: int | None = 0  # null: a rule of the whole, or one that could not be judged

    @property
    def is_unjudged(self) -> bool:
        return self.observed.startswith(UNJUDGED)


def declared(which: Built) -> list["Expectation"]:
    """RULES of expectations/<layer>/<table>.py; none where there is no such file.

    Raises:
        ValueError: two of them have one reason code, or one has none.
    """
    home = f"expectations.{which.name}"
    try:
        found = list(importlib.import_module(home).RULES)
    except ModuleNotFoundError as error:
        if error.name and home.startswith(error.name):
            return []
        raise
    reasons = Counter(row_rules.reason_code(rule) for rule in found)
    if twice := [reason for reason, times in reasons.items() if times > 1]:
        raise ValueError(f"{home}: two rules of the reason {', '.join(twice)}: give each its own")
    return found


def row_conditions(spark: SparkSession, rows: DataFrame, which: Landed) -> list[tuple[str, Column]]:
    """(reason code, condition of a row that breaks it) for each row rule of a bronze table.

    Raises:
        row_rules.CannotAsk: one of them has no such condition.
    """
    asked = {row_rules.reason_code(r): r for r in declared(which) if row_rules.is_row_rule(r)}
    try:
        found = row_rules.conditions(spark, rows, asked)
    except row_rules.CannotAsk as error:
        raise row_rules.CannotAsk(f"expectations.{which.name}: {error}") from error
    return [(reason, broken) for reason, (broken, _) in found.items()]


def judge(
    spark: SparkSession, rows: DataFrame, which: Built, rest: DataFrame | None = None
) -> list[Verdict]:
    """Every rule's answer on a candidate: those of rows in one pass over it, then the others.

    Args:
        rest: the table's other rows, where a key may occur among them; null: it cannot.
    """
    if rest is not None:
        rest.createOrReplaceTempView(REST)
    asked = expectations(which, REST if rest is not None else "")
    of_rows = {reason: rule for reason, rule in asked.items() if row_rules.is_row_rule(rule)}
    of_the_whole = {reason: rule for reason, rule in asked.items() if reason not in of_rows}
    return _of_rows(spark, rows, of_rows) + _of_the_whole(spark, rows, of_the_whole)


def _of_rows(
    spark: SparkSession, rows: DataFrame, asked: Mapping[str, "Expectation"]
) -> list[Verdict]:
    """Great Expectations says what breaks a rule; counted here, all rules in one pass."""
    try:
        return _counted(spark, rows, asked)
    except UNASKED as error:
        _probe(rows)
        if len(asked) == 1:
            told = f"{UNJUDGED}: {str(error).splitlines()[0][:300]}"
            return [Verdict(reason, "critical", False, told, None) for reason in asked]
        # one of them cannot be asked: alone, it says so itself, and the others are answered
        alone = [_of_rows(spark, rows, {reason: rule}) for reason, rule in asked.items()]
        return [verdict for found in alone for verdict in found]


def _counted(
    spark: SparkSession, rows: DataFrame, asked: Mapping[str, "Expectation"]
) -> list[Verdict]:
    if not asked:
        return []
    conditions = row_rules.conditions(spark, rows, asked)
    counts = [F.count_if(each) for both in conditions.values() for each in both]
    numbers = iter(rows.agg(*counts).collect()[0])
    return [_verdict(reason, asked[reason], next(numbers), next(numbers)) for reason in conditions]


def _verdict(reason: str, rule: "Expectation", broken: int, of: int) -> Verdict:
    is_kept = not of or (of - broken) / of >= getattr(rule, "mostly", 1.0)
    return Verdict(reason, _severity(rule), is_kept, "" if is_kept else "broken", broken)


def _of_the_whole(
    spark: SparkSession, rows: DataFrame, asked: Mapping[str, "Expectation"]
) -> list[Verdict]:
    if not asked:
        return []
    from great_expectations.validator.validator import Validator

    validator = Validator(
        execution_engine=row_rules.engine(spark, rows), interactive_evaluation=False
    )
    validator.metrics_calculator.show_progress_bars = False
    told = []
    for reason, rule in asked.items():
        configuration = rule.configuration
        # results come grouped by column, not in the order asked: the reason travels with each
        configuration.meta = {**(configuration.meta or {}), "reason": reason}
        told.append(configuration)
    answers = validator.graph_validate(
        configurations=told,
        runtime_configuration={"result_format": {"result_format": "BASIC"}},
    )
    if any(e for answer in answers for e in row_rules.faults_told(answer.exception_info)):
        _probe(rows)
    return [_answered(answer, asked) for answer in answers]


def _probe(rows: DataFrame) -> None:
    """Read a candidate for which a rule could not be asked.

    Where the server or one of its files is gone, that is none of the rule's faults, and no reason
    to refuse: then this raises it, and the build may be run again.
    """
    rows.write.format("noop").mode("overwrite").save()


def _answered(answer: Any, asked: Mapping[str, "Expectation"]) -> Verdict:
    from jobs.spark.key_rule import KeyIsUnique

    reason = answer.expectation_config.meta["reason"]
    faults = [e for e in row_rules.faults_told(answer.exception_info) if e]
    if faults:
        return Verdict(reason, "critical", False, f"{UNJUDGED}: {faults[0][:300]}", None)
    is_key = isinstance(asked[reason], KeyIsUnique)
    repeated = int(answer.result["observed_value"]) if is_key else None
    observed = "" if answer.success else "broken"
    return Verdict(reason, _severity(asked[reason]), bool(answer.success), observed, repeated)


def row_verdicts(which: Landed, reasons: Mapping[str, int]) -> list[Verdict]:
    """Every row rule of a bronze table, with the number of rows that were put aside for it."""
    own = columns(which.schema)
    names = [f"type({c.name})" for c in own] + [
        f"not_null({c.name})" for c in own if not c.nullable
    ]
    of_rows = [rule for rule in declared(which) if row_rules.is_row_rule(rule)]
    names += [row_rules.reason_code(rule) for rule in of_rows]
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
# A rule's own fault; that a server is down is none of them.
UNASKED = (
    row_rules.CannotAsk,
    *(AnalysisException, ArithmeticException, DateTimeException, IllegalArgumentException),
    *(NumberFormatException, SparkRuntimeException),
)
REST = "rest_of_the_table"  # a temporary view of the table's own session


def expectations(which: Built, rest: str = "") -> dict[str, "Expectation"]:
    """What a candidate is judged by, by reason code.

    Args:
        rest: the temporary view of the table's other rows; empty: a key cannot occur among them.
    """
    if isinstance(which, Landed):
        # rows that break a row rule or NOT NULL have left the candidate already
        own = [rule for rule in declared(which) if not row_rules.is_row_rule(rule)]
        return {row_rules.reason_code(rule): rule for rule in own}
    import great_expectations.expectations as gxe

    from jobs.spark.key_rule import KeyIsUnique

    given: dict[str, Expectation] = {
        f"not_null({c.name})": gxe.ExpectColumnValuesToNotBeNull(column=c.name)
        for c in columns(which.full_schema)
        if not c.nullable
    }
    given[f"key({', '.join(which.key)})"] = KeyIsUnique(key=list(which.key), rest=rest)
    return given | {row_rules.reason_code(rule): rule for rule in declared(which)}


def _severity(rule: "Expectation") -> str:
    return str(getattr(rule.severity, "value", rule.severity))
