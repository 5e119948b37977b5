"""A table of PostgreSQL, the real server; the delivery's own user may do what `install` grants."""

import contextlib
import secrets
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import adbc_driver_postgresql.dbapi as postgres

from jobs.crm.access import Access
from jobs.crm.sql_drop import SqlDrop
from jobs.crm.sql_drop_install import install
from jobs.crm.sql_session import Session
from jobs.crm.throttle import Throttle
from tests.crm.rigs._drops import FIELDS, KEY, PROBES, TOO_MUCH
from tests.sources.postgres import server

USER, TABLE = "delivery", "crm.customers"
REQUEST_SECONDS = 3.0
NO_HTTP = "it speaks PostgreSQL's protocol, not HTTP: test_drops.py has the same by its own means"


class SqlDropRig:
    name = "sql_drop"
    tls = None
    lacks: Mapping[str, str] = {
        "a_merged_record_says_into_which": "a table has no merges: people delete one of two rows",
        "an_ended_session_is_opened_again": NO_HTTP,
        "a_busy_crm_is_asked_again_after_the_time_it_names": NO_HTTP,
        "a_lost_answer_is_unknown_and_a_look_decides": NO_HTTP,
        "a_request_that_never_arrived_is_not_written_and_may_be_sent_again": NO_HTTP,
    }
    key = KEY
    age = "age_band"
    ages = ("45-54", "65+")
    probes = PROBES
    too_much = TOO_MUCH

    def __init__(self, address: str) -> None:
        to = urlsplit(address)
        self.url = f"postgresql://{to.hostname}:{to.port}{to.path}"
        self.admin = (str(to.username), str(to.password))
        self.secret = secrets.token_urlsafe(12)
        self.person = postgres.connect(address, autocommit=True)
        self.say(f"create role {USER} login password '{self.secret}'", "create schema crm")
        # it is there before, with a column that only people write
        self.say(f"create table {TABLE} ({KEY} text primary key, {self.age} text)")
        user, secret = self.admin
        install(self.access(user=user, secret=secret), USER)

    def access(self, **other: Any) -> Access:
        options = {"table": TABLE, "key": KEY, "fields": FIELDS}
        told = {"url": self.url, "user": USER, "secret": self.secret, "options": options}
        return Access("warehouse", **({"throttle": Throttle(1000)} | told | other))

    def adapter(self, url: str | None = None, secret: str | None = None, **sizes: Any) -> SqlDrop:
        access = self.access(url=url or self.url, secret=secret or self.secret)
        session = Session(access, REQUEST_SECONDS)
        return SqlDrop(session, TABLE, KEY, REQUEST_SECONDS, **sizes)

    def say(self, *statements: str) -> list[tuple[Any, ...]]:
        """As a person with all rights; what the last statement gives."""
        for statement in statements:
            with self.person.cursor() as cursor:
                cursor.execute(statement)
                rows = cursor.fetchall() if cursor.description else []
        return rows

    def cut(self) -> None:
        """End all connections of the delivery."""
        self.say(f"select pg_terminate_backend(pid) from pg_stat_activity where usename='{USER}'")

    def has(self, keys: Collection[str]) -> None:
        rows = ", ".join(f"('{key}')" for key in keys)
        self.say(f"delete from {TABLE}", f"insert into {TABLE} ({KEY}) values {rows}")

    def edit(self, key: str, field: str, value: str | None) -> None:
        to = "null" if value is None else f"'{value}'"
        self.say(f"update {TABLE} set {field} = {to} where {KEY} = '{key}'")

    def delete(self, key: str) -> None:
        self.say(f"delete from {TABLE} where {KEY} = '{key}'")

    def merge(self, key: str, into: str) -> None:
        raise AssertionError(self.lacks["a_merged_record_says_into_which"])

    def write_together(self, keys: Collection[str]) -> None:
        among = ", ".join(f"'{key}'" for key in keys)
        self.say(
            f"alter table {TABLE} disable trigger sales_touch",
            f"update {TABLE} set sales_changed_at = now() where {KEY} in ({among})",
            f"alter table {TABLE} enable trigger sales_touch",
        )


@contextmanager
def rig(folder: Path) -> Iterator[SqlDropRig]:
    with server() as address:
        made = SqlDropRig(address)
        with contextlib.closing(made.person):
            yield made
            made.cut()  # the server waits for its clients to go
