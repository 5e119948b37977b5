"""silver.account_identities: one row per account, and the customer that it is.

Pairs of silver.account_matches, and what people decided about pairs here or by merging them in the
CRM, become groups (see
jobs/spark/groups.py: what contradicts is not joined); the account of a group that survives is the
customer: one that is in the CRM, then the most complete, then the one known longest, then the
smallest id. Everything downstream counts what any of its accounts bought as the customer's. What a
person decides overrides what was found, both ways; undone the same way: the next build separates.
"""

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from itertools import chain
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from jobs.spark import groups
from jobs.spark.columns import PLACE, closing_date
from jobs.spark.silver.account_blocks import OWN
from jobs.table import Entities, Input, everything

SCHEMA = """
    account_id string not null comment 'customer, party.code in the CRM',
    customer_id string not null comment 'account_id of the survivor; its own where it stands alone',
    accounts int not null comment 'accounts of this customer, this one included',
    joined_by string not null comment 'itself, key, score, crm or person: the surest link',
    has_objected boolean not null comment 'to marketing, by any account of this customer',
    objected_date date comment 'day at the CRM on which that was said first; null: not told',
    since_date date comment 'business day by whose closing that link was known; null: itself'
"""

FACTS = ("is_active", "filled_fields", "first_known_date")
PAIR = ("account_id_a", "account_id_b")


def spoken(decisions: DataFrame) -> DataFrame:
    """What people said last about each two accounts, whichever they named first."""
    a, b = F.least(*PAIR).alias(PAIR[0]), F.greatest(*PAIR).alias(PAIR[1])
    last = F.max_by(F.struct("decision", "decided_at"), F.struct("decided_at", *PLACE))
    return (
        decisions.where("account_id_a <> account_id_b")
        .groupBy(a, b)
        .agg(last.alias("last"))
        .select(
            *PAIR,
            F.when(F.col("last.decision") == "same", "person").otherwise("apart").alias("word"),
            closing_date("last.decided_at").alias("word_date"),
        )
    )


def merged_in_crm(former: DataFrame) -> DataFrame:
    """Accounts that people merged in the CRM itself."""
    ids = ("account_id", "merged_into")
    return former.where("merged_into <> account_id").select(
        F.least(*ids).alias(PAIR[0]),
        F.greatest(*ids).alias(PAIR[1]),
        F.lit("crm").alias("word"),
        F.col("left_date").alias("word_date"),
    )


def pairs(matches: DataFrame, decisions: DataFrame, former: DataFrame) -> DataFrame:
    """What is known of each two accounts: a person's word, else the CRM's, else what was found."""
    words = spoken(decisions)
    others = merged_in_crm(former).join(words, on=list(PAIR), how="left_anti")
    return matches.join(words.unionByName(others), on=list(PAIR), how="full").select(
        *PAIR,
        F.coalesce("word", "rule").alias("rule"),
        F.coalesce("score_bits", F.lit(0.0)).alias("bits"),
        F.coalesce("word_date", "known_date").alias("known_date"),
    )


def grouped(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Groups of all pairs, in Python and at once: where a chain ends is not known before."""
    from jobs.lake import arrow_schema  # not for those who only read the DAG

    rows = chain.from_iterable(batch.to_pylist() for batch in batches)
    found = groups.joined(pair(row) for row in rows)
    yield pa.RecordBatch.from_pylist(
        [asdict(member) for member in found], schema=arrow_schema(MEMBERS)
    )


def pair(row: dict[str, Any]) -> groups.Pair:
    a, b = (groups.Account(row[f"account_id_{s}"], **row[f"facts_{s}"]) for s in "ab")
    return groups.Pair(a, b, row["rule"], row["bits"], row["known_date"])


MEMBERS = "account_id string, customer_id string, accounts int, rule string, since_date date"


def make(
    blocks: DataFrame, matches: DataFrame, decisions: DataFrame, former: DataFrame
) -> DataFrame:
    known = blocks.where(F.col("block").startswith(f"{OWN}/"))
    customer = Window.partitionBy(F.coalesce("customer_id", "account_id"))
    facts = known.select("account_id", F.struct(*FACTS).alias("facts"))
    members = (
        pairs(matches, decisions, former)
        .join(facts.toDF("account_id_a", "facts_a"), on="account_id_a", how="inner")
        .join(facts.toDF("account_id_b", "facts_b"), on="account_id_b", how="inner")
        .repartition(1)
        .mapInArrow(grouped, MEMBERS)
    )
    return (
        known.select("account_id", "has_objected", "objected_date")
        .join(members, on="account_id", how="left")
        .select(
            "account_id",
            F.coalesce("customer_id", "account_id").alias("customer_id"),
            F.coalesce("accounts", F.lit(1)).alias("accounts"),
            F.coalesce("rule", F.lit("itself")).alias("joined_by"),
            F.max("has_objected").over(customer).alias("has_objected"),
            F.min("objected_date").over(customer).alias("objected_date"),
            "since_date",
        )
    )


TABLE = Entities(
    "silver.account_identities",
    SCHEMA,
    key=("account_id",),
    # where a chain of pairs leads, no single row says; pairs are few, and only what differs is
    # written
    inputs=(
        Input("silver.account_blocks", touches=everything),
        Input("silver.account_matches", touches=everything),
        Input("bronze.identity_decisions", touches=everything),
        Input("silver.former_accounts", touches=everything),
    ),
    make=make,
)
