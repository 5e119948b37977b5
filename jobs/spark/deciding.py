"""One decision a customer: of the playbooks that fit the one worth most, or nothing, and why.

Facts are one row per customer, see `FACTS`. Same facts, same decisions: ties go to the playbook
that stands first, and to the smaller account_id.
"""

from string import Formatter
from typing import get_args

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from jobs.reviewed import Text
from jobs.spark.grading import MAX_REASONS
from jobs.spark.playbooks import Playbook, Playbooks, Score, When

SCORE = (
    "struct<score:double,grade:string,trend:string,reasons:array<struct<code:string,text:string>>,"
    "reasons_zh:array<string>,valid_until:date,campaign_id:string,rests_on:string>"
)

# What is decided on. USD are of eight weeks; null: not asked, or none; what begins with is_ or has_
# is never null.
FACTS = f"""
    account_id string, day date, is_in_crm boolean, is_contactable boolean,
    churn {SCORE}, soft_churn {SCORE}, offer_response {SCORE}, value {SCORE},
    usual_spend double, expected_spend double,
    days_since_order int, offer string, offer_start_date date, offer_end_date date, product string,
    has_open_opportunity boolean, has_open_activity boolean, contacts int, last_contact_date date,
    segment struct<code:string,en:string,zh:string,rests_on:string,valid_until:date>
"""

NOTHING = "nothing"
CUSTOMER = ("account_id", "day", "is_in_crm", "is_contactable")
FIRST_MONDAY = "1970-01-05"  # periods are counted from it
DECISION = (
    *("action", "playbook", "period_start_date", "channel", "due_date", "expected_value_usd"),
    *("text", "text_zh", "reason_code", "reasons", "reasons_zh", "rests_on", "valid_until"),
)


def decided(facts: DataFrame, by: Playbooks) -> DataFrame:
    """A row per customer: account_id, day, priority and DECISION."""
    fits = F.array(*[_candidate(one, -place) for place, one in enumerate(by.playbooks)])
    is_worth = F.col("_one.is_cool") & (F.col("_one.expected_value_usd") >= by.least_usd)
    customer = [*CUSTOMER, "has_open_activity", "contacts"]
    return (
        facts.select(*customer, F.explode_outer(F.array_compact(fits)).alias("_one"))
        .groupBy(*customer)
        .agg(
            F.count("_one").alias("_fitting"),
            F.count_if("_one.is_cool").alias("_cool"),
            # structs are compared by their first fields: the value, then the place in the file
            F.max(F.when(is_worth, F.col("_one"))).alias("_best"),
        )
        .withColumn("_why", _why_nothing(by))
        .withColumn("_best", F.when(F.col("_why").isNull(), F.col("_best")))
        .transform(_within_capacity, by.a_day)
        .withColumn("_told", F.coalesce("_best", _nothing(by)))
        .select("account_id", "day", "priority", *[F.col(f"_told.{name}") for name in DECISION])
    )


def _why_nothing(by: Playbooks) -> Column:
    return (
        F.when(~F.col("is_in_crm"), "not_in_crm")
        .when(~F.col("is_contactable"), "objected")
        .when(F.col("_fitting") == 0, "no_playbook")
        .when(F.col("has_open_activity"), "open_activity")
        .when(F.col("contacts") >= by.contact.at_most, "contact_limit")
        .when(F.col("_cool") == 0, "cool_down")
        .when(F.col("_best").isNull(), "too_little")
    )


def _within_capacity(chosen: DataFrame, a_day: int) -> DataFrame:
    """Rank the actions of the day; beyond what people can do there is none."""
    is_action = F.col("_best").isNotNull()
    # who has none is a part of its own: nobody sorts them all in one place
    apart = F.when(~is_action, F.col("account_id"))
    most_first = Window.partitionBy("day", apart).orderBy(
        F.desc("_best.expected_value_usd"), "account_id"
    )
    place = F.when(is_action, F.row_number().over(most_first))
    is_within = F.col("_place") <= a_day
    return (
        chosen.withColumn("_place", place)
        .withColumn("_why", F.when(F.col("_place") > a_day, "capacity").otherwise(F.col("_why")))
        .withColumn("_best", F.when(is_within, F.col("_best")))
        .withColumn("priority", F.when(is_within, F.col("_place")))
    )


def _candidate(one: Playbook, place: int) -> Column:
    """What a playbook would do, null where it does not fit."""
    until = _until(one)
    due = F.date_add("day", one.due_days)
    due = F.greatest(due, "offer_start_date") if one.when.open_offer else due
    days = F.datediff("day", F.lit(FIRST_MONDAY).cast("date"))
    since = F.datediff("day", "last_contact_date")
    value = _value(one)
    told = {
        "expected_value_usd": value,
        "place": F.lit(place),
        "action": F.lit(one.action),
        "playbook": F.lit(one.playbook),
        "period_start_date": F.date_sub("day", F.pmod(days, F.lit(one.period_days)).cast("int")),
        "channel": F.lit(one.channel),
        "due_date": F.least(due, until),
        "text": _told(one.text, "en", one),
        "text_zh": _told(one.text, "zh", one),
        "reason_code": F.lit(one.playbook),
        **_why(one),
        "valid_until": until,
        # a contact may be of after the scores' day
        "is_cool": since.isNull() | (since >= one.cool_down_days) | F.lit(not one.cool_down_days),
    }
    fits = _fits(one.when) & value.isNotNull()
    if one.when.open_offer:
        # what rests on scores of today cannot be put off until the offer begins
        fits &= F.col("offer_start_date") <= until
    return F.when(fits, _struct(told))


