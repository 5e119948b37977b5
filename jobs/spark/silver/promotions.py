"""silver.promotions: one row per product, store, week and place of its promotion, as planned last.

A product can stand in two places of a shop in the same week (12,785 of the demo's product, store
and week triples do). A week is one list: its newest drop replaces the older ones as a whole. A row
repeated within a list stops the build (KEY): the ERP has sent none, and to look for copies among
20 million rows here took twenty times as long as to read them.
"""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from jobs.spark.columns import closing_date
from jobs.table import Events, Input, same_date

KEY = ("product_id", "store_id", "week_start_date", "display_location", "mailer_location")
MONDAY = "date_add(date'2016-12-26', 7 * (source_week - 1))"  # week 1 of the source began there

SCHEMA = """
    product_id string not null comment 'article',
    store_id string not null comment 'shop',
    week_start_date date not null comment 'Monday of the business week',
    display_location string not null comment 'code of the place in the shop, 0 = not on display',
    mailer_location string not null comment 'code of the place in the mailer, 0 = not in it',
    known_at timestamp not null comment 'UTC; when the drop with the plan was complete',
    known_date date not null comment 'business day by whose closing the plan was known'
"""


def plans(rows: DataFrame, *sums: Column) -> DataFrame:
    """One row per week and drop of its plan: how many are newer, when it was known and replaced.

    Twenty million rows must not be sorted for that: a count per week and batch is small, and is
    joined back to the rows by broadcast.

    Args:
        sums: what else is to be told of a plan's rows.
    """
    of_week = Window.partitionBy("source_week")
    newest_first = of_week.orderBy(F.desc("_known_at"), F.desc("_batch_id"))
    replaced_at = F.lag("_known_at").over(newest_first)
    return (
        rows.groupBy("source_week", "_known_at", "_batch_id")
        .agg(F.count("*").alias("rows"), *sums)
        .withColumns(
            {
                "newer": F.row_number().over(newest_first) - 1,
                "older_rows": F.sum("rows").over(of_week) - F.col("rows"),
                "known_date": closing_date("_known_at"),
                "superseded_date": closing_date(replaced_at),
            }
        )
        .drop("rows", "_known_at")
    )


def newest_plan(rows: DataFrame) -> DataFrame:
    """Rows of the newest batch of their week; its first row tells how many it replaces.

    The first row is the one with the smallest hash of its place, because the smallest place itself
    (a text) would be found by sorting.
    """
    place = F.xxhash64("_source_file", "_row_number")
    newest = plans(rows, F.min(place).alias("first")).where("newer = 0")
    return rows.join(F.broadcast(newest), on=["source_week", "_batch_id"], how="inner").withColumn(
        "_superseded", F.when(place == F.col("first"), F.col("older_rows")).otherwise(0)
    )


def make(promotions: DataFrame) -> DataFrame:
    return newest_plan(promotions).select(
        "product_id",
        "store_id",
        F.expr(MONDAY).alias("week_start_date"),
        "display_location",
        "mailer_location",
        F.col("_known_at").alias("known_at"),
        "known_date",
        F.lit(0).cast("bigint").alias("_duplicates"),
        "_superseded",
    )


TABLE = Events(
    "silver.promotions",
    SCHEMA,
    key=KEY,
    slice="week_start_date",
    grain="week",
    chunk=13,  # a quarter: about five million rows a commit
    inputs=(Input("bronze.promotions", touches=same_date(on=MONDAY)),),
    make=make,
)
