"""Which row rules a row breaks: RULES asked of Great Expectations, as build asks them."""

from collections.abc import Callable
from typing import Any

import pytest
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.spark.rules import row_conditions
from jobs.table import Landed, table


@pytest.fixture
def broken(spark: Any, rows: Callable[..., DataFrame]) -> Callable[..., list[list[str]]]:
    """`broken("bronze.coupons", {...}, {...})`: reason codes of each row, in order."""

    def ask(name: str, *given: dict[str, Any]) -> list[list[str]]:
        which = table(name)
        assert isinstance(which, Landed)
        frame = rows(name, *({"_row_number": n, **row} for n, row in enumerate(given)))
        reasons = [F.when(bad, code) for code, bad in row_conditions(spark, frame, which)]
        asked = frame.select("_row_number", F.array_compact(F.array(*reasons)).alias("reasons"))
        return [list(row.reasons) for row in asked.orderBy("_row_number").collect()]

    return ask
