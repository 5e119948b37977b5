"""A model's answers about many accounts: Spark deals out their days, and each task asks of a part.

For families whose answer about an account rests on its own days, on since when and until when
anything is known, and at most on some accounts that stand for all. Those, and the ones of the
oldest and the newest day, are given to every task beside its own, which says nothing of them.
"""

import datetime as dt
import functools
import logging
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.ipc as ipc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs import lake
from jobs.settings import settings
from jobs.spark import session, store
from jobs.training import account_days
from jobs.training.family import Answers, Data, Dataset, Family, NothingToJudge, family
from jobs.training.propensity.task import NothingToAsk
from jobs.training.value.history import TYPICAL

logger = logging.getLogger(__name__)

# of each family, the accounts that stand for all others in what it says of one
FAMILIES: Mapping[str, int] = {"churn": 0, "soft_churn": 0, "value": TYPICAL}
MOST_AT_ONCE = 200_000  # accounts; of more, one process would need too much memory
PART = 20_000  # accounts of a task, about
ANSWERS = (
    "account_id string, score_name string, campaign_id string, score double, low double,"
    " high double, reasons string"
)


@dataclass(frozen=True)
class Asked:
    """A saved model, and what every task is told beside its part of the account days."""

    family: str
    model: str
    files: Mapping[str, bytes]  # of the saved model, by its path in the model's folder
    as_of: dt.date | None  # as `answers` was asked
    until: dt.date  # as of which it answers
    beside: bytes  # days of accounts that every model looks at: a compressed Arrow file


def are_needed(name: str) -> bool:
    """Whether there are more accounts than one process is asked about."""
    if name not in FAMILIES:
        return False
    sql = "select count(distinct account_id) as accounts from t"
    found: int = lake.read(account_days.TABLES[0], None, sql)["accounts"][0].as_py()
    return found > MOST_AT_ONCE


def answers(
    of: Family, model: str, saved: Path, as_of: dt.date | None, size: int | None
) -> Answers:
    """What a saved model says of the lake's account days, sorted by account.

    Raises:
        NothingToAsk: there is nobody of whom the family says something.
        Busy: another process asks the same family.
    """
    datasets = tuple(Dataset(table, lake.version(table)) for table in account_days.TABLES)
    owner = f"predict.{of.name}"
    with store.only_writer(owner), session.opened(owner) as spark:
        store.clear_staging(owner)
        try:
            days = store.stage(spark, _days(spark, datasets, as_of), owner, "days")
            found, until = asked(days, of, model, saved, as_of)
            store.stage(spark, found, owner, "answers")
            table = _read(f"{settings().staging}/{owner}", "answers")
        finally:
            store.clear_staging(owner)
    if not table.num_rows:
        raise NothingToAsk(
            f"{of.name}, {until}: there is nobody to ask about: no order of late, or none at all;"
            " take a day of which days are known"
        )
    return Answers(table.sort_by("account_id").to_pandas(), datasets, until)


def _read(folder: str, part: str) -> pa.Table:
    """What `store.stage` wrote, without the JVM's memory."""
    system, root = lake.files(folder)
    names = [n for n in lake.file_names(folder) if n.startswith(part) and n.endswith(".parquet")]
    paths = [f"{root}/{name}" for name in names]
    return ds.dataset(paths, lake.arrow_schema(ANSWERS), "parquet", system).to_table()


def _days(spark: Any, datasets: Iterable[Dataset], as_of: dt.date | None) -> DataFrame:
    """As `account_days.days`."""
    parts = []
    for dataset, sql in zip(datasets, (account_days.DAYS, account_days.PRODUCTS), strict=True):
        reader = spark.read.format("delta").option("versionAsOf", dataset.version)
        parts.append(
            spark.sql(sql.format(table="{table}"), table=reader.load(lake.location(dataset.table)))
        )
    key = account_days.KNOWN.split(", ")
    found: DataFrame = parts[0].join(parts[1], on=key, how="outer")
    found = found.fillna(0, list(account_days.NUMBERS))
    if as_of:
        found = found.where((F.col("business_date") <= as_of) & (F.col("known_date") <= as_of))
    return found


