"""Which rules a candidate breaks: RULES, NOT NULL and KEY, judged as build judges them."""

from collections.abc import Callable
from typing import Any

import pytest
from pyspark.sql import DataFrame

from jobs.spark.rules import judge
from jobs.table import built_table


@pytest.fixture
def broken(spark: Any, rows: Callable[..., DataFrame]) -> Callable[..., set[str]]:
    """`broken("scores.crm_outbox", {...}, {...})`: reason codes of what the rows break."""

    def ask(name: str, *given: dict[str, Any]) -> set[str]:
        which = built_table(name)
        found = judge(spark, rows(name, *given), which)
        return {verdict.rule for verdict in found if not verdict.is_kept}

    return ask
