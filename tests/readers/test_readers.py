"""Gold and scores in three readers: a BI tool's SQL over Thrift, DuckDB and deltalake."""

import datetime as dt
import importlib.metadata
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from deltalake import DeltaTable, QueryBuilder
from pyhive import hive
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.connect.session import SparkSession
from thrift.transport.TTransport import TTransportException

from jobs import lake as tables
from jobs.settings import settings
from jobs.spark import catalog, session, store
from jobs.table import Log, columns, in_build_order, names, table
from tests.conftest import Server

MONDAY = dt.date(2017, 3, 6)
MORNING = dt.datetime(2017, 3, 7, 11, tzinfo=dt.UTC)
READ = names(["gold", "scores"])
NUMBERS = ("int", "bigint", "double", "decimal")


def silver() -> dict[str, list[dict[str, object]]]:
    """Two customers, two days, three products of which one is unknown to the ERP."""
    line = {
        "store_id": "s",
        "sold_at": dt.datetime(2017, 3, 6, 15, tzinfo=dt.UTC),
        "business_date": MONDAY,
        "week_start_date": MONDAY,
        "business_week": 11,
        "quantity": 2,
        "loyalty_discount_usd": Decimal("0.30"),
        "coupon_discount_usd": Decimal(0),
        "coupon_match_discount_usd": Decimal(0),
        "is_product_known": True,
        "is_merchandise": True,
        "line_kind": "sale",
        "known_at": MORNING,
        "known_date": MONDAY,
        "units": 2,
        "department": "DELI",
    }
    unknown = {"units": None, "department": None, "is_product_known": False}
    lines = [
        ("1", "ham", "a", "2.10", {}),
        ("1", "?", "a", "0.90", {**unknown, "is_merchandise": False}),
        ("2", "tea", "b", "3.35", {"department": "GROCERY", "business_date": dt.date(2017, 3, 7)}),
    ]
    promotion = {"store_id": "s", "week_start_date": MONDAY, "known_at": MORNING}
    return {
        "silver.order_lines": [
            {
                **line,
                "order_id": o,
                "product_id": p,
                "account_id": a,
                "sales_usd": Decimal(usd),
                **x,
            }
            for o, p, a, usd, x in lines
        ],
        "silver.promotions": [
            {**promotion, "product_id": "ham", "display_location": "1", "mailer_location": "0"},
            {**promotion, "product_id": "rye", "display_location": "0", "mailer_location": "A"},
        ],
        "silver.products": [
            {"product_id": p, "manufacturer_id": "1", "department": d, "brand": "National"}
            for p, d in (("ham", "DELI"), ("tea", "GROCERY"))
        ],
        "silver.accounts": [{"account_id": "a", "age_band": "45-54"}, {"account_id": "c"}],
        "silver.campaign_accounts": [{"campaign_id": "8", "account_id": "a", "known_at": MORNING}],
        "silver.redemptions": [],
    }


def predictions() -> dict[str, list[dict[str, object]]]:
    """A list of recommendations for both customers and a forecast, as champions land them."""
    about = {
        "model_name": "repeat",
        "model_version": "1",
        "feature_version": 3,
        "as_of_date": MONDAY,
        "valid_until": MONDAY + dt.timedelta(days=14),
        "_batch_id": "models/2017-03-06",
        "_known_at": MORNING,
        "_source_file": "file",
        "_row_number": 1,
    }
    ranks = (("a", 1, "ham", 0.75), ("a", 2, "tea", 0.5), ("b", 1, "tea", 0.25))
    ahead = {"series_id": "DELI", "ds": MONDAY + dt.timedelta(days=7), "horizon": 1}
    return {
        "bronze.recommendations": [
            {"account_id": a, "rank": r, "product_id": p, "score": s, "reason_code": "x", **about}
            for a, r, p, s in ranks
        ],
        "bronze.sales_forecasts": [
            {**ahead, "p10": 1.0, "p50": 2.0, "p90": 3.5, "grain": "week", **about}
        ],
    }


