"""What campaigns sent to a customer, and what the customer used of it."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

SUMS = ("received", "answered", "coupons_offered", "coupons_used")
BY_TYPE = f"array<struct<campaign_type:string,{','.join(f'{name}:int' for name in SUMS)}>>"


def sent(
    campaign_accounts: DataFrame, campaigns: DataFrame, coupons: DataFrame, redemptions: DataFrame
) -> DataFrame:
    """One row per customer whom a campaign addressed and type of it.

    The ERP lists the coupons of a campaign, not those that a customer was sent: of a large one
    (Type A) they may be fewer.
    """
    types = campaigns.select("campaign_id", "campaign_type")
    listed = coupons.select("campaign_id", "coupon_upc", F.lit(1).alias("listed")).distinct()
    offered = listed.groupBy("campaign_id").agg(F.count("*").alias("coupons_offered"))
    used = (
        redemptions.select("account_id", "campaign_id", "coupon_upc")
        .distinct()
        .join(F.broadcast(listed), on=["campaign_id", "coupon_upc"], how="left")
        .groupBy("account_id", "campaign_id")
        .agg(F.lit(1).alias("answered"), F.count("listed").alias("coupons_used"))
    )
    return (
        campaign_accounts.select("account_id", "campaign_id", F.lit(1).alias("received"))
        .join(F.broadcast(types), on="campaign_id", how="left")
        .join(F.broadcast(offered), on="campaign_id", how="left")
        .join(used, on=["account_id", "campaign_id"], how="left")
        .groupBy("account_id", "campaign_type")
        .agg(*[F.coalesce(F.sum(name), F.lit(0)).cast("int").alias(name) for name in SUMS])
    )


def responses(
    campaign_accounts: DataFrame, campaigns: DataFrame, coupons: DataFrame, redemptions: DataFrame
) -> DataFrame:
    """One row per customer whom a campaign addressed, or who redeemed a coupon of any."""

    def rate(part: str, whole: str) -> Column:
        return F.round(F.sum(part) / F.nullif(F.sum(whole), F.lit(0)), 4)

    by_type = F.sort_array(F.collect_list(F.struct("campaign_type", *SUMS)))
    addressed = (
        sent(campaign_accounts, campaigns, coupons, redemptions)
        .groupBy("account_id")
        .agg(
            F.sum("received").alias("campaigns_received"),
            rate("answered", "received").alias("campaign_answer_rate"),
            F.sum("coupons_offered").alias("coupons_offered"),
            rate("coupons_used", "coupons_offered").alias("coupon_use_rate"),
            by_type.alias("campaigns_by_type"),
        )
    )
    redeemed = redemptions.groupBy("account_id").agg(
        F.countDistinct("campaign_id").alias("campaigns_answered"),
        F.count("*").alias("coupons_redeemed"),
    )
    return addressed.join(redeemed, on="account_id", how="full")
