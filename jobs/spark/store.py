"""The only module that writes Delta by Spark: versions, feeds, candidates, slices, merges."""

import contextlib
import datetime as dt
import hashlib
import json
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import filelock
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.connect.session import SparkSession

from jobs import lake
from jobs.settings import settings
from jobs.table import Built, Entities, Events, columns
from jobs.table import table as contract

# Commits looked through for a watermark: OPTIMIZE and VACUUM add commits that carry none.
COMMITS_BACK = 100
COMMITS_SINCE = 10  # and for one that was written a moment ago
PUT_BACK = "sales.putBack"  # a property of a table: see Pin
STATISTICS = "delta.dataSkippingStatsColumns"
USER_METADATA = "spark.databricks.delta.commitInfo.userMetadata"

Slice = dt.date | str


# what a MERGE says of itself, it says by its session
OF_A_MERGE = (
    USER_METADATA,
    "spark.databricks.delta.write.txnAppId",
    "spark.databricks.delta.write.txnVersion",
)


class Busy(Exception):
    """Another process writes the same table."""


class Overtaken(Exception):
    """Another writer has moved the table since it was looked at; nothing was written."""


@contextlib.contextmanager
def only_writer(name: str, *, at_once: bool = False) -> Iterator[None]:
    """One writer of a table at a time on this machine; the lock dies with its process.

    The table of another lake, a trial, is another one.

    Args:
        at_once: do not wait for the table. Who waits is seen by who holds it (`is_wanted`).

    Raises:
        Busy: another process holds it, and did not let go within 5 s.
    """
    lock = _lock("build", name)
    try:
        if at_once:
            lock.acquire(timeout=0)
        else:
            with _lock("wanted", name).acquire(timeout=5):
                lock.acquire(timeout=5)
    except filelock.Timeout:
        raise Busy(f"{name} is being built by another process; wait for it, or stop it") from None
    try:
        yield
    finally:
        lock.release()


def is_wanted(name: str) -> bool:
    """Whether another process waits to write a table that this one holds."""
    try:
        with _lock("wanted", name).acquire(timeout=0):
            return False
    except filelock.Timeout:
        return True


def _lock(what: str, name: str) -> filelock.FileLock:
    lake_id = hashlib.sha256(settings().lake_uri.encode()).hexdigest()[:8]
    path = settings().locks / f"{what}-{name}-{lake_id}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    return filelock.FileLock(path)


@dataclass(frozen=True)
class Pin:
    """A table at a version.

    A table that was dropped and made again has another id, and so has one that was put back to an
    older state by hand: from there on its versions have numbers that others had before.
    """

    table_id: str
    version: int


def pin(name: str) -> Pin:
    handle = lake.opened(name)
    about = handle.metadata()
    since = about.configuration.get(PUT_BACK)
    return Pin(f"{about.id}/{since}" if since else str(about.id), handle.version())


def tell_apart(spark: SparkSession, name: str) -> None:
    """Give a table that was put back to an older state an id of its own (see `pin`)."""
    told = f"'{PUT_BACK}' = '{uuid.uuid4().hex[:8]}'"
    spark.sql(f"alter table delta.`{lake.location(name)}` set tblproperties ({told})").collect()


def folders(table: Built) -> tuple[str, ...]:
    """Columns by which a table is partitioned: gold and scores by week lie in a folder a week.

    Or one week's replace would copy the year; a folder a day would make thousands of small files.
    """
    is_plain = table.name.split(".")[0] in ("gold", "scores")
    is_weekly = isinstance(table, Events) and table.grain == "week"
    return (table.slice,) if isinstance(table, Events) and is_plain and is_weekly else ()


def is_empty(name: str) -> bool:
    return not lake.opened(name).file_uris()


def last_told(
    name: str, at: int | None = None
) -> tuple[Mapping[str, Any] | None, list[tuple[int, int]]]:
    """What the newest commit that holds and carries a watermark says (see `build`), if any does.

    `at` is a version to look from (null: the newest). Not of a handle at that version: deltalake
    1.6 numbers the history of an older version wrongly.

    RESTORE takes back what was committed after the version that it names: second come the versions,
    first and last of each time, that do not hold any more.
    """
    taken_back: list[tuple[int, int]] = []
    for commit in lake.opened(name).history(COMMITS_BACK if at is None else None):
        version = int(commit["version"])
        if at is not None and version > at:
            continue
        if any(first <= version <= last for first, last in taken_back):
            continue
        if commit["operation"] == "RESTORE":
            # by a time of day, no version is named: nobody knows what holds
            named = str(commit["operationParameters"].get("version"))
            taken_back.append((int(named) + 1 if named.isdigit() else 0, version - 1))
        if "watermark" in (told := _said(commit)):
            return {**told, "version": version}, taken_back
    return None, taken_back


