"""silver.activities: one row per activity that the CRM has now, the customer resolved.

The newest snapshot says which there are, what changed after it lies over it; one that was deleted
is not here, one that was done is.
"""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.spark.columns import newest
from jobs.spark.customers import of_customer
from jobs.spark.silver.accounts import newest_first
from jobs.spark.silver.opportunities import since_newest_snapshot
from jobs.table import Entities, Input, everything

KEY = ("source_object", "activity_id")

SCHEMA = """
    source_object string not null comment 'kind of record in the CRM, such as mail.activity',
    activity_id string not null comment 'number that the CRM gives it among those of its kind',
    activity_type string comment 'such as Call or To-Do, in the words of the CRM',
    account_id string comment 'customer; of several accounts the survivor; null: no customer yet',
    opportunity_id string comment 'opportunity that it is about; null: about none',
    is_done boolean not null comment 'true: done, or put aside',
    due_date date comment 'day by which it is to be done',
    done_date date comment 'day on which it was; null: not done',
    opened_at timestamp comment 'UTC by the clock of the CRM; when it was written down',
    changed_at timestamp not null comment 'UTC by the clock of the CRM; last write, by whomever'
"""


def make(activities: DataFrame, identities: DataFrame) -> DataFrame:
    told = since_newest_snapshot(activities)
    return (
        newest(told, KEY, newest_first())
        .transform(of_customer, identities)
        .select(
            *KEY,
            "activity_type",
            "account_id",
            "opportunity_id",
            (~F.col("is_active")).alias("is_done"),
            "due_date",
            "done_date",
            "opened_at",
            "changed_at",
            "_duplicates",
            "_superseded",
        )
    )


TABLE = Entities(
    "silver.activities",
    SCHEMA,
    key=KEY,
    inputs=(
        # one is deleted by what a snapshot does not say
        Input("bronze.activities", touches=everything),
        Input("silver.account_identities", touches=everything),
    ),
    make=make,
)
