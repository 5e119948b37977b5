"""silver.promotions: one row per product, store, week and place of its promotion, as planned last.

A product can stand in two places of a shop in the same week (12,785 of the demo's product, store
and week triples do). A week is one list: its newest drop replaces the older ones as a whole. A row
repeated within a list stops the build (KEY): the ERP has sent none, and to look for copies among
20 million rows here took twenty times as long as to read them.
"""

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from jobs.table import Events, Input, same_date

KEY = ("product_id", "store_id", "week_start_date", "display_location", "mailer_location")
MONDAY = "date_add(date'2016-12-26', 7 * (source_week - 1))"  # week 1 of the source began there

SCHEMA = """
    product_id string not null comment 'article',
    store_id string not null comment 'shop',
    week_start_date date not null comment 'Monday of the business week',
    display_location string not null comment 'code of the place in the shop, 0 = not on display',
    mailer_location string not null comment 'code of the place in the mailer, 0 = not in it',
    known_at timestamp not null comment 'UTC; when the drop with the plan was complete'
"""


def newest_plan(rows: DataFrame) -> DataFrame:
    """Rows of the newest batch of their week; its first row tells how many it replaces.

    Twenty million rows must not be sorted for that: a count per week and batch is small, and is
    joined back to the rows by broadcast. The first row is the one with the smallest hash of its
    place, because the smallest place itself (a text) would be found by sorting.
    """
    plan = Window.partitionBy("source_week")
    newest_first = plan.orderBy(F.desc("_known_at"), F.desc("_batch_id"))
    place = F.xxhash64("_source_file", "_row_number")
    plans = (
        rows.groupBy("source_week", "_known_at", "_batch_id")
        .agg(F.count("*").alias("rows"), F.min(place).alias("first"))
        .withColumn("newer", F.row_number().over(newest_first) - 1)
        .withColumn("older_rows", F.sum("rows").over(plan) - F.col("rows"))
        .where("newer = 0")
        .select("source_week", "_batch_id", "first", "older_rows")
    )
    return rows.join(F.broadcast(plans), on=["source_week", "_batch_id"], how="inner").withColumn(
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