def _said(commit: Mapping[str, Any]) -> dict[str, Any]:
    """What a commit of ours says of itself; nothing where somebody else wrote something there."""
    with contextlib.suppress(ValueError):
        if isinstance(told := json.loads(commit.get("userMetadata") or "{}"), dict):
            return told
    return {}


def read(spark: SparkSession, name: str, at: Pin) -> DataFrame:
    reader = spark.read.format("delta").option("versionAsOf", at.version)
    return reader.load(lake.location(name))


def row_hash(names: Iterable[str], schema: str) -> Column:
    """A number of 64 bits for a row's content.

    Spark's hash passes over nulls: without their places ('x', null) would be as (null, 'x').
    """
    nullable = {c.name for c in columns(schema) if c.nullable}
    names = list(names)
    return F.xxhash64(*names, *[F.isnull(name) for name in names if name in nullable])


def net_changes(
    spark: SparkSession, name: str, since: int, until: Pin, keep: list[str], reads: str = ""
) -> DataFrame:
    """Rows that differ between two versions, old and new images, through the SQL in `keep`.

    Net: an identical slice written again is a delete and an insert of every row in the feed.

    Args:
        reads: SQL; rows differ where this does, and where it is null they are none; empty: rows
            differ in any column.
    """
    feed = (
        spark.read.format("delta")
        .option("readChangeFeed", "true")
        .option("startingVersion", since + 1)
        .option("endingVersion", until.version)
        .load(lake.location(name))
    )
    own = [c for c in feed.columns if c not in _FEED_COLUMNS]
    content = F.expr(reads) if reads else row_hash(own, contract(name).full_schema)
    sign = F.when(F.col("_change_type").isin("insert", "update_postimage"), 1).otherwise(-1)
    kept = [F.expr(sql).alias(f"_keep_{i}") for i, sql in enumerate(keep)]
    return (
        feed.select(content.alias("_row"), sign.alias("_sign"), *kept)
        .where("_row is not null")
        .groupBy("_row", *[f"_keep_{i}" for i in range(len(keep))])
        .agg(F.sum("_sign").alias("_net"))
        .where("_net != 0")
        .drop("_row", "_net")
        .distinct()
    )


_FEED_COLUMNS = ("_change_type", "_commit_version", "_commit_timestamp")


def stage(spark: SparkSession, rows: DataFrame, name: str, part: str) -> DataFrame:
    """Write rows once as Parquet below .staging and read only that from here on.

    Not `persist`: that cache belongs to the JVM, outlives a killed client, and was seen to serve
    old rows to the next build. And never the same path twice: Connect keeps the plans that it
    analysed, with the files that they list, and the session of a table is one for ever.
    """
    path = f"{settings().staging}/{name}/{part}-{uuid.uuid4().hex}"
    rows.write.parquet(path)
    return spark.read.schema(rows.schema).parquet(path)


def clear_staging(name: str) -> None:
    """Remove what this table's last build left behind, killed or not."""
    lake.remove(f"{settings().staging}/{name}")


def clear_unborn(name: str) -> None:
    """Remove what a creation that was cut short left: Spark takes a log folder for a table."""
    if not lake.exists(name):
        lake.remove(lake.location(name))


def slices(rows: DataFrame, column: str) -> set[Slice]:
    return {row[0] for row in rows.select(column).distinct().collect()}


def digests(rows: DataFrame, which: Built) -> dict[Slice, tuple[int, object]]:
    """Each slice's rows: how many, and the sum of their hashes. Equal digests, equal rows."""
    names = [c.name for c in columns(which.full_schema)]
    content = row_hash(names, which.full_schema).cast("decimal(20,0)")
    found = rows.groupBy(_slice(which)).agg(F.count(F.lit(1)), F.sum(content)).collect()
    return {row[0]: (row[1], row[2]) for row in found}


def _slice(which: Built) -> str:
    assert not isinstance(which, Entities)
    return which.slice


def _numbered(at: Pin) -> tuple[str, int]:
    """A write on top of the version `at`, by a name and number that Delta writes once.

    Locks end with the machine. Beyond it Delta keeps most writers apart, but takes two appends of
    the same rows for two appends: with a number each, the second is a conflict or is passed over.
    """
    return at.table_id, at.version + 1


def _options(metadata: Mapping[str, object], at: Pin) -> dict[str, str | int]:
    name, number = _numbered(at)
    return {"userMetadata": json.dumps(metadata), "txnAppId": name, "txnVersion": number}


def _check_written(name: str, metadata: Mapping[str, object], at: Pin) -> None:
    """Delta says nothing of a write that it has passed over."""
    for commit in lake.opened(name).history(COMMITS_SINCE):
        told = _said(commit)
        if commit["version"] > at.version and told.get("run_id") == metadata.get("run_id"):
            return
    raise Overtaken(
        f"{name}: another process wrote it after version {at.version}: build it again; nothing was "
        "written"
    )


