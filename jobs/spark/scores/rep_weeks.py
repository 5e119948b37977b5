"""scores.rep_weeks: one row per salesperson and week that is over: what their customers did.

Whose a customer is, is what the CRM says now: a customer who moves takes the past weeks along, so
that the weeks of one salesperson are of the same customers and can be compared. Customers whom
nobody looks after, and buyers who are not in the CRM, are those of `none`; so the sums over all
salespeople are the company's, but for orders without a customer.

Opportunities and activities are as the CRM has them now, dated by its clock; one that was deleted
is gone from past weeks too.
"""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from jobs.spark.columns import at_shop
from jobs.spark.reps import NOBODY, looked_after
from jobs.table import Entities, Input, everything

WEEKS_BEFORE = 12  # that a week is compared with
AT_RISK = ("D", "E")  # grades of churn

STATES = ("open", "won", "lost")  # of opportunities

STATE_AMOUNTS = ",".join(f"{state}:decimal(18,4)" for state in STATES)
AMOUNTS = f"array<struct<currency_code:string,{STATE_AMOUNTS}>>"
SCHEMA = f"""
    rep_id string not null comment 'salesperson, a number in the CRM and no name; none: nobody',
    week_start_date date not null comment 'Monday of the business week',
    week_end_date date not null comment 'its Sunday',
    customers int not null comment 'whom they look after now, those who never bought included',
    active_customers int not null comment 'of them, who bought in the week',
    customers_at_risk int
        comment 'of them, whose churn grade was D or E at the end of the week; null: no score then',
    orders int not null comment 'orders of the week',
    sales_usd decimal(12,2) not null comment 'USD that the shops received in the week',
    sales_week_before_usd decimal(12,2) comment 'USD of the week before; null: the first week',
    sales_12_weeks_mean_usd decimal(12,2)
        comment 'USD a week, mean of up to 12 weeks before; null: the first week',
    activities_done int not null comment 'activities done, or put aside, in the week',
    opportunities_open int not null comment 'open at the end of the week',
    opportunities_won int not null comment 'won in the week',
    opportunities_lost int not null comment 'lost in the week',
    opportunity_amounts {AMOUNTS} not null
        comment 'what is expected of them by currency, as the CRM says now'
"""

WEEK = ("rep_id", "week_start_date")


def by_rep(days: DataFrame, accounts: DataFrame, identities: DataFrame) -> DataFrame:
    """One row per customer, of the CRM or who bought: account_id, rep_id."""
    known = looked_after(accounts, identities).select("account_id", "rep_id")
    bought = days.select("account_id").distinct()
    return known.join(bought, on="account_id", how="full").select(
        "account_id", F.coalesce("rep_id", F.lit(NOBODY)).alias("rep_id")
    )


def week_of(date: str | Column) -> Column:
    return F.to_date(F.date_trunc("week", date)).alias("week_start_date")


def bought(days: DataFrame, reps: DataFrame) -> DataFrame:
    """Sums over the days of a week."""
    return (
        days.join(reps, on="account_id", how="inner")
        .groupBy("rep_id", week_of("business_date"))
        .agg(
            F.countDistinct("account_id").alias("active_customers"),
            F.sum("orders").alias("orders"),
            F.sum("sales_usd").alias("sales_usd"),
        )
    )


def at_risk(scores: DataFrame, weeks: DataFrame, reps: DataFrame) -> DataFrame:
    """Of the newest score that held at the end of a week; weeks without any have no row."""
    newest = F.max_by("grade", "as_of_date").alias("grade")
    held_then = "week_end_date between as_of_date and valid_until"
    held = (
        scores.where("score_name = 'churn'")
        .join(F.broadcast(weeks), on=F.expr(held_then), how="inner")
        .groupBy("account_id", "week_start_date")
        .agg(newest)
    )
    return (
        held.join(reps, on="account_id", how="inner")
        .groupBy(*WEEK)
        .agg(F.count_if(F.col("grade").isin(*AT_RISK)).alias("customers_at_risk"))
    )


def done(activities: DataFrame, reps: DataFrame) -> DataFrame:
    return (
        activities.where("is_done and done_date is not null")
        .join(reps, on="account_id", how="inner")
        .groupBy("rep_id", week_of("done_date"))
        .agg(F.count("*").alias("activities_done"))
    )


