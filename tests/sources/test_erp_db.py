"""The ERP's database: a real PostgreSQL server, read as a nightly run reads it."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import adbc_driver_postgresql.dbapi as postgres
import pyarrow.parquet as pq
import pytest

from jobs import landing
from jobs.increment import NotConnected
from jobs.sources import erp_db
from jobs.sources.erp_db import DatabaseError
from jobs.table import Landed, columns, table
from tests.sources.postgres import server

DAY = dt.date(2017, 3, 6)
SHOP = ZoneInfo("America/New_York")

TABLES = """
    create schema erp;
    create table erp.lines (
        order_id bigint, sku text, customer int, store int, pieces int, cents bigint,
        sold_at timestamptz, changed_at timestamptz, primary key (order_id, sku));
    create table erp.stock (
        store int, sku text, pieces int, changed_at timestamptz, primary key (store, sku));
    create schema lakehouse;
    create view lakehouse.order_lines as select customer as account_id, store as store_id,
        order_id, sku as product_id, pieces as quantity,
        (cents / 100.0)::numeric(12,2) as sales_usd,
        0.00 as loyalty_discount_usd, 0.00 as coupon_discount_usd,
        0.00 as coupon_match_discount_usd, sold_at, changed_at from erp.lines;
    create view lakehouse.stock_levels as select store as store_id, sku as product_id,
        pieces as on_hand, changed_at from erp.stock;