def _value(one: Playbook) -> Column:
    chance = F.col(f"{one.worth.chance}.score") if one.worth.chance else F.lit(1.0)
    value = chance * F.col(one.worth.spend) * one.worth.assumed_share
    return F.round(value, 2).cast("decimal(12,2)")


def _until(one: Playbook) -> Column:
    """An action holds as long as what it rests on, and no longer than a period from its day on."""
    ends = [F.date_add("day", one.period_days - 1)]
    ends += [F.col(f"{what}.valid_until") for what in _resting_on(one)]  # null: not asked
    ends += [F.col("offer_end_date")] if one.when.open_offer else []
    return F.least(*ends, ends[0])  # least wants two


def _why(one: Playbook) -> dict[str, Column]:
    """The playbook's own reason, then those of the scores that it asks for.

    First those of the chance that it is worth by: there is no room for all.
    """
    own = _struct({"code": F.lit(one.playbook), "text": _told(one.reason, "en", one)})
    scores = sorted(_scores(one.when), key=lambda score: score != one.worth.chance)
    english = F.concat(F.array(own), *[f"{score}.reasons" for score in scores])
    chinese = F.concat(
        F.array(_told(one.reason, "zh", one)), *[f"{score}.reasons_zh" for score in scores]
    )
    rests_on = F.array(*[f"{what}.rests_on" for what in _resting_on(one)]).cast("array<string>")
    return {
        "reasons": F.slice(english, 1, MAX_REASONS),
        "reasons_zh": F.slice(chinese, 1, MAX_REASONS),
        "rests_on": F.array_compact(rests_on),
    }


def _scores(when: When) -> list[str]:
    return [score for score in get_args(Score) if getattr(when, score)]


def _resting_on(one: Playbook) -> list[str]:
    asked = ["value"] * (one.worth.spend == "expected_spend")
    return _scores(one.when) + asked + ["segment"] * bool(one.when.segments)


def _fits(when: When) -> Column:
    asked = F.lit(True)
    for score in _scores(when):
        graded = getattr(when, score)
        asked &= F.col(f"{score}.grade").isin(*graded.grades)
        asked &= F.col(f"{score}.trend").isin(*graded.trends)
    if when.open_offer is not None:
        asked &= F.col("offer").isNotNull() == when.open_offer
    if when.open_opportunity is not None:
        asked &= F.col("has_open_opportunity") == when.open_opportunity
    if when.buys_again is not None:
        asked &= F.col("product").isNotNull() == when.buys_again
    if days := when.days_since_order:
        asked &= F.col("days_since_order").between(days.at_least, days.at_most)
    if when.segments:
        asked &= F.col("segment.code").isin(*when.segments)
    return asked


def _told(text: Text, language: str, one: Playbook) -> Column:
    """A text with what is told of the customer in its places."""

    def percent(share: Column) -> Column:
        return F.concat(F.format_number(share * 100, 0), F.lit("%"))

    def usd(amount: str) -> Column:
        return F.concat(F.format_number(amount, 0), F.lit(" USD"))

    told = {
        "share": F.lit(f"{100 * one.worth.assumed_share:g}%"),  # as it is assumed, not rounded
        "usual_spend": usd("usual_spend"),
        "expected_spend": usd("expected_spend"),
        "churn_chance": percent(F.col("churn.score")),
        "soft_churn_chance": percent(F.col("soft_churn.score")),
        "offer_chance": percent(F.col("offer_response.score")),
        **{name: F.col(name) for name in ("offer", "product")},
        "offer_end": F.col("offer_end_date").cast("string"),
        "days_since_order": F.col("days_since_order").cast("string"),
        "segment": F.col(f"segment.{language}"),
    }
    parts = []
    for words, slot, _, _ in Formatter().parse(getattr(text, language)):
        parts += [F.lit(words), *([told[slot]] if slot else [])]
    return F.concat(*parts)


def _nothing(by: Playbooks) -> Column:
    """The row of a customer for whom nothing is to be done."""

    def said(language: str) -> Column:
        pairs = [(code, getattr(text, language)) for code, text in by.nothing.items()]
        return F.create_map(*[F.lit(part) for pair in pairs for part in pair])[F.col("_why")]

    none = F.lit(None)
    return _struct(
        {
            "expected_value_usd": F.lit(0).cast("decimal(12,2)"),
            "place": F.lit(0),
            "action": F.lit(NOTHING),
            "playbook": F.lit(NOTHING),
            "period_start_date": F.col("day"),
            "channel": none.cast("string"),
            "due_date": none.cast("date"),
            "text": none.cast("string"),
            "text_zh": none.cast("string"),
            "reason_code": F.col("_why"),
            "reasons": F.array(_struct({"code": F.col("_why"), "text": said("en")})),
            "reasons_zh": F.array(said("zh")),
            "rests_on": F.array().cast("array<string>"),
            "valid_until": F.col("day"),
            "is_cool": F.lit(True),
        }
    )


def _struct(told: dict[str, Column]) -> Column:
    return F.struct(*[column.alias(name) for name, column in told.items()])
