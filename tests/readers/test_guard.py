"""What a BI login may ask, and what it may not: files, writes, programs, settings, other tables."""

import contextlib
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pytest
from deltalake import write_deltalake
from pyhive.exc import OperationalError
from TCLIService import ttypes
from thrift.transport.TTransport import TTransportException

from infra import bi
from jobs import lake as tables
from jobs.ops import freshness
from jobs.settings import settings
from jobs.table import columns, table
from tests.conftest import Server
from tests.readers.conftest import Login

ALLOWED = """
    show databases
    show schemas like 'g*'
    show tables in gold
    show columns in gold.daily_sales
    show views in gold
    use gold
    show tables
    describe gold.account_profile
    describe extended gold.daily_sales
    describe table gold.daily_sales department
    describe schema gold
    select count(*) from gold.daily_sales
    select * from spark_catalog.scores.crm_outbox limit 1 offset 1
    select * from ops.freshness where not is_late order by table_name
    select table_name, sum(rows_broken) from ops.quality group by rollup(table_name)
    with d as (select * from gold.daily_sales) select d.*, row_number() over (partition by store_id order by sales_usd) from d
    select a.account_id from gold.account_profile a left join scores.crm_outbox o using (account_id) where a.orders > (select avg(orders) from gold.account_profile)
    select account_id, department from gold.account_profile lateral view explode(favourite_departments) f as department
    select account_id, d.department from gold.account_days, lateral inline(departments) d
    select * from gold.daily_sales version as of 1
    select * from (select department, sales_usd from gold.daily_sales) pivot (sum(sales_usd) for department in ('DELI', 'GROCERY'))
    select department from gold.departments union all select 'x' except select 'y' intersect select 'z'
    select /*+ broadcast(d) */ distinct d.department from gold.departments d join gold.daily_sales using (department)
    select transform(array(1, 2), x -> x + 1), current_date(), id from range(3)
    select department, sum(sales_usd) over w from gold.daily_sales window w as (partition by department)
    from gold.daily_sales select max(business_date) having count(*) > 0
"""  # noqa: E501

