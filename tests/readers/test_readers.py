"""Gold and scores, read by what people read them with: the same rows, types and words in each."""

import datetime as dt
import importlib.metadata
import json
import re
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
import sqlalchemy as sa
from deltalake import DeltaTable
from TCLIService import ttypes

from infra import bi
from jobs import lake
from jobs.ops import quality
from jobs.settings import ROOT, settings
from jobs.table import columns, names, table
from tests.readers.conftest import Login

READ = names(["gold", "scores"])

KINDS: Mapping[str, type] = {
    "string": str,
    "int": int,
    "bigint": int,
    "double": float,
    "boolean": bool,
    "date": dt.date,
    "timestamp": dt.datetime,
    "decimal": Decimal,
    "array": list,
}

Rows = list[dict[str, Any]]


def over_thrift(login: Login, name: str) -> Rows:
    with login() as connection, connection.cursor() as cursor:
        cursor.execute(f"select * from {name}")
        heads = [column[0].rpartition(".")[2] for column in cursor.description]
        # the protocol sends a date as text, and PyHive leaves it so
        dates = {h for h, c in zip(heads, cursor.description, strict=True) if c[1] == "DATE_TYPE"}
        rows = [dict(zip(heads, row, strict=True)) for row in cursor.fetchall()]
        return [
            {n: dt.date.fromisoformat(v) if v and n in dates else v for n, v in row.items()}
            for row in rows
        ]


def over_sqlalchemy(login: Login, name: str) -> Rows:
    layer, _, short = name.partition(".")
    where = f"127.0.0.1:{settings().thrift_port}/{layer}"
    engine = sa.create_engine(
        f"hive://{bi.USER}:{settings().secret(bi.SECRET)}@{where}?auth=CUSTOM"
    )
    reflected = sa.Table(short, sa.MetaData(), autoload_with=engine)
    with engine.connect() as connection:
        return [dict(row._mapping) for row in connection.execute(sa.select(reflected))]


def in_duckdb(login: Login, name: str) -> Rows:
    [extension] = [
        file.locate()
        for file in importlib.metadata.files("duckdb-ext-delta") or []
        if file.name == "delta.duckdb_extension"
    ]
    with duckdb.connect() as connection:
        connection.execute(f"load '{extension}'; set timezone = 'UTC'")
        found = connection.execute(f"from delta_scan('{lake.location(name)}')")
        heads = [column[0] for column in found.description]
        return [dict(zip(heads, row, strict=True)) for row in found.fetchall()]


def in_deltalake(login: Login, name: str) -> Rows:
    return lake.read(name).to_pylist()


def in_pandas(login: Login, name: str) -> Rows:
    return DeltaTable(lake.location(name)).to_pyarrow_table().to_pylist()


def in_polars(login: Login, name: str) -> Rows:
    return pl.scan_delta(lake.location(name)).collect().to_dicts()


READERS: tuple[Callable[[Login, str], Rows], ...] = (
    over_thrift, over_sqlalchemy, in_duckdb, in_deltalake, in_pandas, in_polars
)  # fmt: skip


def plain(value: Any) -> Any:
    """A value by its meaning: Thrift sends arrays and structs as text, others as Python has it."""
    if isinstance(value, str) and value[:1] in ("[", "{"):
        return plain(json.loads(value, parse_float=Decimal))
    if isinstance(value, Mapping):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).replace(tzinfo=None) if value.tzinfo else value
    return value


def in_order(rows: Iterable[Mapping[str, Any]]) -> Rows:
    told = [{name: plain(value) for name, value in row.items()} for row in rows]
    return sorted(told, key=lambda row: json.dumps(row, default=str, sort_keys=True))


def test_every_reader_sees_the_same_rows_with_sane_types(login: Login) -> None:
    for name in READ:
        told = {reader.__name__: in_order(reader(login, name)) for reader in READERS}
        wanted = told["in_deltalake"]
        assert wanted, f"{name} is empty: nothing would be compared"
        for reader, rows in told.items():
            assert rows == wanted, f"{name} {reader}"
            for column in columns(table(name).full_schema):
                kind = KINDS[column.type.partition("(")[0].partition("<")[0]]
                values = [row[column.name] for row in rows if row[column.name] is not None]
                assert all(type(value) is kind for value in values), (
                    f"{name}.{column.name} {reader}"
                )


@pytest.mark.parametrize("name", READ)
def test_no_feature_of_delta_shuts_a_plain_reader_out(published: Path, name: str) -> None:
    """Deletion vectors, renamed columns, v2 checkpoints and the like: readers fail, or lie."""
    protocol = DeltaTable(lake.location(name)).protocol()
    assert protocol.min_reader_version == 1
    assert not protocol.reader_features
    told = DeltaTable(lake.location(name)).metadata().configuration
    assert told["delta.enableDeletionVectors"] == "false"
    assert "delta.columnMapping.mode" not in told
    assert "map<" not in table(name).full_schema


def test_every_column_says_in_each_reader_what_it_holds(login: Login) -> None:
    for name in READ:
        wanted = {c.name: c.comment for c in columns(table(name).full_schema)}
        with login() as connection, connection.cursor() as cursor:
            cursor.execute(f"describe {name}")
            told = {row[0]: row[2] for row in cursor.fetchall()}
            assert {column: told[column] for column in wanted} == wanted, name
            assert by_protocol(connection, name) == wanted, name
        fields = DeltaTable(lake.location(name)).schema().fields
        assert {f.name: f.metadata["comment"] for f in fields} == wanted, name


def test_the_question_of_the_docs_what_a_rule_touched_is_answered_over_sql(login: Login) -> None:
    verdict = {"table_name": "gold.departments", "rule": "key", "severity": "critical"}
    told = {"run_id": "b", "is_kept": False, "rows_judged": 3, "rows_broken": 2, "observed": ""}
    at = {"judged_at": dt.datetime(2017, 3, 8, tzinfo=dt.UTC)}
    lake.append(quality.TABLE, [verdict | told | at])
    text = (ROOT / "docs/cleaning.md").read_text()
    [asked] = re.findall(r"^```sql\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    with login() as connection, connection.cursor() as cursor:
        cursor.execute(asked)
        assert cursor.fetchall() == [("gold.departments", "key", "critical", 3, 2)]


def test_the_snippets_of_the_docs_run(login: Login, capsys: pytest.CaptureFixture[str]) -> None:
    here = settings()
    text = (ROOT / "docs/bi.md").read_text().replace(".state/lake", here.lake_uri)
    text = text.replace(".state/secrets", str(here.secrets))
    text = text.replace("18084", str(here.thrift_port))
    snippets = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert len(snippets) > 5
    for snippet in snippets:
        exec(snippet, {})  # noqa: S102 - our own page
        assert capsys.readouterr().out


def by_protocol(connection: Any, name: str) -> dict[str, str]:
    """Columns and their comments as JDBC and ODBC drivers ask for them."""
    layer, _, short = name.partition(".")
    asked = ttypes.TGetColumnsReq(connection.sessionHandle, None, layer, short, "%")
    answer = connection.client.GetColumns(asked)
    assert answer.operationHandle, answer.status
    forward = ttypes.TFetchOrientation.FETCH_NEXT
    fetch = ttypes.TFetchResultsReq(answer.operationHandle, forward, 1_000)
    found = connection.client.FetchResults(fetch).results.columns
    return dict(zip(found[3].stringVal.values, found[11].stringVal.values, strict=True))
