"""silver.stock_levels: one row per shop and article: how many pieces there are, as told last."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.spark.columns import newest, newest_first
from jobs.table import Entities, Input

KEY = ("store_id", "product_id")

SCHEMA = """
    store_id string not null comment 'shop',
    product_id string not null comment 'article',
    on_hand bigint not null comment 'pieces in the shop; below 0: sold before it was booked in',
    changed_at timestamp not null comment 'UTC; when the ERP wrote it'
"""


def make(levels: DataFrame) -> DataFrame:
    # by the ERP's clock first: a batch that was landed late tells of an older level
    order = [F.desc("changed_at"), *newest_first()]
    return newest(levels, KEY, order).select(
        *KEY, "on_hand", "changed_at", "_duplicates", "_superseded"
    )


TABLE = Entities(
    "silver.stock_levels", SCHEMA, key=KEY, inputs=(Input("bronze.stock_levels"),), make=make
)