"""


@pytest.fixture(scope="module")
def postgres_address() -> Iterator[str]:
    with server() as address:
        yield address


@pytest.fixture
def erp(postgres_address: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[postgres.Connection]:
    """A connection of the ERP's own programs; the source's address is in the environment."""
    monkeypatch.setenv("SALES_SECRET_ERP_DB", postgres_address)
    with postgres.connect(postgres_address, autocommit=True) as connection:
        tell(
            connection, "drop schema if exists lakehouse cascade; drop schema if exists erp cascade"
        )
        tell(connection, TABLES)
        yield connection


def tell(connection: postgres.Connection, sql: str) -> None:
    with connection.cursor() as cursor:
        for statement in filter(str.strip, sql.split(";")):
            cursor.execute(statement)


def at(hour: int, minute: int = 0, day: dt.date = DAY) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(hour, minute), SHOP)


def sell(erp: postgres.Connection, order: int, cents: int, changed: dt.datetime) -> None:
    tell(
        erp,
        f"""insert into erp.lines values ({order}, 'milk', 900, 330, 1, {cents}, '{changed}',
        '{changed}') on conflict (order_id, sku) do update
        set cents = excluded.cents, changed_at = excluded.changed_at""",
    )


def landed(entity: str) -> list[dict[str, object]]:
    """All rows that were landed, batch by batch."""
    return [
        row
        for manifest in landing.manifests(entity).values()
        for file in manifest.files
        for row in pq.read_table(manifest.folder / file.name).to_pylist()
    ]


def orders() -> list[tuple[object, object]]:
    return [(row["order_id"], row["sales_usd"]) for row in landed("order_lines")]


def test_what_changed_is_landed_once_and_a_change_again(erp: postgres.Connection) -> None:
    sell(erp, 1, 150, at(9))
    sell(erp, 2, 200, at(17))
    tell(erp, f"insert into erp.stock values (330, 'milk', 12, '{at(18)}')")
    first = {m.entity: m for m in erp_db.land(DAY, DAY)}
    assert orders() == [("1", "1.50"), ("2", "2.00")]
    assert first["order_lines"].known_at == at(17).astimezone(dt.UTC).isoformat()
    assert first["order_lines"].mode == "changes"
    assert [row["on_hand"] for row in landed("stock_levels")] == ["12"]
    # nothing changed: no batch, also where the same days are asked for again
    assert erp_db.land(DAY, DAY) == []
    # a price is corrected a week later; the run of that day finds it
    sell(erp, 1, 175, at(8, day=DAY + dt.timedelta(7)))
    [correction] = erp_db.land(DAY + dt.timedelta(7), DAY + dt.timedelta(7))
    assert correction.files[0].rows == 1
    assert orders()[-1] == ("1", "1.75")


def test_a_correction_taken_back_is_landed_too(erp: postgres.Connection) -> None:
    for minute, cents in enumerate((150, 175, 150)):
        sell(erp, 1, cents, at(9, minute))
        erp_db.land(DAY, DAY)
    assert [amount for _, amount in orders()] == ["1.50", "1.75", "1.50"]


def test_what_changes_late_in_the_evening_is_read_by_the_next_days_run(
    erp: postgres.Connection,
) -> None:
    # both are of the next day by UTC; the first is landed while its day still goes on
    for order, hour in ((1, 20), (2, 22)):
        sell(erp, order, 100, at(hour))
        erp_db.land(*[DAY + dt.timedelta(order - 1)] * 2)
    assert [order for order, _ in orders()] == ["1", "2"]
    assert [*landing.manifests("order_lines")] == [f"erp_db/{DAY}.001", f"erp_db/{DAY}.002"]


def test_a_transaction_that_commits_late_is_not_missed(
    erp: postgres.Connection, postgres_address: str
) -> None:
    with postgres.connect(postgres_address) as slow:
        # it changes its line at 9:00 and is still at it when a line of 9:05 is there
        with slow.cursor() as cursor:
            cursor.execute(
                f"insert into erp.lines values (1, 'milk', 900, 330, 1, 150, '{at(9)}', '{at(9)}')"
            )
        sell(erp, 2, 200, at(9, 5))
        erp_db.land(DAY, DAY)
        assert orders() == [("2", "2.00")]
        slow.commit()
    erp_db.land(DAY + dt.timedelta(1), DAY + dt.timedelta(1))
    assert sorted(orders()) == [("1", "1.50"), ("2", "2.00")]


def test_days_that_no_run_came_for_are_caught_up_each_as_it_was_known(
    erp: postgres.Connection,
) -> None:
    sell(erp, 1, 100, at(9))
    erp_db.land(DAY, DAY)
    for n in (1, 3):
        sell(erp, n + 1, 100, at(23, 30, day=DAY + dt.timedelta(n)))  # another day by UTC
    late = [m for m in erp_db.land(*[DAY + dt.timedelta(4)] * 2) if m.entity == "order_lines"]
    assert [m.known_at[:10] for m in late] == ["2017-03-08", "2017-03-10"]
    # what changes after the last day asked for waits for its own run
    sell(erp, 9, 100, at(0, day=DAY + dt.timedelta(5)))
    assert erp_db.land(*[DAY + dt.timedelta(4)] * 2) == []


def test_a_files_columns_are_those_that_bronze_asks_for(erp: postgres.Connection) -> None:
    sell(erp, 1, 100, at(9))
    tell(erp, f"insert into erp.stock values (330, 'milk', 12, '{at(18)}')")
    erp_db.land(DAY, DAY)
    for entity in ("order_lines", "stock_levels"):
        bronze = table(f"bronze.{entity}")
        assert isinstance(bronze, Landed)
        assert {c.name for c in columns(bronze.schema)} <= set(landed(entity)[0])


def test_what_is_wrong_is_told_in_a_sentence_without_the_password(
    erp: postgres.Connection, postgres_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(erp, "drop view lakehouse.stock_levels")
    with pytest.raises(DatabaseError, match=r"lakehouse\.stock_levels"):
        erp_db.land(DAY, DAY)
    password = postgres_address.split(":")[2].split("@")[0]
    monkeypatch.setenv("SALES_SECRET_ERP_DB", postgres_address.replace(password, "wrong-one"))
    with pytest.raises(DatabaseError, match="password authentication failed") as told:
        erp_db.land(DAY, DAY)
    assert "wrong-one" not in str(told.value)
    monkeypatch.delenv("SALES_SECRET_ERP_DB")
    with pytest.raises(NotConnected, match="erp_db"):
        erp_db.land(DAY, DAY)


def test_half_a_piece_is_landed_as_the_database_told_it(erp: postgres.Connection) -> None:
    sell(erp, 1, 100, at(9))
    tell(
        erp,
        """drop view lakehouse.order_lines;
        create view lakehouse.order_lines as select customer as account_id, store as store_id,
        order_id, sku as product_id, 1.50 as quantity, 1.00 as sales_usd,
        0.00 as loyalty_discount_usd, 0.00 as coupon_discount_usd,
        0.00 as coupon_match_discount_usd, sold_at, changed_at from erp.lines""",
    )
    erp_db.land(DAY, DAY)
    assert [row["quantity"] for row in landed("order_lines")] == ["1.5"]  # once rounded to 2


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://reader:pa55/SECRET@127.0.0.1:1/erp",
        "postgresql://reader:pa55@SECRET@127.0.0.1:1/erp",
        "postgresql://reader:p%zzSECRET@127.0.0.1:1/erp",
        "postgresql://reader:p%00SECRET@127.0.0.1:1/erp",
        "postgresql://reader:pa55 SECRET@127.0.0.1:1/erp",
        "postgresql://reader:SECRET",
        "postgres:reader:SECRET@127.0.0.1",
        "host=127.0.0.1 user=reader pasword SECRET",
        "SECRET",
    ],
)
def test_of_an_address_that_cannot_be_read_nothing_is_shown(
    state: Path, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("SALES_SECRET_ERP_DB", address)
    with pytest.raises(DatabaseError, match=r"'erp_db'.*%2F for /, %40 for @") as told:
        erp_db.land(DAY, DAY)
    assert not [part for part in ("SECRET", "pa55", "127.0.0.1") if part in str(told.value)]


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://reader:pa%2F5%40@erp.example:5432/erp?sslmode=require&application_name=lake",
        "postgres://reader:a:b?c#d[e@[::1]:5432,10.0.0.2/erp",
        "postgresql://reader@erp.example",
        "postgresql:///erp?host=/run/postgresql",
    ],
)
def test_an_address_may_be_written_as_postgresql_takes_it(address: str) -> None:
    assert erp_db.ADDRESS.fullmatch(address)
