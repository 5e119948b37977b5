"""features.departments: one row per department and first sale of it, as far as was known of it.

The list of series, which are filled with zeros from the first sale on. Nearly always a department
has one row; a late line from before makes another one. A first sale that is taken back stays the
first: zeros do no harm, and what had been known is not forgotten. It changes seldom, so it makes
nothing be built on an ordinary day.
"""

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from jobs.table import FOREVER, Entities, Input

SCHEMA = """
    department string not null comment 'as in features.department_days',
    first_sale_date date not null comment 'first business date with a line, as known then',
    known_date date not null comment 'business day by whose closing that was known',
    superseded_date date not null comment 'an earlier one was known by then; 9999-12-31: none was'
"""


def make(department_days: DataFrame) -> DataFrame:
    in_time = Window.partitionBy("department").orderBy("known_date")
    before = in_time.rowsBetween(Window.unboundedPreceding, -1)
    earliest_before = F.min("first_sale_date").over(before)
    is_earlier = earliest_before.isNull() | (F.col("first_sale_date") < earliest_before)
    return (
        department_days.groupBy("department", "known_date")
        .agg(F.min("business_date").alias("first_sale_date"))
        .withColumn("is_earlier", is_earlier)
        .where("is_earlier")
        .select(
            "department",
            "first_sale_date",
            "known_date",
            F.coalesce(F.lead("known_date").over(in_time), F.lit(FOREVER)).alias("superseded_date"),
        )
    )


TABLE = Entities(
    "features.departments",
    SCHEMA,
    key=("department", "known_date"),
    unit=("department",),
    inputs=(Input("features.department_days"),),
    make=make,
)
