"""silver.product_history: one row per product, period of the ERP's lists, and period of belief.

A list says what holds on its day (`valid_from`, `valid_to`) and is known by the closing of a day
(`known_date`, `superseded_date`). Nobody knows an end ahead: what a list says holds without end,
until a list says otherwise; then the ERP is believed to have said it for so long. Of several lists
known by one closing the last counts; a product that a list leaves out is not listed from then on.
"""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from jobs.spark.columns import at_shop, closing_date, newest, newest_first
from jobs.table import FOREVER, Entities, Input, everything

ATTRIBUTES = (
    "manufacturer_id",
    "department",
    "brand",
    "product_category",
    "product_type",
    "package_size",
)

SCHEMA = """
    product_id string not null comment 'article',
    valid_from date not null comment 'day at the shop of the first list that says this',
    valid_to date comment 'day of the first list that no longer does; null: still so, as believed',
    known_date date not null comment 'business day by whose closing this was known',
    superseded_date date not null comment 'no longer believed by its closing; 9999-12-31: still is',
    is_in_first_list boolean not null comment 'begins with the very first list, and before it',
    manufacturer_id string not null comment 'maker, a number without a name',
    department string not null comment 'highest level of the range, such as GROCERY',
    brand string not null comment 'National, or Private for the own label',
    product_category string comment 'level below the department',
    product_type string comment 'level below the category',
    package_size string comment 'free text, such as 22 LB'
"""


def lists(products: DataFrame) -> DataFrame:
    """One row per closing by which a list was known: its batch, and the list after it."""
    # one partition for all, named so that Spark does not warn: a row per list
    in_time = Window.partitionBy(F.lit(0)).orderBy("known_date")
    last = F.max_by(F.struct("_batch_id", "_known_at"), F.struct("_known_at", "_batch_id"))
    return (
        products.groupBy("_known_at", "_batch_id")
        .agg(F.first(closing_date("_known_at")).alias("known_date"))
        .groupBy("known_date")
        .agg(last.alias("last"))
        .select(
            F.col("last._batch_id").alias("_batch_id"),
            F.to_date(at_shop("last._known_at")).alias("list_date"),
            "known_date",
            F.row_number().over(in_time).alias("number"),
        )
        .withColumns(
            {
                "next_list_date": F.lead("list_date").over(in_time),
                "next_known_date": F.lead("known_date").over(in_time),
            }
        )
    )


def runs(products: DataFrame) -> DataFrame:
    """One row per product and run of lists that say the same of it."""
    in_time = Window.partitionBy("product_id").orderBy("number")
    so_far = in_time.rowsBetween(Window.unboundedPreceding, Window.currentRow)
    said = F.struct(*ATTRIBUTES)
    follows = F.col("number") == F.lag("number").over(in_time) + 1
    same = follows & said.eqNullSafe(F.lag(said).over(in_time))
    listed = products.join(F.broadcast(lists(products)), on="_batch_id", how="inner")
    return (
        newest(listed, ("product_id", "number"), newest_first())
        .withColumn("is_new", F.when(F.coalesce(same, F.lit(False)), 0).otherwise(1))
        .withColumn("run", F.sum("is_new").over(so_far))
        .groupBy("product_id", "run")
        .agg(
            F.min("list_date").alias("valid_from"),
            F.min("known_date").alias("known_date"),
            (F.min("number") == 1).alias("is_in_first_list"),
            F.max_by("next_list_date", "number").alias("ended_date"),
            F.max_by("next_known_date", "number").alias("end_known_date"),
            *(F.first(name).alias(name) for name in ATTRIBUTES),
        )
    )


def make(products: DataFrame) -> DataFrame:
    """A run was believed without end until its end was known, and from then on with its end."""

    def period(valid_to: Column, known: str, superseded: Column) -> Column:
        return F.struct(
            valid_to.alias("valid_to"),
            F.col(known).alias("known_date"),
            superseded.alias("superseded_date"),
        )

    forever, ended = F.lit(FOREVER), F.col("ended_date") > F.col("valid_from")
    open_end = period(
        F.lit(None).cast("date"), "begin_known_date", F.coalesce("end_known_date", forever)
    )
    with_end = F.when(ended, period(F.col("ended_date"), "end_known_date", forever))
    found = runs(products).withColumnRenamed("known_date", "begin_known_date")
    return found.select("*", F.inline(F.array_compact(F.array(open_end, with_end)))).select(
        "product_id",
        "valid_from",
        "valid_to",
        "known_date",
        "superseded_date",
        "is_in_first_list",
        *ATTRIBUTES,
    )


TABLE = Entities(
    "silver.product_history",
    SCHEMA,
    key=("product_id", "valid_from", "known_date"),
    unit=("product_id",),
    # a period is ended by what a list does not say
    inputs=(Input("bronze.products", touches=everything),),
    make=make,
)
