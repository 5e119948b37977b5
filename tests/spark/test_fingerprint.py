"""What of the code counts as the code of a table: files and functions that `make` reaches."""

from pathlib import Path

import pytest

from jobs.settings import settings
from jobs.spark.fingerprint import code, fingerprint
from jobs.table import Landed, table

SHARED = '''
"""Shared words."""

DAYS = 7


def used(rows):
    """What it does."""
    return rows.limit(DAYS)


def unused(rows):
    return rows
'''
MAKE = """
from jobs.settings import settings
from jobs.spark import shared
from jobs.spark.store import read

SCHEMA = "day date"


def at_shop(rows):
    return rows.where(settings().timezone)


def make(rows):
    return shared.used(at_shop(rows))


TABLE = make
"""
HERE, THERE = "jobs/spark/sold.py", "jobs/spark/shared.py"


@pytest.fixture
def of(tmp_path: Path):  # type: ignore[no-untyped-def]
    """`of(make, shared)`: the code's parts of a table with these two files."""
    (tmp_path / "jobs/spark").mkdir(parents=True)
    (tmp_path / "jobs/spark/store.py").write_text("def read(): ...")

    def parts(make: str = MAKE, shared: str = SHARED) -> dict[str, str]:
        (tmp_path / HERE).write_text(make)
        (tmp_path / THERE).write_text(shared)
        return code([(tmp_path / HERE, "make")], tmp_path)

    return parts


def changed(was: dict[str, str], now: dict[str, str]) -> set[str]:
    return {name for name in {*was, *now} if was.get(name) != now.get(name)}


def test_a_table_s_code_is_what_make_reaches_in_any_file(of) -> None:  # type: ignore[no-untyped-def]
    was = of()
    assert set(was) == {HERE, THERE, "COMPANY_TIMEZONE"}
    assert was["COMPANY_TIMEZONE"] == settings().timezone
    assert changed(was, of(shared=SHARED.replace("DAYS = 7", "DAYS = 8"))) == {THERE}
    assert changed(was, of(make=MAKE.replace("rows.where", "rows.filter"))) == {HERE}
    gone = of(make=MAKE.replace("shared.used(at_shop(rows))", "rows"))
    assert changed(was, gone) == {HERE, THERE, "COMPANY_TIMEZONE"}


def test_words_form_and_what_make_does_not_reach_are_not_its_code(of) -> None:  # type: ignore[no-untyped-def]
    was = of()
    assert not changed(was, of(shared=SHARED.replace("What it does", "What else it does")))
    assert not changed(was, of(shared=SHARED.replace("DAYS = 7", "DAYS  =  7  # a week")))
    assert not changed(was, of(shared=SHARED.replace("return rows\n", "return rows.limit(1)\n")))
    assert not changed(was, of(make=MAKE.replace("day date", "day date comment 'UTC'")))


def test_a_table_is_other_where_its_schema_key_or_rules_are() -> None:
    which = table("silver.order_lines")
    was = fingerprint(which)  # type: ignore[arg-type]
    assert {"SCHEMA", "key and inputs", "COMPANY_TIMEZONE", "jobs/spark/columns.py"} <= set(was)
    assert "expectations/silver/order_lines.py" in was
    narrow = type(which)(**{**vars(which), "schema": which.full_schema.replace("bigint", "int")})
    assert changed(was, fingerprint(narrow)) == {"SCHEMA"}  # type: ignore[arg-type]
    keyed = type(which)(**{**vars(which), "key": ("order_id",)})
    assert changed(was, fingerprint(keyed)) == {"key and inputs"}  # type: ignore[arg-type]


def test_bronze_is_made_by_what_reads_files_and_refuses_rows() -> None:
    which = table("bronze.order_lines")
    assert isinstance(which, Landed)
    assert {"jobs/spark/landed.py", "jobs/spark/quarantine.py"} <= set(fingerprint(which))


def test_what_people_review_beside_a_table_is_its_code_too() -> None:
    which = table("scores.next_actions")
    parts = fingerprint(which)  # type: ignore[arg-type]
    assert {"jobs/spark/scores/next_actions.yaml", "jobs/spark/deciding.py"} <= set(parts)