def write(spark: SparkSession, name: str, rows: DataFrame) -> None:
    """Put rows into a new table as the first build of it does."""
    which = table(name)
    assert not isinstance(which, Log)
    catalog.create(spark, which)
    typed = [F.col(c.name).cast(c.type) for c in columns(which.full_schema)]
    store.append(rows.select(*typed), which, {})
    catalog.register(spark, [name])


def stored(spark: SparkSession, name: str) -> DataFrame:
    return spark.read.format("delta").load(tables.location(name))


@pytest.fixture
def published(lake: Path) -> None:
    """Gold and scores of a small company, made and registered."""
    with session.opened("readers") as spark:
        for name, rows in {**silver(), **predictions()}.items():
            contract = columns(table(name).full_schema)
            ddl = ", ".join(f"{c.name} {c.type}" for c in contract)
            values = [[row.get(c.name) for c in contract] for row in rows]
            write(spark, name, spark.createDataFrame(values, ddl))
        for name in in_build_order(["gold", "scores"]):
            which = table(name)
            inputs = [stored(spark, arrow.name) for arrow in which.inputs]
            write(spark, name, which.make(*inputs))  # type: ignore[union-attr]


def question(name: str, source: str) -> str:
    """Rows, and the sum of every column that is a number."""
    numbers = [c.name for c in columns(table(name).full_schema) if c.type.startswith(NUMBERS)]
    sums = "".join(f", sum(cast({column} as double))" for column in numbers)
    return f"select count(*){sums} from {source}"


@pytest.fixture
def password(one_server: Server) -> str:
    """What the SQL port asks for; made by the JVM's own process at its start."""
    return (one_server.log.parent / "secrets/thrift_bi").read_text()


def login(user: str, password: str) -> hive.Connection:
    """A BI tool's connection."""
    port = settings().thrift_port
    return hive.connect("127.0.0.1", port, username=user, password=password, auth="CUSTOM")


def over_thrift(name: str, password: str) -> list[float]:
    with login("bi", password) as connection, connection.cursor() as cursor:
        cursor.execute(question(name, name))
        return list(cursor.fetchone())


def in_duckdb(name: str) -> list[float]:
    [extension] = [
        file.locate()
        for file in importlib.metadata.files("duckdb-ext-delta") or []
        if file.name == "delta.duckdb_extension"
    ]
    with duckdb.connect() as connection:
        connection.execute(f"load '{extension}'")
        asked = question(name, f"delta_scan('{tables.location(name)}')")
        return list(connection.execute(asked).fetchone() or ())


def in_deltalake(name: str) -> list[float]:
    reader = QueryBuilder().register("t", DeltaTable(tables.location(name)))
    found = pa.table(reader.execute(question(name, "t")).read_all())
    return [column[0].as_py() for column in found.columns]


def test_three_readers_see_the_same_rows_and_sums(published: None, password: str) -> None:
    for name in READ:
        told = over_thrift(name, password)
        assert told[0] > 0, f"{name} is empty: nothing would be compared"
        assert in_duckdb(name) == pytest.approx(told), name
        assert in_deltalake(name) == pytest.approx(told), name
        # what plain readers cannot read: deletion vectors, renamed columns, maps
        assert not DeltaTable(tables.location(name)).protocol().reader_features, name
        assert "map<" not in table(name).full_schema, name


@pytest.mark.parametrize(
    ("user", "told"), [("bi", "guessed"), ("analyst", None), ("bi", " "), ("", None)]
)
def test_the_sql_port_lets_nobody_in_without_the_password(
    lake: Path, password: str, user: str, told: str | None
) -> None:
    """Whoever is in can run programs: `select transform(...) using 'sh'`."""
    with pytest.raises(TTransportException):
        login(user, told or password)
    with login("bi", password) as connection, connection.cursor() as cursor:
        cursor.execute("select 1")
        assert cursor.fetchone() == (1,)
