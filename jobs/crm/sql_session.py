"""PostgreSQL for an adapter: transactions of one connection, and what its errors mean."""

import math
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import quote, urlsplit

import adbc_driver_postgresql.dbapi as postgres
import pyarrow as pa

from jobs.crm.access import Access
from jobs.crm.adapter import CrmError, ErrorClass
from jobs.crm.patience import patient
from jobs.crm.writing import NoAnswer, Refused

REQUEST_SECONDS = 60.0
CONNECT_SECONDS = 10

# In each transaction, not in each session: between the two there may be a pooler.
SETTINGS = """
    select set_config('timezone', 'UTC', true), set_config('datestyle', 'ISO', true),
           set_config('statement_timeout', $1, true), set_config('lock_timeout', $1, true),
           set_config('idle_in_transaction_session_timeout', $1, true),
           set_config('synchronous_commit', case current_setting('synchronous_commit')
               when 'off' then 'on' else current_setting('synchronous_commit') end, true)
"""

# https://www.postgresql.org/docs/current/errcodes-appendix.html
WORDS = {
    "22001": "too_long",
    "22003": "out_of_range",
    "22007": "not_of_this_type",
    "22P02": "not_of_this_type",
    "22P05": "has_a_null_character",
    "23502": "must_not_be_empty",
    "23503": "no_such_reference",
    "23505": "not_unique",
    "23514": "check_failed",
    "42501": "not_allowed",
}
TRANSIENT = ("08", "40", "53", "57", "25", "55P03", "XX")
PERMISSION = ("28", "42501", "3D000")
# A server that refuses to let us in tells no code of it: libpq keeps the text only
NOT_LET_IN = ("authentication failed", "no pg_hba.conf entry", "does not exist", "not permitted")
SEVERITY = b"PG_DIAG_SEVERITY_NONLOCALIZED"  # other than ERROR: the server ends the connection
# a broken stream of rows comes as Arrow's own error
ERRORS = (postgres.Error, pa.ArrowException, OSError)


class Work:
    """The statements of one transaction."""

    def __init__(self, connection: postgres.Connection, where: str) -> None:
        self._connection, self._where = connection, where

    def run(self, sql: str, *told: str) -> list[dict[str, Any]]:
        """One statement with texts for its $1, $2, …; the rows that it gives.

        Raises:
            CrmError: it was not done; `Refused` where the transaction may go on at a savepoint.
        """
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(sql, told or None)
                return cursor.fetch_arrow_table().to_pylist() if cursor.description else []
        except ERRORS as error:
            raise meaning(error, self._where) from None

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """What is refused in the block is taken back, and what was before it stays."""
        self.run("savepoint part")
        try:
            yield
        except Refused:
            self.run("rollback to savepoint part")
            raise
        self.run("release savepoint part")


class Session:
    """One database, with one connection that is opened when it is needed."""

    def __init__(self, access: Access, seconds: float = REQUEST_SECONDS) -> None:
        self.throttle = access.throttle
        self._milliseconds = str(int(self.throttle.patience(seconds) * 1000))
        self._address, self.where = _address(access)
        self._connection: postgres.Connection | None = None

    @contextmanager
    def transaction(self) -> Iterator[Work]:
        """All of the block is written at its end, or nothing.

        Raises:
            NoAnswer: it was to be written, and the connection was lost.
            CrmError: nothing was written.
        """
        self.throttle.wait()
        work = self._begun()
        try:
            yield work
        except BaseException:
            self.close()  # which takes back what was not committed
            raise
        try:
            work.run("commit")
        except Refused:
            raise
        except CrmError:
            self.close()
            raise NoAnswer("unknown", f"{self.where} gave no answer to a commit") from None

    def close(self) -> None:
        if self._connection is not None:
            with suppress(*ERRORS):
                self._connection.close()
        self._connection = None

    @patient()
    def _begun(self) -> Work:
        """A transaction on a connection that is alive: one that was idle may have been cut."""
        try:
            if self._connection is None:
                self._connection = postgres.connect(self._address, autocommit=True)
            work = Work(self._connection, self.where)
            work.run("begin")
            work.run(SETTINGS, self._milliseconds)
        except ERRORS as error:
            raise meaning(error, self.where) from None
        except CrmError:
            self.close()
            raise
        return work


def _address(access: Access) -> tuple[str, str]:
    """The address with user and secret, which must not be shown, and what may be shown of it."""
    to = urlsplit(access.url)
    if to.scheme not in {"postgresql", "postgres"} or not to.hostname or "@" in access.url:
        # where a login stands in it, it is not shown
        shown = "" if "@" in access.url else f" {access.url!r}"
        raise CrmError(
            "data",
            f"{access.connection}: server.url{shown} is no address of a database: write "
            "postgresql://host:port/database, and user and secret apart from it",
        )
    login = f"{quote(access.user, safe='')}:{quote(access.secret, safe='')}@"
    seconds = math.ceil(access.throttle.patience(CONNECT_SECONDS))  # 0: for ever
    query = "&".join(filter(None, (to.query, f"connect_timeout={seconds}")))
    return to._replace(netloc=login + to.netloc, query=query).geturl(), to.netloc + to.path


def meaning(error: Exception, where: str) -> CrmError:
    """What an error is; its own text is left out where it may quote a value of a row."""
    code, details = getattr(error, "sqlstate", None), dict(getattr(error, "details", ()))
    if code and details.get(SEVERITY) == b"ERROR":
        return Refused(_kind(code), _reason(code, details))
    if code is None and any(words in str(error) for words in NOT_LET_IN):
        return CrmError("permission", f"{where} does not let us in: check user and secret")
    return CrmError("transient", f"{where} cannot be reached, or cut the connection")


def _kind(code: str) -> ErrorClass:
    if code.startswith(TRANSIENT):
        return "transient"
    return "permission" if code.startswith(PERMISSION) else "data"


def _reason(code: str, details: dict[Any, bytes]) -> str:
    """Words, and the names of the column and the constraint: never a value."""
    names = (
        details.get(f"PG_DIAG_{of}_NAME".encode(), b"").decode() for of in ("COLUMN", "CONSTRAINT")
    )
    return " ".join(filter(None, (WORDS.get(code, f"sqlstate_{code}"), *names)))
