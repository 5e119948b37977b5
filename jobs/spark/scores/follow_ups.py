"""scores.follow_ups: one row per customer and thing that waits for a person, as of the day.

The day is the newest one with sales: an activity is compared with it, not with the clock. A task
that was made of a next action is an activity, so next actions stand here only as long as they are
none. What is due to be bought again is told only of customers who may be contacted.

Activities and opportunities of nobody (the CRM knows no customer yet) are left out.
"""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.spark.columns import at_shop
from jobs.spark.reps import looked_after
from jobs.table import Entities, Input, everything

AHEAD_DAYS = 7  # an activity that is due within them is told
SILENT_DAYS = 30  # an open opportunity without an activity for so long is told
LEAST_USD = 5  # what is to be bought again and expected to bring less is not worth a call

SCHEMA = """
    account_id string not null comment 'customer, as the CRM calls it',
    kind string not null
        comment 'activity, opportunity_overdue, opportunity_silent, next_action or renewal_overdue',
    subject string not null comment 'of the kind: activity, opportunity, playbook or category',
    due_date date not null comment 'day by which it was, or is, to be done',
    days_overdue int not null comment 'days from due_date to as_of_date; below 0: days left',
    rep_id string comment 'salesperson, a number in the CRM and no name; null: nobody, or not told',
    expected_amount decimal(18,4) comment 'in currency_code; null: nobody said',
    currency_code string comment 'ISO 4217, such as USD; null: nobody said',
    reason string not null comment 'why it waits, a sentence',
    reason_zh string not null comment 'the same in Chinese',
    as_of_date date not null comment 'newest day with sales'
"""

TOLD = (
    *("account_id", "kind", "subject", "due_date", "expected_amount", "currency_code"),
    *("reason", "reason_zh"),
)


def said(english: str, chinese: str, *values: str) -> dict[str, Column]:
    """A sentence in both languages; %s stand for columns."""
    # as texts: of a date Spark would write the number of its day
    texts = [F.col(value).cast("string") for value in values]
    return {
        "reason": F.format_string(english, *texts),
        "reason_zh": F.format_string(chinese, *texts),
    }


def open_activities(activities: DataFrame, day: DataFrame) -> DataFrame:
    what = F.coalesce("activity_type", F.lit("activity"))
    return (
        activities.where("not is_done and due_date is not null")
        .crossJoin(F.broadcast(day))
        .where(f"due_date <= date_add(day, {AHEAD_DAYS})")
        .withColumn("kind", F.lit("activity"))
        .withColumn("subject", F.concat_ws("/", "source_object", "activity_id"))
        .withColumn("what", what)
        .withColumns(said("%s planned for %s", "计划于 %2$s 进行: %1$s", "what", "due_date"))
    )


def overdue_opportunities(opportunities: DataFrame, day: DataFrame) -> DataFrame:
    """Open ones that were expected to be closed by now."""
    return (
        opportunities.where("status = 'open'")
        .crossJoin(F.broadcast(day))
        .where("expected_close_date < day")
        .withColumn("kind", F.lit("opportunity_overdue"))
        .withColumn("subject", F.col("opportunity_id"))
        .withColumn("due_date", F.col("expected_close_date"))
        .withColumns(
            said("Open, and was expected to close on %s", "尚未结束, 预计成交日为 %s", "due_date")
        )
    )


def silent_opportunities(
    opportunities: DataFrame, activities: DataFrame, day: DataFrame
) -> DataFrame:
    """Open ones about which nothing is planned, and nothing was done for a while."""
    last = F.max(F.coalesce("done_date", F.to_date(at_shop("opened_at"))))
    touched = (
        activities.where("opportunity_id is not null")
        .groupBy("opportunity_id")
        .agg(last.alias("touched_date"), F.bool_or(~F.col("is_done")).alias("is_planned"))
    )
    opened = F.to_date(at_shop(F.coalesce("opened_at", "changed_at")))
    return (
        opportunities.where("status = 'open'")
        .join(touched, on="opportunity_id", how="left")
        .where("is_planned is null or not is_planned")
        .crossJoin(F.broadcast(day))
        .withColumn("silent_since", F.greatest("touched_date", opened))
        .withColumn("kind", F.lit("opportunity_silent"))
        .withColumn("subject", F.col("opportunity_id"))
        .withColumn("due_date", F.date_add("silent_since", SILENT_DAYS))
        .where("due_date <= day")
        .withColumns(
            said(
                "Open, and nothing was done since %s",
                "尚未结束, 自 %s 起无任何跟进",
                "silent_since",
            )
        )
    )


