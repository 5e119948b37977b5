"""silver.promotions_superseded: one row per promotion of a plan that a later drop replaced.

Beside silver.promotions, which has the newest plan of every week. A plan that was replaced by the
closing of its own day was never believed and is not here.
"""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.spark.silver import promotions
from jobs.table import Events

SCHEMA = f"""{promotions.SCHEMA.rstrip()},
    superseded_date date not null comment 'business day by whose closing it was believed no more'
"""


def make(rows: DataFrame) -> DataFrame:
    older = promotions.plans(rows).where("newer > 0 and known_date < superseded_date")
    return rows.join(F.broadcast(older), on=["source_week", "_batch_id"], how="inner").select(
        "product_id",
        "store_id",
        F.expr(promotions.MONDAY).alias("week_start_date"),
        "display_location",
        "mailer_location",
        F.col("_known_at").alias("known_at"),
        "known_date",
        "superseded_date",
    )


TABLE = Events(
    "silver.promotions_superseded",
    SCHEMA,
    key=(*promotions.KEY, "known_date"),
    slice="week_start_date",
    grain="week",
    inputs=promotions.TABLE.inputs,
    make=make,
)
