"""KEY as an expectation of Great Expectations: exact, in one pass over the rows.

Its own query expectation runs the query twice, and its uniqueness expectation marks every row by a
window: twenty million keys of five strings do not fit in memory. Imported only to judge.
"""

from typing import Any, ClassVar

from great_expectations.core.metric_domain_types import MetricDomainTypes
from great_expectations.execution_engine import SparkDFExecutionEngine
from great_expectations.expectations.expectation import BatchExpectation
from great_expectations.expectations.metrics.metric_provider import metric_value
from great_expectations.expectations.metrics.table_metric_provider import TableMetricProvider
from great_expectations.render import LegacyRendererType, RenderedStringTemplateContent
from great_expectations.render.renderer.renderer import renderer
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

METRIC = "table.repeated_keys"


class RepeatedKeys(TableMetricProvider):
    """Keys that occur more than once among the rows, or among them and the rest of the table."""

    metric_name = METRIC
    value_keys = ("key", "rest")

    @metric_value(engine=SparkDFExecutionEngine)
    def _spark(
        cls,
        execution_engine: SparkDFExecutionEngine,
        metric_domain_kwargs: dict[str, Any],
        metric_value_kwargs: dict[str, Any],
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any],
    ) -> int:
        rows, _, _ = execution_engine.get_compute_domain(
            metric_domain_kwargs, domain_type=MetricDomainTypes.TABLE
        )
        key, rest = metric_value_kwargs["key"], metric_value_kwargs["rest"]
        found = repeated(rows, key)
        if rest and not found:
            elsewhere = rows.sparkSession.table(rest).select(*key)
            found = elsewhere.join(rows.select(*key), on=list(key), how="left_semi").count()
        return found


class KeyIsUnique(BatchExpectation):
    """Expect each key at most once."""

    key: list[str]
    rest: str = ""  # a temporary view of the table's other rows; empty: a slice is in the key

    metric_dependencies: ClassVar[tuple[str, ...]] = (METRIC,)
    success_keys: ClassVar[tuple[str, ...]] = ("key", "rest")

    @classmethod
    @renderer(renderer_type=LegacyRendererType.PRESCRIPTIVE)
    def _prescriptive_renderer(
        cls,
        configuration: Any = None,
        result: Any = None,
        runtime_configuration: dict[str, Any] | None = None,
    ) -> list[RenderedStringTemplateContent]:
        """The rule in words, for Data Docs."""
        told = configuration or result.expectation_config
        words = f"no two rows with the same {', '.join(told.kwargs['key'])}"
        return [
            RenderedStringTemplateContent(
                content_block_type="string_template", string_template={"template": words}
            )
        ]

    def _validate(
        self,
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any] | None = None,
        execution_engine: Any = None,
    ) -> dict[str, Any]:
        return {"success": metrics[METRIC] == 0, "result": {"observed_value": metrics[METRIC]}}


def repeated(rows: DataFrame, key: list[str]) -> int:
    """Number of keys that occur more than once.

    By a hash of 64 bits first: a number is grouped several times as fast as five strings. Only
    where hashes repeat are the keys themselves compared.
    """
    hashed = rows.select(*key, F.xxhash64(*key).alias("_hash"))
    suspects = hashed.groupBy("_hash").count().where("count > 1").select("_hash")
    alike = {row[0] for row in suspects.limit(1_000).collect()}
    if not alike:
        return 0
    same = hashed.where(F.col("_hash").isin(*alike)).groupBy(*key).count()
    return same.where("count > 1").count()