def replace_slices(
    rows: DataFrame,
    table: Built,
    which: Iterable[Slice],
    metadata: Mapping[str, object],
    at: Pin,
) -> None:
    """Put `rows` in the place of the slices `which`, in one commit that carries `metadata`.

    Args:
        at: the version that was looked at; of this and the other writes.

    Raises:
        Overtaken: another process wrote after it; of this and the other writes.
    """
    writer = rows.write.format("delta").options(**_options(metadata, at))
    writer.mode("overwrite").option("replaceWhere", in_slices(_slice(table), which)).save(
        lake.location(table.name)
    )
    _check_written(table.name, metadata, at)


def append(
    rows: DataFrame, table: Built, metadata: Mapping[str, object], at: Pin | None = None
) -> None:
    """Add rows of slices or keys that the table has none of: nothing to look for and replace.

    Args:
        at: null: the version that there is.
    """
    at = at or pin(table.name)
    writer = rows.write.format("delta").options(**_options(metadata, at))
    writer.mode("append").save(lake.location(table.name))
    _check_written(table.name, metadata, at)


def looked_for(which: Built) -> list[str]:
    """Columns by which a clustered table's rows are looked for: Delta keeps statistics of these.

    Smallest and largest of every column were a third of a write's time.
    """
    dated = {c.name for c in columns(which.full_schema) if c.type in ("date", "timestamp")}
    return sorted(dated | {_slice(which)})


def overwrite(
    spark: SparkSession, rows: DataFrame, which: Built, metadata: Mapping[str, object], at: Pin
) -> None:
    """Replace all rows and the schema with its comments, in one commit."""
    comments = {c.name: c.comment for c in columns(which.full_schema)}
    described = [F.col(c).alias(c, metadata={"comment": comments[c]}) for c in rows.columns]
    is_clustered = STATISTICS in lake.opened(which.name).metadata().configuration
    if is_clustered:
        # a column that has statistics may not leave: first those that stay, then all there are
        stored = {f.name for f in lake.opened(which.name).schema().fields}
        _keep_statistics(spark, which, [c for c in looked_for(which) if c in stored])
    writer = rows.select(described).write.format("delta").options(**_options(metadata, at))
    writer.mode("overwrite").partitionBy(*folders(which)).option("overwriteSchema", "true").save(
        lake.location(which.name)
    )
    _check_written(which.name, metadata, at)
    if is_clustered:
        _keep_statistics(spark, which, looked_for(which))


def _keep_statistics(spark: SparkSession, which: Built, names: list[str]) -> None:
    spark.sql(
        f"alter table delta.`{lake.location(which.name)}` "
        f"set tblproperties ('{STATISTICS}' = '{','.join(names)}')"
    ).collect()


def difference(candidate: DataFrame, stored: DataFrame, table: Entities) -> DataFrame:
    """Rows to merge: those that are new or other, and keys that are gone (`_is_gone`)."""
    key = list(table.key)
    row = row_hash(candidate.columns, table.full_schema)
    new = candidate.withColumn("_hash", row)
    old = stored.select(*key, row.alias("_hash"))
    upserts = new.join(old, on=[*key, "_hash"], how="left_anti").drop("_hash")
    gone = stored.join(candidate.select(*key), on=key, how="left_anti")
    return upserts.withColumn("_is_gone", F.lit(False)).unionByName(
        gone.withColumn("_is_gone", F.lit(True))
    )


def merge(
    spark: SparkSession,
    rows: DataFrame,
    table: Entities,
    metadata: Mapping[str, object],
    at: Pin,
) -> None:
    """Merge `difference` rows by key, in one commit that carries `metadata`."""
    rows.createOrReplaceTempView("difference")
    key = " and ".join(f"t.{c} = d.{c}" for c in table.key)
    content = [c for c in rows.columns if c != "_is_gone"]
    told = (json.dumps(metadata), *map(str, _numbered(at)))
    for name, value in zip(OF_A_MERGE, told, strict=True):
        spark.conf.set(name, value)
    try:
        spark.sql(
            f"""merge into delta.`{lake.location(table.name)}` t using difference d on {key}
            when matched and d._is_gone then delete
            when matched then update set {", ".join(f"t.{c} = d.{c}" for c in content)}
            when not matched then insert ({", ".join(content)})
            values ({", ".join(f"d.{c}" for c in content)})"""  # noqa: S608 - names of our own tables
        ).collect()
    finally:
        forget_merge(spark)
    _check_written(table.name, metadata, at)


def forget_merge(spark: SparkSession) -> None:
    """What a MERGE told its session would be told by the next commit of that session too."""
    for name in OF_A_MERGE:
        spark.conf.unset(name)


def in_slices(column: str, which: Iterable[Slice]) -> str:
    """SQL that is true for rows of the slices; literals only, so that Delta can skip files."""
    values = sorted(which, key=str)
    if not values:
        return "false"
    return f"{column} in ({', '.join(literal(value) for value in values)})"


def literal(value: Slice) -> str:
    if isinstance(value, dt.date):
        return f"date'{value.isoformat()}'"
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