REFUSED = """
    select * from bronze.accounts
    select * from silver.accounts
    select * from spark_catalog.bronze.accounts
    select * from delta.`{lake}/bronze/recommendations`
    select * from delta.`{lake}/gold/../silver/accounts`
    select * from parquet.`{lake}/silver/accounts`
    select * from json.`{lake}/gold/daily_sales/_delta_log`
    select * from text.`/etc/passwd`
    select * from csv.`/etc/passwd`
    select * from binaryFile.`/etc/passwd`
    select * from TEXT . `file:///etc/passwd`
    with f as (select * from text.`/etc/passwd`) select * from f
    select (select first(value) from text.`/etc/passwd`)
    select 1 where exists (select 1 from text.`/etc/passwd`)
    select * from gold.daily_sales where department in (select value from text.`/etc/passwd`)
    select * from gold.departments union all select value, null, null from text.`/etc/passwd`
    select * from gold.departments join lateral (select value from text.`/etc/passwd`)
    from text.`/etc/passwd` |> limit 1
    table text.`/etc/passwd`
    select * from gold.daily_sales with (path = '{lake}/silver/accounts')
    select * from identifier('text.`/etc/passwd`')
    select * from identifier('text' || '.`/etc/passwd`')
    select * from identifier(java_method('java.lang.System', 'getProperty', 'user.dir'))
    select * from read_files('/etc/passwd')
    select * from table_changes('gold.daily_sales', 0)
    select * from jdbc.`jdbc:derby:memory:x;create=true`
    select * from other_catalog.gold.daily_sales
    describe text.`/etc/passwd`
    describe delta.`{lake}/silver/accounts`
    describe detail '{lake}/silver/accounts'
    describe detail gold.daily_sales
    describe history delta.`{lake}/silver/accounts`
    describe function extended reflect
    describe query select * from text.`/etc/passwd`
    show create table gold.daily_sales
    show tblproperties gold.daily_sales
    show partitions gold.daily_sales
    show functions
    explain extended select * from text.`/etc/passwd`
    explain select 1
    insert into gold.departments select * from gold.departments
    insert overwrite gold.departments select * from gold.departments
    from gold.departments insert into gold.departments select * insert into gold.departments select *
    with d as (select * from gold.departments) insert into gold.departments select * from d
    insert overwrite local directory '{out}' using csv select 1
    insert overwrite directory '{out}' using parquet select * from gold.departments
    delete from gold.departments
    update gold.departments set department = 'x'
    merge into gold.departments t using gold.departments s on false when not matched then insert *
    truncate table gold.departments
    drop table gold.departments
    drop schema gold cascade
    alter table gold.departments rename to gold.other
    alter table gold.departments add column x int
    alter table gold.departments set tblproperties ('delta.minReaderVersion' = '3')
    alter schema gold set location '{out}'
    comment on table gold.departments is 'x'
    create table gold.other using delta as select 1 as one
    create table gold.other using parquet location '{out}' as select 1 as one
    create table gold.other (one int) using csv location '/etc'
    create or replace table gold.departments using delta as select 1 as one
    create schema other location '{out}'
    create view gold.other as select * from gold.departments
    create temporary view other using text options (path '/etc/passwd')
    create temporary view other as select 1
    create function other as 'org.apache.hadoop.hive.ql.udf.UDFLog'
    create temporary function other as 'java.lang.Runtime' using jar '{out}/x.jar'
    create temporary function other() returns int return 1
    load data inpath '/etc/passwd' into table gold.departments
    optimize gold.departments
    vacuum gold.departments
    restore table gold.departments to version as of 0
    convert to delta parquet.`{out}`
    msck repair table gold.departments
    analyze table gold.departments compute statistics
    cache table gold.departments
    cache table other as select 1
    refresh table gold.departments
    clear cache
    select reflect('java.lang.System', 'getenv', 'PATH')
    select java_method('java.lang.System', 'getenv', 'PATH')
    select try_reflect('java.lang.System', 'getenv', 'PATH')
    select JAVA_METHOD('java.lang.System', 'getenv', 'PATH') from gold.departments
    select `reflect`('java.lang.System', 'getenv', 'PATH')
    select builtin.reflect('java.lang.System', 'getenv', 'PATH')
    select system.builtin.reflect('java.lang.System', 'getenv', 'PATH')
    select identifier('reflect')('java.lang.System', 'getenv', 'PATH')
    select * from range(cast(reflect('java.lang.Math', 'abs', 3) as int))
    select 1 limit cast(reflect('java.lang.Math', 'abs', 3) as int)
    select 1 order by reflect('java.lang.System', 'getenv', 'PATH')
    select transform(array(1), x -> reflect('java.lang.System', 'getenv', 'PATH'))
    select * from values (reflect('java.lang.System', 'getenv', 'PATH'))
    select department from gold.departments lateral view reflect('java.lang.System', 'gc') f as x
    select sum(1) filter (where reflect('java.lang.Math', 'abs', 3) = '3')
    select transform(department) using 'cat' from gold.departments
    from gold.departments map department using 'cat' as x
    from gold.departments reduce department using 'sh -c id' as x
    add jar '{out}/x.jar'
    add file '/etc/passwd'
    add archive '{out}/x.zip'
    list files
    list jars
    set
    set -v
    set spark.sql.runSQLOnFiles = true
    set spark.sql.catalog.c = org.apache.spark.sql.execution.datasources.v2.jdbc.JDBCTableCatalog
    set time zone 'Asia/Tokyo'
    set catalog c
    reset
    use c.d
    execute immediate 'select 1'
    declare variable x int
    set variable x = 1
    begin select 1; end
    begin insert into gold.departments select * from gold.departments; end
    call spark_catalog.system.x()
    dfs -ls /
    !ls
    source /etc/passwd
    compile `x`
    kill query 'x'
    select 1; drop table gold.departments
"""  # noqa: E501


def statements(told: str) -> list[str]:
    return [line.strip() for line in told.strip().splitlines() if not line.lstrip().startswith("#")]


def asked(login: Login, statement: str) -> list[tuple[Any, ...]]:
    with login() as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())


def answer(login: Login, statement: str) -> str:
    """What is answered, or why not."""
    try:
        return str(asked(login, statement))
    except OperationalError as refused:
        return str(refused)


def files(folder: Path) -> dict[str, int]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): path.stat().st_mtime_ns for path in found}


def test_what_a_tool_asks_about_published_tables_is_answered(login: Login) -> None:
    with login() as connection, connection.cursor() as cursor:
        for statement in statements(ALLOWED):
            cursor.execute(statement)
            if not statement.startswith("use "):
                assert cursor.fetchall() or "views" in statement, statement


