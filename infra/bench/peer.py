"""The same tables by DuckDB: the same landed files, through the SQL in duckdb/, to Parquet files.

What it leaves out, and the pipeline does: places of rows in their files, quarantine and reasons
(rows that break a rule are only left out), gates, comparing with what is stored, versions, history
of what was believed (every row counts as known once), campaigns and coupons, customers' habits.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import holidays
import pyarrow as pa

from jobs import landing
from jobs.landing import Manifest
from jobs.settings import settings
from jobs.spark.silver.calendar import COUNTRY, HOLIDAY_YEARS
from jobs.table import Column, Landed, columns, table

QUERIES = Path(__file__).parent / "duckdb"
LANDED = ("order_lines", "redemptions", "products", "promotions", "accounts")
FORMS = {  # of a value, where a cast would take more
    "timestamp": r"^\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}",
    "decimal(12,2)": r"^[+-]?\d+(\.\d{0,2}0*)?$",
}
RULES = {  # of expectations/bronze, beyond types and missing values
    "order_lines": (
        *(f"not regexp_matches({c}, '^\\S+$')" for c in ("account_id", "store_id", "order_id")),
        "not regexp_matches(product_id, '^\\S+$')",
        "quantity < 0 or sales_usd < 0 or loyalty_discount_usd < 0 or coupon_discount_usd < 0",
        "coupon_match_discount_usd < 0 or source_week < 1 or sold_at < '2000-01-01'",
        "sold_at > known_at",
    ),
    "promotions": (
        "not regexp_matches(product_id, '^\\S+$') or not regexp_matches(store_id, '^\\S+$')",
        "source_week < 1",
    ),
}


def build(home: Path, told: Callable[[str], None] = lambda name: None) -> dict[str, float]:
    """Make every table anew as `home`/<table>.parquet; seconds by table.

    Args:
        told: is given each table's name before it is made.
    """
    home.mkdir(parents=True)
    seconds = {}
    with duckdb.connect(str(home / "peer.duckdb")) as found:
        _prepare(found)
        for name, query in _queries():
            told(name)
            began = time.monotonic()
            path = home / f"{name}.parquet"
            found.execute(f"copy ({query}) to '{path}' (format parquet, compression snappy)")
            found.execute(f"create view {name} as select * from '{path}'")  # noqa: S608
            seconds[name] = time.monotonic() - began
    return seconds


def totals(home: Path, name: str) -> tuple[int, Any]:
    """A table's rows, and the sum of its sales where it has any."""
    found = duckdb.sql(f"from '{home / name}.parquet'")
    summed = "sum(sales_usd)" if "sales_usd" in found.columns else "null"
    row = found.aggregate(f"count(*), {summed}").fetchone()
    assert row is not None
    return row[0], row[1]


def _prepare(found: duckdb.DuckDBPyConnection) -> None:
    here = settings()
    found.execute(f"set threads = {here.spark_cores}")
    found.execute(f"set memory_limit = '{here.driver_memory.upper()}B'")
    found.execute("set preserve_insertion_order = false")
    found.execute(f"set variable zone = '{here.timezone}'")
    for layer in ("bronze", "silver", "gold", "features"):
        found.execute(f"create schema {layer}")
    days = holidays.country_holidays(COUNTRY, years=HOLIDAY_YEARS, observed=False)
    found.register("holiday_days", pa.table({"day": sorted(days)}))
    found.execute("create table holidays as select * from holiday_days")


def _queries() -> Iterator[tuple[str, str]]:
    """(table, query), inputs first."""
    for entity in LANDED:
        yield f"bronze.{entity}", _bronze(entity)
    for name in ORDER:
        yield name, (QUERIES / f"{name}.sql").read_text()


ORDER = (
    "silver.products",
    "silver.accounts",
    "silver.order_lines",
    "silver.line_norms",
    "silver.unusual_lines",
    "silver.promotions",
    "silver.redemptions",
    "silver.stores",
    "silver.calendar",
    "gold.account_days",
    "gold.daily_sales",
    "gold.product_weeks",
    "gold.account_profile",
    "features.interactions",
    "features.account_days",
    "features.department_days",
    "features.departments",
    "features.promotion_weeks",
    "features.sales_weekly",
    "features.sales_daily_series",
    "features.account_features",
)


def _bronze(entity: str) -> str:
    """Texts by our names, typed, with the batch they came in; rows that break a rule left out."""
    landed = table(f"bronze.{entity}")
    assert isinstance(landed, Landed)
    own = columns(landed.schema)
    manifests = list(landing.manifests(entity).values())
    files = [(m, m.folder / file.name) for m in manifests for file in m.files]
    batches = ", ".join(_batch(manifest, path) for manifest, path in files)
    source = {ours: theirs for theirs, ours in manifests[0].columns.items()}
    texts = ", ".join(f"cast({source.get(c.name, c.name)} as varchar) as _{c.name}" for c in own)
    typed = ", ".join(f"try_cast(_{c.name} as {c.type}) as {c.name}" for c in own)
    bad = " or ".join(f"({rule})" for rule in (*map(_misfit, own), *RULES.get(entity, ())))
    names = ", ".join(c.name for c in own)
    return f"""
        with batches(filename, batch_id, known_at, source_file) as (values {batches}),
        texts as (select {texts}, filename from {_reader(manifests[0], [p for _, p in files])}),
        typed as (select *, {typed} from texts join batches using (filename))
        select {names}, batch_id, known_at, source_file, filename
        from typed where not coalesce({bad}, false)"""  # noqa: S608 - our own names


def _batch(manifest: Manifest, path: Path) -> str:
    known = f"cast('{manifest.known_at}' as timestamptz) at time zone 'UTC'"
    place = path.relative_to(settings().landing)
    return f"('{path}', '{manifest.batch_id}', {known}, '{place}')"


def _reader(manifest: Manifest, paths: list[Path]) -> str:
    listed = ", ".join(f"'{path}'" for path in paths)
    if manifest.format == "parquet":
        return f"read_parquet([{listed}], filename = true)"
    return f"read_csv([{listed}], all_varchar = true, header = true, filename = true)"


def _misfit(column: Column) -> str:
    """What a text of a column may not be: missing where it must be there, or of another form."""
    text, rules = f"_{column.name}", []
    if not column.nullable:
        rules.append(f"{text} is null")
    if column.type != "string":
        rules.append(f"({text} is not null and {column.name} is null)")
    if column.type in FORMS:
        rules.append(f"not regexp_matches({text}, '{FORMS[column.type]}')")
    return " or ".join(rules) or "false"
