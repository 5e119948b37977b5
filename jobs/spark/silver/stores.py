"""silver.stores: one row per shop that ever sold something; there is no master list of shops."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.spark.silver.order_lines import FUEL_TYPES
from jobs.table import Entities, Input

SCHEMA = """
    store_id string not null comment 'shop',
    first_sale_date date not null comment 'day at the shop of the first line known',
    sells_fuel boolean not null comment 'has sold petrol'
"""


def make(lines: DataFrame) -> DataFrame:
    fuel = F.coalesce(F.col("product_type").isin(*FUEL_TYPES), F.lit(False))
    return (
        lines.groupBy("store_id")
        .agg(F.min("business_date").alias("first_sale_date"), F.max(fuel).alias("sells_fuel"))
        .select("store_id", "first_sale_date", "sells_fuel")
    )


TABLE = Entities(
    "silver.stores", SCHEMA, key=("store_id",), inputs=(Input("silver.order_lines"),), make=make
)
