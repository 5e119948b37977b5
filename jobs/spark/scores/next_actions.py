"""scores.next_actions: one row per customer, playbook and period: what is to be done next, and why.

Every customer has one row: an action, or `nothing` with what stood against it. The rules are
next_actions.yaml; the day is that of the newest scores. An action's key is (account, playbook,
period): periods are counted from a Monday in 1970, so that it stays the same from day to day. What
was said on a day before is in the table's versions only.

Consent is that of now, and so are contacts.
"""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.spark import action_facts, playbooks
from jobs.spark.deciding import decided
from jobs.table import Entities, Input, everything

SCHEMA = """
    account_id string not null comment 'customer',
    playbook string not null comment 'of next_actions.yaml; nothing: nothing is to be done',
    period_start_date date not null comment 'first day of the period that the action is for once',
    action string not null comment 'call, coupon, reorder_reminder, win_back or nothing',
    channel string comment 'phone, email or post; null: nothing is to be done',
    due_date date comment 'day by which it is to be done; null: as channel',
    text string comment 'what a salesperson is to do; null: as channel',
    text_zh string comment 'the same in Chinese',
    expected_value_usd decimal(12,2) not null
        comment 'USD in eight weeks, chance x spend x an assumed share; 0: nothing is to be done',
    priority int comment 'place among all actions of the day, 1 is worth most; null: as channel',
    reason_code string not null comment 'the playbook, or why nothing is to be done',
    reasons array<struct<code:string,text:string>> not null
        comment 'up to 5: the playbook, then those of the scores that it asks for',
    reasons_zh array<string> not null comment 'sentences of reasons in Chinese, in their order',
    rests_on array<string> not null
        comment 'scores, and segment, that were asked for: name, model, version',
    playbooks_version string not null comment 'hash of next_actions.yaml',
    as_of_date date not null comment 'day that it is decided for, of the newest scores',
    valid_until date not null comment 'last day on which it should be done'
"""


def make(
    account_scores: DataFrame,
    account_segments: DataFrame,
    outbox: DataFrame,
    profiles: DataFrame,
    campaigns: DataFrame,
    addressed: DataFrame,
    redemptions: DataFrame,
    activities: DataFrame,
    opportunities: DataFrame,
) -> DataFrame:
    by = playbooks.read()
    facts = action_facts.facts(
        profiles,
        scores=(account_scores, account_segments, outbox),
        offers=(campaigns, addressed, redemptions),
        contacts=(activities, opportunities, by.contact),
    )
    return decided(facts, by).select(
        "account_id",
        "playbook",
        "period_start_date",
        "action",
        "channel",
        "due_date",
        "text",
        "text_zh",
        "expected_value_usd",
        "priority",
        "reason_code",
        "reasons",
        "reasons_zh",
        "rests_on",
        F.lit(by.version).alias("playbooks_version"),
        F.col("day").alias("as_of_date"),
        "valid_until",
    )


TABLE = Entities(
    "scores.next_actions",
    SCHEMA,
    key=("account_id", "playbook", "period_start_date"),
    unit=("account_id",),
    # the day's capacity is everybody's: one customer's news moves others
    inputs=(
        Input("scores.account_scores", touches=everything),
        Input("scores.account_segments", touches=everything),
        Input("scores.crm_outbox", touches=everything),
        Input("gold.account_profile", touches=everything),
        Input("silver.campaigns", touches=everything),
        Input("silver.campaign_accounts", touches=everything),
        Input("silver.redemptions", touches=everything),
        Input("silver.activities", touches=everything),
        Input("silver.opportunities", touches=everything),
    ),
    make=make,
)
