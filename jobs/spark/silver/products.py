"""silver.products: one row per product of the ERP's newest list; what it left out is gone.

A package size is text of the trade; where it is an amount of a known unit, it stands beside it as
one. What cannot be read stays without, counted by a rule, and never guessed.
"""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.spark import package_size
from jobs.spark.columns import newest, newest_first
from jobs.table import Entities, Input, everything

SCHEMA = """
    product_id string not null comment 'article',
    manufacturer_id string not null comment 'maker, a number without a name',
    department string not null comment 'highest level of the range, such as GROCERY',
    brand string not null comment 'National, or Private for the own label',
    product_category string comment 'level below the department',
    product_type string comment 'level below the category',
    package_size string comment 'free text, such as 22 LB',
    package_amount double comment 'in package_unit, all packs together; null: not given, not read',
    package_unit string comment 'oz (of weight or of volume: lists do not say), ml, g or pieces'
"""


def newest_snapshot(rows: DataFrame) -> DataFrame:
    """Rows of the newest batch: a snapshot says everything, also by what it leaves out."""
    newest_batch = F.max_by("_batch_id", F.struct("_known_at", "_batch_id")).alias("_batch_id")
    return rows.join(F.broadcast(rows.agg(newest_batch)), on="_batch_id", how="inner")


def make(products: DataFrame) -> DataFrame:
    listed = newest_snapshot(products)
    return newest(listed, ("product_id",), newest_first()).select(
        "product_id",
        "manufacturer_id",
        "department",
        "brand",
        "product_category",
        "product_type",
        "package_size",
        package_size.amount("package_size").alias("package_amount"),
        package_size.unit("package_size").alias("package_unit"),
        "_duplicates",
        "_superseded",
    )


TABLE = Entities(
    "silver.products",
    SCHEMA,
    key=("product_id",),
    # a product is deleted by what a snapshot does not say
    inputs=(Input("bronze.products", touches=everything),),
    make=make,
)
