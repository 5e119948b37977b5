"""What next actions are decided on: a row of FACTS per customer, as of the day of newest scores."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.spark import holding
from jobs.spark.deciding import FACTS
from jobs.spark.playbooks import Contact
from jobs.table import columns

SPEND_DAYS = 56  # eight weeks, as the score `value` tells of
AHEAD_DAYS = 28  # an offer that begins within them is open
PROFILE = (
    *("account_id", "is_in_crm", "is_contactable"),
    *("spend_usd", "first_order_date", "last_order_date"),
)
BUYS_AGAIN = "bought_often"  # reason of a recommendation


def newest_day(account_scores: DataFrame, outbox: DataFrame) -> DataFrame:
    dates = account_scores.select("as_of_date").union(outbox.select("as_of_date"))
    # no score, no day, and so no row
    return dates.agg(F.max("as_of_date").alias("day")).where("day is not null")


def newest_segments(account_segments: DataFrame, day: DataFrame) -> DataFrame:
    """One row per account: the newest segment that holds."""
    names = {"code": "segment_code", "en": "segment_name", "zh": "segment_name_zh"}
    names |= {name: name for name in ("rests_on", "valid_until")}
    told = F.struct(*[F.col(f"segment.{of}").alias(name) for name, of in names.items()])
    newest = holding.newest_segment(holding.on_day(account_segments, day))
    return newest.select("account_id", told.alias("segment"))


def open_offers(
    campaigns: DataFrame, addressed: DataFrame, redemptions: DataFrame, day: DataFrame
) -> DataFrame:
    """One row per account: the campaigns that address it, are open or about to be, and unused."""
    used = redemptions.select("campaign_id", "account_id")
    is_open = f"end_date >= day and start_date <= date_add(day, {AHEAD_DAYS})"
    of_now = campaigns.crossJoin(F.broadcast(day)).where(is_open)
    found = addressed.join(
        F.broadcast(of_now.select("campaign_id", "start_date", "end_date")),
        on="campaign_id",
        how="inner",
    ).join(used, on=["campaign_id", "account_id"], how="left_anti")
    each = F.collect_list(F.struct("end_date", "start_date", "campaign_id"))
    return found.groupBy("account_id").agg(F.array_sort(each).alias("offers"))


def with_offer(facts: DataFrame) -> DataFrame:
    """The open offer: the one that a score asks about, else the first to end."""
    scored = F.col("offer_response.campaign_id")
    about = F.filter("offers", lambda one: one["campaign_id"] == scored)
    chosen = F.coalesce(
        F.try_element_at(about, F.lit(1)), F.try_element_at(F.col("offers"), F.lit(1))
    )
    is_about_it = F.col("_offer.campaign_id") == scored
    return facts.withColumn("_offer", chosen).withColumns(
        {
            "offer": F.col("_offer.campaign_id"),
            "offer_start_date": F.col("_offer.start_date"),
            "offer_end_date": F.col("_offer.end_date"),
            "offer_response": F.when(is_about_it, F.col("offer_response")),
        }
    )


def contacted(activities: DataFrame, day: DataFrame, by: Contact) -> DataFrame:
    """One row per account: how often it was contacted of late, when last, and what is planned.

    By the clock of the CRM: what was done after the day of the scores counts.
    """
    on = F.coalesce("done_date", F.to_date("changed_at"))
    is_contact = F.col("is_done") & F.col("activity_type").isin(*by.activity_types)
    told = activities.where("account_id is not null").crossJoin(F.broadcast(day))
    contact = F.when(is_contact, on)
    return told.groupBy("account_id").agg(
        F.count_if(contact > F.date_sub("day", by.days)).cast("int").alias("contacts"),
        F.max(contact).alias("last_contact_date"),
        F.bool_or(~F.col("is_done")).alias("has_open_activity"),
    )


def products(outbox: DataFrame, day: DataFrame) -> DataFrame:
    """One row per account: the product it is likeliest to buy again, where that leads its list."""
    leads = F.try_element_at(F.col("reasons.code"), F.lit(1)) == BUYS_AGAIN
    first = F.try_element_at(F.col("next_products"), F.lit(1))
    held = holding.on_day(outbox, day)
    return held.select("account_id", F.when(leads, first).alias("product"))


def with_spend(facts: DataFrame) -> DataFrame:
    """Spend of eight weeks. Who bought for a shorter time is taken to have bought for so long."""
    tenure = F.datediff("last_order_date", "first_order_date") + 1
    usual = F.col("spend_usd").cast("double") / F.greatest(tenure, F.lit(SPEND_DAYS)) * SPEND_DAYS
    return facts.withColumns(
        {
            "usual_spend": usual,
            "expected_spend": F.coalesce("value.score", usual),
            "days_since_order": F.datediff("day", "last_order_date"),
        }
    )


def in_talks(opportunities: DataFrame) -> DataFrame:
    is_open = F.lit(True).alias("has_open_opportunity")
    return opportunities.where("status = 'open'").select("account_id", is_open).distinct()


def facts(
    profiles: DataFrame,
    scores: tuple[DataFrame, DataFrame, DataFrame],
    offers: tuple[DataFrame, DataFrame, DataFrame],
    contacts: tuple[DataFrame, DataFrame, Contact],
) -> DataFrame:
    """A row per customer.

    Args:
        scores: scores.account_scores, scores.account_segments, scores.crm_outbox.
        offers: campaigns, the accounts that they address, redemptions.
        contacts: activities, opportunities, which activities count.
    """
    account_scores, account_segments, outbox = scores
    activities, opportunities, by = contacts
    day = newest_day(account_scores, outbox)
    newest_scores = holding.newest_scores(holding.on_day(account_scores, day))
    found = (
        profiles.select(*PROFILE)
        .crossJoin(F.broadcast(day))
        .join(newest_scores, on="account_id", how="left")
        .join(newest_segments(account_segments, day), on="account_id", how="left")
        .join(open_offers(*offers, day), on="account_id", how="left")
        .join(contacted(activities, day, by), on="account_id", how="left")
        .join(products(outbox, day), on="account_id", how="left")
        .join(in_talks(opportunities), on="account_id", how="left")
    )
    told = found.transform(with_offer).transform(with_spend)
    told = told.fillna(False, ["has_open_opportunity", "has_open_activity"])
    told = told.fillna(0, ["contacts"])
    return told.select(*[column.name for column in columns(FACTS)])