def talks(opportunities: DataFrame, weeks: DataFrame, reps: DataFrame) -> DataFrame:
    """Opportunities open at the end of a week, and won and lost in it."""
    opened = F.to_date(at_shop(F.coalesce("opened_at", "changed_at")))
    # a CRM without the instant has the day in the field of the expected one, which may lie ahead
    changed = F.to_date(at_shop("changed_at"))
    closed = F.coalesce(F.to_date(at_shop("closed_at")), F.least("expected_close_date", changed))
    dated = opportunities.withColumns(
        {"opened": opened, "closed": F.when(F.col("status") != "open", closed)}
    )
    in_week = "closed between week_start_date and week_end_date"
    state = F.expr(
        f"""case when {in_week} then status
        when opened <= week_end_date and (status = 'open' or closed > week_end_date) then 'open' end
        """
    )
    by_currency = (
        dated.join(reps, on="account_id", how="inner")
        .crossJoin(F.broadcast(weeks))
        .withColumn("state", state)
        .where("state is not null")
        .groupBy(*WEEK, "currency_code")
        .agg(*[counted(name) for name in STATES], *[amount(name) for name in STATES])
    )
    told = F.struct("currency_code", *[F.col(f"{name}_amount").alias(name) for name in STATES])
    return by_currency.groupBy(*WEEK).agg(
        *[F.sum(name).alias(f"opportunities_{name}") for name in STATES],
        F.array_sort(F.collect_list(told)).alias("opportunity_amounts"),
    )


def counted(name: str) -> Column:
    return F.count_if(F.col("state") == name).alias(name)


def amount(name: str) -> Column:
    of_it = F.when(F.col("state") == name, F.col("expected_amount"))
    return F.coalesce(F.sum(of_it), F.lit(0)).cast("decimal(18,4)").alias(f"{name}_amount")


def compared(weeks: DataFrame) -> DataFrame:
    """Each week beside the one before, and the mean of those before."""
    in_time = Window.partitionBy("rep_id").orderBy("week_start_date")
    before = in_time.rowsBetween(-WEEKS_BEFORE, -1)
    return weeks.withColumns(
        {
            "sales_week_before_usd": F.lag("sales_usd").over(in_time),
            "sales_12_weeks_mean_usd": F.avg("sales_usd").over(before).cast("decimal(12,2)"),
        }
    )


def number(name: str) -> Column:
    return F.coalesce(name, F.lit(0)).cast("int").alias(name)


def make(
    days: DataFrame,
    closed_weeks: DataFrame,
    accounts: DataFrame,
    identities: DataFrame,
    scores: DataFrame,
    activities: DataFrame,
    opportunities: DataFrame,
) -> DataFrame:
    weeks = closed_weeks.select("week_start_date", "week_end_date")
    reps = by_rep(days, accounts, identities)
    everyone = reps.groupBy("rep_id").agg(F.count("*").cast("int").alias("customers"))
    on = list(WEEK)
    return (
        everyone.crossJoin(F.broadcast(weeks))
        .join(bought(days, reps), on=on, how="left")
        .withColumn("sales_usd", F.coalesce("sales_usd", F.lit(0)).cast("decimal(12,2)"))
        .transform(compared)
        .join(at_risk(scores, weeks, reps), on=on, how="left")
        .join(done(activities, reps), on=on, how="left")
        .join(talks(opportunities, weeks, reps), on=on, how="left")
        .select(
            *WEEK,
            "week_end_date",
            "customers",
            number("active_customers"),
            F.col("customers_at_risk").cast("int"),
            number("orders"),
            "sales_usd",
            "sales_week_before_usd",
            "sales_12_weeks_mean_usd",
            number("activities_done"),
            *[number(f"opportunities_{name}") for name in STATES],
            F.coalesce("opportunity_amounts", F.array().cast(AMOUNTS)).alias("opportunity_amounts"),
        )
    )


TABLE = Entities(
    "scores.rep_weeks",
    SCHEMA,
    key=WEEK,
    # whose a customer is now holds for all weeks; what did not change is not written
    inputs=tuple(
        Input(name, touches=everything)
        for name in (
            "gold.account_days",
            "gold.closed_weeks",
            "silver.accounts",
            "silver.account_identities",
            "scores.account_scores",
            "silver.activities",
            "silver.opportunities",
        )
    ),
    make=make,
)
