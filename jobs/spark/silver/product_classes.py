"""silver.product_classes: one row per product and period in which it was believed of a department.

Of a department and a type, as the newest list of the ERP that was known then has them. Periods have
no gap: before a product was listed, and once a list leaves it out, it is not listed and has
neither. Only the very first list counts from BEGINNING on: it says what the shops sold before there
were lists.
"""

import datetime as dt

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from jobs.table import FOREVER, Entities, Input

BEGINNING = dt.date(1900, 1, 1)

SCHEMA = """
    product_id string not null comment 'article',
    known_date date not null comment 'business day by whose closing it was known; 1900-01-01: ever',
    superseded_date date not null comment 'no longer believed by its closing; 9999-12-31: still is',
    is_listed boolean not null comment 'the newest list known then has the product',
    department string comment 'highest level of the range; null: not listed',
    product_type string comment 'lowest level of the range; null: not listed, or none given'
"""


def said(product_history: DataFrame) -> DataFrame:
    """What a list says from a day on, that it is left out from a day on, and nothing before all."""
    begins = F.when(F.col("is_in_first_list"), F.lit(BEGINNING)).otherwise(F.col("known_date"))
    listed = F.struct("department", "product_type")
    nothing = F.when(F.lit(False), listed)

    def of(date: Column, what: Column) -> Column:
        return F.struct(date.alias("known_date"), what.alias("class"))

    told = F.array(
        of(begins, listed),
        of(F.col("superseded_date"), nothing),
        of(F.lit(BEGINNING), nothing),
    )
    return (
        product_history.where("valid_to is null")
        .select("product_id", F.inline(told))
        .where(F.col("known_date") < F.lit(FOREVER))
        .groupBy("product_id", "known_date")
        .agg(F.first("class", ignorenulls=True).alias("class"))
    )


def make(product_history: DataFrame) -> DataFrame:
    in_time = Window.partitionBy("product_id").orderBy("known_date")
    is_first = F.row_number().over(in_time) == 1
    is_other = ~F.col("class").eqNullSafe(F.lag("class").over(in_time))
    return (
        said(product_history)
        .withColumn("is_new", is_first | is_other)
        .where("is_new")
        .select(
            "product_id",
            "known_date",
            F.coalesce(F.lead("known_date").over(in_time), F.lit(FOREVER)).alias("superseded_date"),
            F.col("class").isNotNull().alias("is_listed"),
            "class.department",
            "class.product_type",
        )
    )


TABLE = Entities(
    "silver.product_classes",
    SCHEMA,
    key=("product_id", "known_date"),
    unit=("product_id",),
    inputs=(Input("silver.product_history"),),
    make=make,
)
