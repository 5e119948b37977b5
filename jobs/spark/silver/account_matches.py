"""silver.account_matches: one row per two accounts that are or may be one customer, and why.

Compared are accounts that share a block of silver.account_blocks, each two of them once: in the
first of the blocks that they share. `rule` says what the comparison came to: key (mailbox, number
or address equal, name equal, no age against it) and score (SAME_BITS or more) make them one, review
(REVIEW_BITS or more) puts them before a person, see `python -m jobs.identity review`. Accounts that
stay below are apart and have no row. The table says what was found, silver.account_identities what
became of it. No names: evidence is told in codes.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.spark import people
from jobs.spark.likeness import Likeness, Person, compared
from jobs.spark.silver.account_blocks import COMPARED, OWN, content
from jobs.table import Entities, Input, nothing

SAME_BITS = 2.0  # from here on one customer: odds of 4 to 1 by the model
REVIEW_BITS = -2.0  # from here on a person looks: odds of 1 to 4

SCHEMA = """
    block string not null comment 'personal data, hashed: the first block that both are in',
    account_id_a string not null comment 'customer, the smaller id as text',
    account_id_b string not null comment 'customer, the other one',
    rule string not null comment 'key, score or review',
    score_bits double not null comment 'log2 of the odds that both are one; 2 = 4 to 1',
    evidence array<string> not null comment 'codes such as email_equal, name_close, age_far',
    known_date date not null comment 'business day by whose closing both were known like this'
"""

VALUES = ("word", "email", "phone", "address", "postal_code", "population")
BITS = tuple(f"{value}_bits" for value in VALUES)


def pairs(blocks: DataFrame) -> DataFrame:
    """Each two accounts of a block, in the first block that they share only."""
    a, b = (
        blocks.where(~F.col("block").startswith(f"{OWN}/")).select(
            "block",
            F.col("account_id").alias(f"account_id_{side}"),
            F.col("blocks").alias(f"blocks_{side}"),
        )
        for side in "ab"
    )
    return (
        a.join(b, on="block", how="inner")
        .where("account_id_a < account_id_b")
        .where("block = array_min(array_intersect(blocks_a, blocks_b))")
        .select("block", "account_id_a", "account_id_b")
    )


def described(blocks: DataFrame, accounts: DataFrame) -> DataFrame:
    """Each account of the blocks once, with what is compared of it."""
    wanted = blocks.select("account_id", "content", *BITS, "known_date").distinct()
    told = accounts.select("account_id", content().alias("content"), *COMPARED).distinct()
    found = wanted.join(told, on=["account_id", "content"], how="inner")
    return found.select("account_id", F.struct(*COMPARED, *BITS, "known_date").alias("told"))


def person(told: dict[str, Any]) -> Person:
    return Person(
        words=dict(zip(people.words(told["display_name"]), told["word_bits"], strict=True)),
        email=people.email(told["email"]),
        email_bits=told["email_bits"] or 0,
        phone=people.phone(told["phone"]),
        phone_bits=told["phone_bits"] or 0,
        address=people.address(told["street"], told["postal_code"]),
        address_bits=told["address_bits"] or 0,
        postal_code=people.postal_code(told["postal_code"]),
        postal_code_bits=told["postal_code_bits"] or 0,
        age_band=told["age_band"],
    )


def rule(found: Likeness) -> str | None:
    """What a comparison comes to; null: the two are apart."""
    if found.is_key:
        return "key"
    if found.bits >= SAME_BITS and "name_other" not in found.evidence:
        return "score"
    return "review" if found.bits >= REVIEW_BITS else None


def scored(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Pairs that are not apart, in Python: rapidfuzz knows how alike two words are."""
    from jobs.lake import arrow_schema  # not for those who only read the DAG

    for batch in batches:
        rows = []
        for row in batch.to_pylist():
            a, b = row["told_a"], row["told_b"]
            found = compared(person(a), person(b), min(a["population_bits"], b["population_bits"]))
            if came_to := rule(found):
                rows.append(
                    {
                        **{name: row[name] for name in ("block", "account_id_a", "account_id_b")},
                        "rule": came_to,
                        "score_bits": found.bits,
                        "evidence": found.evidence,
                        "known_date": max(a["known_date"], b["known_date"]),
                    }
                )
        yield pa.RecordBatch.from_pylist(rows, schema=arrow_schema(FOUND))


FOUND = """block string, account_id_a string, account_id_b string, rule string, score_bits double,
    evidence array<string>, known_date date"""


def make(blocks: DataFrame, accounts: DataFrame) -> DataFrame:
    found = described(blocks, accounts)
    a = found.toDF("account_id_a", "told_a")
    b = found.toDF("account_id_b", "told_b")
    return (
        pairs(blocks)
        .join(a, on="account_id_a", how="inner")
        .join(b, on="account_id_b", how="inner")
        .mapInArrow(scored, FOUND)
    )


TABLE = Entities(
    "silver.account_matches",
    SCHEMA,
    key=("block", "account_id_a", "account_id_b"),
    unit=("block",),
    inputs=(
        Input("silver.account_blocks"),
        # names are read here; that they changed is told by the hash in silver.account_blocks
        Input("bronze.accounts", touches=nothing),
    ),
    make=make,
)