def actions_to_take(actions: DataFrame, day: DataFrame) -> DataFrame:
    """Next actions that still hold and are no task yet: a task would be an open activity."""
    return (
        actions.where("action <> 'nothing' and due_date is not null")
        .crossJoin(F.broadcast(day))
        .where("valid_until >= day")
        .withColumn("kind", F.lit("next_action"))
        .withColumn("subject", F.col("playbook"))
        .withColumn("expected_amount", F.col("expected_value_usd").cast("decimal(18,4)"))
        .withColumn("currency_code", F.lit("USD"))
        .withColumn("reason", F.col("text"))
        .withColumn("reason_zh", F.col("text_zh"))
    )


def overdue_reorders(renewals: DataFrame, customers: DataFrame, day: DataFrame) -> DataFrame:
    """What a customer should have bought again by now; opportunities are told of above."""
    may_be_asked = customers.where("is_contactable").select("account_id")
    return (
        renewals.where(f"kind = 'reorder' and expected_amount >= {LEAST_USD}")
        .crossJoin(F.broadcast(day))
        .where("due_date < day and valid_until >= day")
        .join(may_be_asked, on="account_id", how="left_semi")
        .withColumn("kind", F.lit("renewal_overdue"))
        .withColumns(
            said(
                "%s is bought every %s days, last on %s",
                "%s 每 %s 天购买一次, 上次为 %s",
                *("subject", "gap_days", "last_date"),
            )
        )
    )


def make(
    calendar: DataFrame,
    activities: DataFrame,
    opportunities: DataFrame,
    renewals: DataFrame,
    actions: DataFrame,
    accounts: DataFrame,
    identities: DataFrame,
) -> DataFrame:
    # nothing sold, no day, and so no row
    day = calendar.where("has_sales").agg(F.max("calendar_date").alias("day"))
    day = day.where("day is not null")
    customers = looked_after(accounts, identities)
    none = F.lit(None)
    amounts = {"expected_amount": none.cast("decimal(18,4)"), "currency_code": none.cast("string")}
    waiting = [
        open_activities(activities, day).withColumns(amounts),
        overdue_opportunities(opportunities, day),
        silent_opportunities(opportunities, activities, day),
        actions_to_take(actions, day),
        overdue_reorders(renewals, customers, day),
    ]
    found = waiting[0].select(*TOLD)
    for each in waiting[1:]:
        found = found.unionByName(each.select(*TOLD))
    return (
        found.where("account_id is not null")
        .crossJoin(F.broadcast(day))
        .join(customers, on="account_id", how="left")
        .select(
            "account_id",
            "kind",
            "subject",
            "due_date",
            F.datediff("day", "due_date").alias("days_overdue"),
            "rep_id",
            "expected_amount",
            "currency_code",
            "reason",
            "reason_zh",
            F.col("day").alias("as_of_date"),
        )
    )


TABLE = Entities(
    "scores.follow_ups",
    SCHEMA,
    key=("account_id", "kind", "subject"),
    unit=("account_id",),
    # each row tells how late it is, so a new day makes all of them anew; they are few
    inputs=tuple(
        Input(name, touches=everything)
        for name in (
            "silver.calendar",
            "silver.activities",
            "silver.opportunities",
            "gold.renewals",
            "scores.next_actions",
            "silver.accounts",
            "silver.account_identities",
        )
    ),
    make=make,
)
