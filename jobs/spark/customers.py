"""What any account of a customer did is the customer's: see silver.account_identities."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

# by_key(…, reads=CUSTOMER): consent and new accounts are none of what was bought
CUSTOMER = "if(customer_id <> account_id, customer_id, null)"


def merged(identities: DataFrame) -> DataFrame:
    """Accounts that are another one's, few among all: their id and the customer's."""
    return identities.where("customer_id <> account_id").select("account_id", "customer_id")


def of_customer(rows: DataFrame, identities: DataFrame) -> DataFrame:
    """`account_id` becomes the customer's, `source_account_id` is the one received.

    An account that the CRM never had is its own.
    """
    source = merged(identities).withColumnRenamed("account_id", "source_account_id")
    return (
        rows.withColumnRenamed("account_id", "source_account_id")
        .join(F.broadcast(source), on="source_account_id", how="left")
        .withColumn("account_id", F.coalesce("customer_id", "source_account_id"))
        .drop("customer_id")
    )


def only_customers(rows: DataFrame, identities: DataFrame) -> DataFrame:
    """Without rows of accounts that are another one's."""
    return rows.join(F.broadcast(merged(identities)), on="account_id", how="left_anti")


def customers(accounts: DataFrame, identities: DataFrame) -> DataFrame:
    """Rows of silver.accounts of customers: who objects with one account objects with all."""
    said = identities.where("has_objected").select(
        "account_id", F.lit(True).alias("objects"), F.col("objected_date").alias("on_date")
    )
    return (
        only_customers(accounts, identities)
        .join(F.broadcast(said), on="account_id", how="left")
        .withColumn("is_contactable", F.col("is_contactable") & F.col("objects").isNull())
        .withColumn("objected_date", F.coalesce("on_date", "objected_date"))
        .drop("objects", "on_date")
    )