def test_everything_else_is_refused_and_nothing_has_happened(
    login: Login, published: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    before = files(published)
    answered = []
    with login() as connection, connection.cursor() as cursor:
        for statement in statements(REFUSED):
            try:
                cursor.execute(statement.format(lake=published, out=out))
                answered.append((statement, cursor.fetchall()))
            except OperationalError:
                continue
    assert answered == []
    assert files(published) == before
    assert not out.exists()
    told = asked(login, "show tables in gold")
    assert "other" not in {row[1] for row in told}


def test_only_published_tables_have_a_name(login: Login) -> None:
    schemas = [row[0] for row in asked(login, "show databases")]
    assert sorted(schemas) == ["default", "gold", "ops", "scores"]
    named = {
        f"{row[0]}.{row[1]}" for each in schemas for row in asked(login, f"show tables in {each}")
    }
    assert named == set(bi.PUBLISHED)


def test_nobody_is_published_by_name_or_address() -> None:
    told = [
        f"{n}.{c.name}"
        for n in bi.PUBLISHED
        for c in columns(table(n).full_schema)
        if c.is_personal
    ]
    assert told == []
    assert any(c.is_personal for c in columns(table("bronze.accounts").full_schema))


def test_no_secret_and_no_variable_of_the_process_is_told(login: Login) -> None:
    secret = settings().secret(bi.SECRET)
    for asked_for in (
        "${env:SALES_SECRET_THRIFT_BI}",
        "${system:user.dir}",
        "${spark:spark.master}",
    ):
        assert asked(login, f"select '{asked_for}'") == [(asked_for,)]
    entity = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>'
    assert "root:" not in answer(login, f"select xpath_string('{entity}', 'a')")
    inside = (settings().state / "bi/spark.properties").read_text()
    assert secret not in inside


def test_settings_that_come_with_a_login_or_a_statement_do_nothing(login: Login) -> None:
    told = {
        "spark.sql.session.timeZone": "Asia/Tokyo",
        "set:hiveconf:spark.sql.session.timeZone": "Asia/Tokyo",
        "set:system:user.timezone": "Asia/Tokyo",
        "use:database": "silver",
    }
    with login(configuration=told) as connection, connection.cursor() as cursor:
        cursor.execute("select current_timezone(), current_database()")
        assert cursor.fetchall() == [("UTC", "default")]
        request = ttypes.TExecuteStatementReq(
            connection.sessionHandle, "select current_timezone()", told, runAsync=False
        )
        handle = connection.client.ExecuteStatement(request).operationHandle
        fetch = ttypes.TFetchResultsReq(handle, ttypes.TFetchOrientation.FETCH_NEXT, 1)
        found = connection.client.FetchResults(fetch).results.columns[0].stringVal.values
        assert found == ["UTC"]


@pytest.mark.parametrize(
    ("user", "password"), [("bi", "guessed"), ("analyst", None), ("bi", " "), ("", None)]
)
def test_nobody_gets_in_without_the_password(login: Login, user: str, password: str | None) -> None:
    told = {} if password is None else {"password": password}
    with pytest.raises(TTransportException):
        login(user, **told)
    assert asked(login, "select 1") == [(1,)]


def test_the_process_is_on_loopback_and_knows_no_secret_but_its_own(
    bi_server: Server, published: Path
) -> None:
    process = psutil.Process(bi_server.process.pid)
    heard = {c.laddr.ip for c in process.net_connections("tcp") if c.status == psutil.CONN_LISTEN}
    assert {ip.removeprefix("::ffff:") for ip in heard} == {"127.0.0.1"}
    told = process.environ()
    assert "of another service" not in str(told)
    assert [name for name in told if name.startswith("SALES_SECRET")] == ["SALES_SECRET_THRIFT_BI"]
    assert settings().secret(bi.SECRET) not in " ".join(process.cmdline())


def test_new_rows_columns_and_tables_are_seen_without_a_word(login: Login, published: Path) -> None:
    """The folders are the truth: nobody tells the server what has come."""
    name = "ops.freshness"
    stored, place = tables.read(name), tables.location(name)
    write_deltalake(place, stored, mode="append")
    assert asked(login, f"select count(*) from {name}") == [(2 * stored.num_rows,)]

    wider = stored.append_column("other", pa.array([1] * stored.num_rows, pa.int64()))
    write_deltalake(place, wider, mode="overwrite", schema_mode="overwrite")
    assert asked(login, f"select sum(other) from {name}") == [(stored.num_rows,)]

    shutil.rmtree(place)
    write_deltalake(place, pa.table({"only": ["x"]}))
    assert until(lambda: asked(login, f"select * from {name}"), [("x",)])
    assert until(lambda: [row[0] for row in asked(login, f"describe {name}")], ["only"])
    shutil.rmtree(place)
    freshness.refresh()
    assert until(lambda: asked(login, f"select count(*) from {name}"), [(stored.num_rows,)])


def until(ask: Callable[[], object], wanted: object) -> bool:
    """Whether it is answered so within the time in which the folders are looked at anew."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(OperationalError):
            if ask() == wanted:
                return True
        time.sleep(0.5)
    return False
