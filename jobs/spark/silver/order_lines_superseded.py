"""silver.order_lines_superseded: one row per line as it was believed once, and is no more.

Beside silver.order_lines, which says what is believed today: a line is here as it was before a
later drop corrected it, and as it was before a list of the ERP moved its product to another
department or type. What was replaced by the closing of its own day was never believed: it is in
neither table, nor is what a batch said that has landed again under its own name. Nearly empty.
"""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.spark.columns import closing_date
from jobs.spark.customers import of_customer
from jobs.spark.history import versions
from jobs.spark.silver import order_lines
from jobs.spark.silver.product_classes import BEGINNING
from jobs.table import FOREVER, Events

SCHEMA = f"""{order_lines.SCHEMA.rstrip()},
    superseded_date date not null comment 'business day by whose closing it was believed no more'
"""


def told_twice(lines: DataFrame, of_products: DataFrame) -> DataFrame:
    """Lines that came more than once, or whose product has changed its class.

    Counted before anything is sorted: among a million lines there are few.
    """
    again = lines.groupBy(*order_lines.KEY).agg(F.count("*").alias("_times")).where("_times > 1")
    changed = (
        of_products.where(F.col("class_end_date") < F.lit(FOREVER))
        .select("product_id", F.lit(True).alias("_changed"))
        .distinct()
    )
    return (
        lines.join(again, on=list(order_lines.KEY), how="left")
        .join(F.broadcast(changed), on="product_id", how="left")
        .where("_times is not null or _changed is not null")
        .drop("_times", "_changed")
    )


def with_each_class(lines: DataFrame, of_products: DataFrame) -> DataFrame:
    """A version of a line once for each class that its product was believed to have meanwhile."""
    meanwhile = (F.coalesce("class_date", F.lit(BEGINNING)) < F.col("superseded_date")) & (
        F.coalesce("class_end_date", F.lit(FOREVER)) > F.col("known_date")
    )
    return (
        lines.join(of_products, on="product_id", how="left")
        .where(meanwhile)
        .withColumns(
            {
                "known_date": F.greatest("known_date", "class_date"),
                "superseded_date": F.least("superseded_date", "class_end_date"),
            }
        )
    )


def make(lines: DataFrame, product_classes: DataFrame, identities: DataFrame) -> DataFrame:
    found = order_lines.classes(product_classes)
    believed_until = F.coalesce(closing_date("_replaced_at"), F.lit(FOREVER))
    return (
        versions(told_twice(lines, found), order_lines.KEY)
        .transform(of_customer, identities)
        .transform(order_lines.on_business_day)
        .withColumn("superseded_date", believed_until)
        .transform(with_each_class, found)
        .where(F.col("superseded_date") < F.lit(FOREVER))
        .where("known_date < superseded_date")
        .transform(order_lines.described)
    )


TABLE = Events(
    "silver.order_lines_superseded",
    SCHEMA,
    key=(*order_lines.KEY, "business_date", "known_date"),
    slice="business_date",
    inputs=order_lines.INPUTS,
    make=make,
)
