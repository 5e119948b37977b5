"""silver.accounts: one row per customer in the CRM's newest snapshot, without name and address.

Names and e-mail addresses stay in bronze: nothing to the right of it needs them.
"""

from pyspark.sql import DataFrame

from jobs.spark.columns import newest, newest_first
from jobs.spark.silver.products import newest_snapshot
from jobs.table import Entities, Input, everything

SCHEMA = """
    account_id string not null comment 'customer, party.code in the CRM',
    age_band string comment 'years, such as 45-54',
    income_band string comment 'thousand USD a year, such as 50-74K',
    home_ownership string comment 'Homeowner, Renter and their Probable kinds',
    marital_status string comment 'Married or Unmarried',
    household_size string comment 'persons, 5+ is the last band',
    household_composition string comment 'such as 2 Adults No Kids',
    kids_count string comment 'children, 3+ is the last band'
"""


def make(accounts: DataFrame) -> DataFrame:
    in_crm = newest_snapshot(accounts)
    return newest(in_crm, ("account_id",), newest_first()).select(
        "account_id",
        "age_band",
        "income_band",
        "home_ownership",
        "marital_status",
        "household_size",
        "household_composition",
        "kids_count",
        "_duplicates",
        "_superseded",
    )


TABLE = Entities(
    "silver.accounts",
    SCHEMA,
    key=("account_id",),
    # an account is deleted by what a snapshot does not say
    inputs=(Input("bronze.accounts", touches=everything),),
    make=make,
)
