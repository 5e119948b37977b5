"""silver.account_blocks: one row per account and block of accounts that it is compared with.

Only accounts that share a block are compared, so that pairs grow with the accounts and not with
their square. What makes a block: the same mailbox, what stands before its @, telephone, address,
whole name, or a word of the name in one postal code. A block of more than MAX_BLOCK accounts (a
family name in a big town, a switchboard's number) tells nobody apart: it is left out, and told. The
block `account/…` is an account's own.

Accounts that left the CRM stay: what they bought belongs to somebody. Values are hashed, names stay
in bronze; who guesses an address can find its hash, so it is for nobody's dashboard.
"""

from collections.abc import Iterable, Iterator

import pyarrow as pa
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from jobs.spark import people
from jobs.spark.columns import PLACE, closing_date
from jobs.table import Entities, Input, everything

MAX_BLOCK = 50  # accounts; each is compared with at most 49 others of a block
LEAST_MAILBOX = 6  # characters before the @: `info` and `anna` are many people's
OWN = "account"  # the kind of an account's own block

# of bronze.accounts: what is compared
COMPARED = ("display_name", "email", "phone", "street", "postal_code", "age_band")

SCHEMA = """
    block string not null comment 'personal data, hashed: kind and what its accounts share',
    account_id string not null comment 'customer, party.code in the CRM',
    blocks array<string> not null comment 'personal data, hashed: those in which it is compared',
    content bigint not null comment 'hash of the compared fields in bronze.accounts',
    word_bits array<int> not null comment 'of each word of the name: log2(accounts / with it)',
    email_bits int comment 'log2(accounts / accounts with this e-mail); null: it has none',
    phone_bits int comment 'log2(accounts / accounts with this number); null: it has none',
    address_bits int comment 'log2(accounts / accounts at this address); null: it has none',
    postal_code_bits int comment 'log2(accounts / accounts with this code); null: it has none',
    population_bits int not null comment 'log2 of the accounts; all of these rounded down',
    is_active boolean not null comment 'in the CRM now',
    filled_fields int not null comment 'how many of the compared fields have a value',
    first_known_date date not null comment 'business day by whose closing the account was known',
    known_date date not null comment 'business day by whose closing these fields were known',
    has_objected boolean not null comment 'to marketing',
    objected_date date comment 'day at the CRM on which that was said; null: not said, or not told',
    skipped_blocks int not null comment 'blocks of the account left out for their size'
"""

VALUES = """account_id string, words array<string>, email string, phone string, address string,
    postal_code string"""


def content() -> Column:
    """Hash of the compared fields, and of where they are null: Spark's hash passes over that."""
    return F.xxhash64(*COMPARED, *[F.isnull(name) for name in COMPARED])


def told_last(accounts: DataFrame) -> DataFrame:
    """Each account by its newest fields, with when these and the account were first told."""
    place = F.struct("as_of_date", *PLACE)
    said = F.struct(F.coalesce("has_objected", F.lit(False)).alias("has_objected"), "objected_date")
    told = accounts.groupBy("account_id", content().alias("content"), *COMPARED).agg(
        F.max(place).alias("place"),
        F.max_by(said, place).alias("said"),
        F.min("_known_at").alias("known_at"),
    )
    newest = F.max_by(F.struct("content", *COMPARED, "said", "known_at"), "place")
    first = F.min("known_at").alias("first_known_at")
    by_account = told.groupBy("account_id").agg(newest.alias("newest"), first)
    return by_account.select("account_id", "newest.*", "first_known_at").select(
        "account_id",
        "content",
        *COMPARED,
        "said.has_objected",
        F.when(F.col("said.has_objected"), F.col("said.objected_date")).alias("objected_date"),
        closing_date("known_at").alias("known_date"),
        closing_date("first_known_at").alias("first_known_date"),
    )


