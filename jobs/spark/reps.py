"""Who looks after a customer: a salesperson's number in the CRM."""

from pyspark.sql import DataFrame

from jobs.spark.customers import customers

NOBODY = "none"  # rep_id in tables that sum by it, of customers whom nobody looks after


def looked_after(accounts: DataFrame, identities: DataFrame) -> DataFrame:
    """One row per customer of the CRM: account_id, rep_id (null: nobody), is_contactable."""
    return customers(accounts, identities).select("account_id", "rep_id", "is_contactable")
