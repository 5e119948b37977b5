"""silver.accounts: one row per customer whom the CRM has now, without name and address.

The newest snapshot says who there is, what changed after it lies over it. Customers put aside,
merged into another one or deleted are not here: `silver.former_accounts` says what became of them.
Names and e-mail addresses stay in bronze: nothing to the right of it needs them.
"""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.spark.columns import newest
from jobs.table import Entities, Input, everything

# Of a batch, in time: what it tells of comes first, so that one landed late changes nothing newer.
PLACE = ("as_of_date", "_known_at", "_batch_id")

SCHEMA = """
    account_id string not null comment 'customer, party.code in the CRM',
    age_band string comment 'years, such as 45-54',
    income_band string comment 'thousand USD a year, such as 50-74K',
    home_ownership string comment 'Homeowner, Renter and their Probable kinds',
    marital_status string comment 'Married or Unmarried',
    household_size string comment 'persons, 5+ is the last band',
    household_composition string comment 'such as 2 Adults No Kids',
    kids_count string comment 'children, 3+ is the last band',
    rep_id string comment 'salesperson, a number in the CRM and no name; null: nobody, or not told',
    is_contactable boolean not null comment 'false: the customer has objected to marketing',
    objected_date date comment 'day at the CRM on which that was said; null: not said, or not told'
"""


def is_there() -> Column:
    """Whether a row tells of a customer whom the CRM works with."""
    return F.col("is_active") & F.col("merged_into").isNull()


def consent() -> dict[str, Column]:
    """Nothing ever said is no objection; a date without one (taken back) counts no more."""
    has_objected = F.coalesce("has_objected", F.lit(False))
    return {
        "is_contactable": ~has_objected,
        "objected_date": F.when(has_objected, F.col("objected_date")),
    }


def from_newest_snapshot(accounts: DataFrame) -> DataFrame:
    """Rows of the newest snapshot and of what came after it; all where there never was one."""
    place = F.struct(*PLACE)
    begins = F.max(F.when(F.col("_mode") == "snapshot", place)).alias("_begins")
    is_since = F.col("_begins").isNull() | (place >= F.col("_begins"))
    return accounts.crossJoin(F.broadcast(accounts.agg(begins))).where(is_since).drop("_begins")


def newest_first() -> list[Column]:
    return [F.desc(column) for column in (*PLACE, "_source_file", "_row_number")]


def current(accounts: DataFrame) -> DataFrame:
    """One row of bronze per customer whom the CRM has now: the newest."""
    told = from_newest_snapshot(accounts)
    return newest(told, ("account_id",), newest_first()).where(is_there())


def make(accounts: DataFrame) -> DataFrame:
    return (
        current(accounts)
        .withColumns(consent())
        .select(
            "account_id",
            "age_band",
            "income_band",
            "home_ownership",
            "marital_status",
            "household_size",
            "household_composition",
            "kids_count",
            "rep_id",
            "is_contactable",
            "objected_date",
            "_duplicates",
            "_superseded",
        )
    )


TABLE = Entities(
    "silver.accounts",
    SCHEMA,
    key=("account_id",),
    # an account is deleted by what a snapshot does not say
    inputs=(Input("bronze.accounts", touches=everything),),
    make=make,
)