def values(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Normal forms, in Python: no function of Spark's knows telephone numbers or alphabets."""
    from jobs.lake import arrow_schema  # not for those who only read the DAG

    for batch in batches:
        rows = [
            {
                "account_id": row["account_id"],
                "words": people.words(row["display_name"]),
                "email": people.email(row["email"]),
                "phone": people.phone(row["phone"]),
                "address": people.address(row["street"], row["postal_code"]),
                "postal_code": people.postal_code(row["postal_code"]),
            }
            for row in batch.to_pylist()
        ]
        yield pa.RecordBatch.from_pylist(rows, schema=arrow_schema(VALUES))


def with_bits(found: DataFrame, population: DataFrame) -> DataFrame:
    """How rare each value is, in powers of two: a few accounts more leave all rows as they are."""

    def bits(name: str) -> Column:
        others = F.count(F.lit(1)).over(Window.partitionBy(name))
        rarity = F.col("population_bits") - F.floor(F.log2(others)).cast("int")
        return F.when(F.col(name).isNotNull(), rarity).alias(f"{name}_bits")

    whole = found.crossJoin(F.broadcast(population)).select(
        "*", *[bits(name) for name in ("email", "phone", "address", "postal_code")]
    )
    return (
        whole.select("*", F.posexplode_outer("words").alias("place", "word"))
        .select("*", bits("word"))
        .groupBy(*whole.columns)
        .agg(F.array_sort(F.collect_list(F.struct("place", "word_bits"))).alias("by_place"))
        .withColumn("word_bits", F.filter("by_place.word_bits", F.isnotnull))
        .drop("by_place")
    )


def in_blocks(found: DataFrame) -> DataFrame:
    """One row per account and block that others share, or that is its own."""

    def block(kind: str, value: Column | str) -> Column:
        hashed = F.lower(F.hex(F.xxhash64(value)))
        exists = F.isnotnull(value)
        return F.when(exists, F.concat(F.lit(f"{kind}/"), hashed))

    mailbox = F.regexp_extract("email", f"^(.{{{LEAST_MAILBOX},}})@", 1)
    kinds = F.array(
        block(OWN, "account_id"),
        block("email", "email"),
        block("mailbox", F.nullif(mailbox, F.lit(""))),
        block("phone", "phone"),
        block("address", "address"),
        block("name", F.nullif(F.array_join("words", " "), F.lit(""))),
    )
    places = F.transform(
        "words", lambda word: block("place", F.concat("postal_code", F.lit(" "), word))
    )
    size = F.count(F.lit(1)).over(Window.partitionBy("block"))
    by_account = Window.partitionBy("account_id")
    return (
        found.withColumn("block", F.explode(F.array_compact(F.concat(kinds, places))))
        .withColumn("size", size)
        .withColumn("is_shared", F.col("size").between(2, MAX_BLOCK))
        .withColumn(
            "shared", F.collect_list(F.when(F.col("is_shared"), F.col("block"))).over(by_account)
        )
        .withColumn(
            "skipped_blocks", F.count_if(F.col("size") > MAX_BLOCK).over(by_account).cast("int")
        )
        .withColumn("blocks", F.array_sort("shared"))
        .where(F.col("is_shared") | F.col("block").startswith(f"{OWN}/"))
    )


def make(accounts: DataFrame, in_crm: DataFrame) -> DataFrame:
    last = told_last(accounts)
    filled = sum((F.isnotnull(name).cast("int") for name in COMPARED), F.lit(0))
    population = accounts.agg(
        F.floor(F.log2(F.greatest(F.countDistinct("account_id"), F.lit(1))))
        .cast("int")
        .alias("population_bits")
    )
    active = in_crm.select("account_id", F.lit(True).alias("is_in_crm"))
    return (
        last.select("account_id", *COMPARED)
        .mapInArrow(values, VALUES)
        .transform(with_bits, population)
        .transform(in_blocks)
        .join(last.withColumn("filled_fields", filled), on="account_id", how="inner")
        .join(active, on="account_id", how="left")
        .withColumn("is_active", F.coalesce("is_in_crm", F.lit(False)))
        .select(
            "block",
            "account_id",
            "blocks",
            "content",
            "word_bits",
            "email_bits",
            "phone_bits",
            "address_bits",
            "postal_code_bits",
            "population_bits",
            "is_active",
            "filled_fields",
            "first_known_date",
            "known_date",
            "has_objected",
            "objected_date",
            "skipped_blocks",
        )
    )


TABLE = Entities(
    "silver.account_blocks",
    SCHEMA,
    key=("block", "account_id"),
    # how rare a value is, and how full a block, every account has a part in; a row per account and
    # field is read for that, and only rows that differ are written
    inputs=(
        Input("bronze.accounts", touches=everything),
        Input("silver.accounts", touches=everything),
    ),
    make=make,
)
