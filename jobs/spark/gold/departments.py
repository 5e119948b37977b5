"""gold.departments: one row per department that ever sold, from its first sale on.

The list that people choose from; features.departments is the one that models see, as known. It
changes only when a department is new or its first sale is corrected, so it makes nothing be built
on an ordinary day.
"""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.table import Entities, Input

SCHEMA = """
    department string not null comment 'as in gold.daily_sales',
    first_sale_date date not null comment 'first business date with a line'
"""


def make(daily_sales: DataFrame) -> DataFrame:
    return (
        daily_sales.groupBy("department")
        .agg(F.min("business_date").alias("first_sale_date"))
        .select("department", "first_sale_date")
    )


TABLE = Entities(
    "gold.departments",
    SCHEMA,
    key=("department",),
    inputs=(Input("gold.daily_sales"),),
    make=make,
)