def asked(
    days: DataFrame, of: Family, model: str, saved: Path, as_of: dt.date | None
) -> tuple[DataFrame, dt.date]:
    """Rows of ANSWERS about a table of account days, and the day as of which they hold.

    Raises:
        NothingToJudge: there is no day.
    """
    told = days.agg(
        F.max("business_date").alias("newest"), F.count_distinct("account_id").alias("accounts")
    ).collect()[0]
    if told["newest"] is None:
        raise NothingToJudge(
            f"{of.name}: no account has a day up to {as_of}; land and build sales first"
        )
    until = as_of or told["newest"]
    kept = [path for path in saved.rglob("*") if path.is_file()]
    files = {str(path.relative_to(saved)): path.read_bytes() for path in kept}
    each = Asked(of.name, model, files, as_of, until, _beside(days, until, FAMILIES[of.name]))
    count = max(-(-told["accounts"] // PART), 1)
    logger.info("%s: %s accounts in %d parts", of.name, f"{told['accounts']:,}", count)
    dealt = days.repartition(count, "account_id")
    return dealt.mapInArrow(functools.partial(_answered, each), ANSWERS), until


def _beside(days: DataFrame, until: dt.date, typical: int) -> bytes:
    """Days of the accounts with the oldest day, of all and of those that hold, and the newest; and
    of those that stand for all. Compressed, since it travels with the plan."""
    day = F.lit(until)
    holds = days.where((F.col("known_date") <= day) & (F.col("superseded_date") > day))
    holds = holds.where(F.col("business_date") <= day)
    oldest = [rows.orderBy("business_date", "account_id").limit(1) for rows in (days, holds)]
    newest = days.orderBy(F.desc("business_date"), "account_id").limit(1)
    found = [one.select("account_id") for one in (*oldest, newest)]
    if typical:
        with_order = holds.where("orders > 0").select("account_id").distinct()
        found.append(with_order.orderBy(F.md5("account_id")).limit(typical))
    wanted = functools.reduce(DataFrame.union, found).distinct()
    told = days.join(F.broadcast(wanted), on="account_id", how="left_semi")
    return _packed(told.toArrow())


def _packed(rows: pa.Table) -> bytes:
    sink, how = pa.BufferOutputStream(), ipc.IpcWriteOptions(compression="zstd")
    with ipc.new_file(sink, rows.schema, options=how) as file:
        file.write_table(rows)
    return sink.getvalue().to_pybytes()


def _answered(what: Asked, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """In a worker of Spark's: a task's part of the account days → its answers."""
    held = [batch for batch in batches if batch.num_rows]
    if not held:
        return
    rows = pa.Table.from_batches(held).to_pandas(date_as_object=False)
    own = rows["account_id"].unique()
    beside = ipc.open_file(what.beside).read_all().to_pandas(date_as_object=False)
    beside = beside[~beside["account_id"].isin(own)]
    every = pd.concat([rows, beside]).sort_values(account_days.KNOWN.split(", "), ignore_index=True)
    every = account_days.until(every, what.as_of)
    frame = every.assign(account_id=every["account_id"].astype("category"))
    data = Data({"days": frame}, (), what.until)
    of = family(what.family)
    with tempfile.TemporaryDirectory() as folder:
        for name, content in what.files.items():
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        model = of.model(what.model).load(Path(folder))
    try:
        found = of.predict(model, data, what.until, None)
    except NothingToJudge:
        return  # nobody of this part
    mine = found[found["account_id"].isin(own)]
    yield from pa.Table.from_pandas(
        mine, lake.arrow_schema(ANSWERS), preserve_index=False
    ).to_batches()
