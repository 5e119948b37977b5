"""Customers are found by their e-mail address too, and no address is kept for it.

Both sides are compared as one mailbox (`people.email`), hashed with a key of this installation:
so the mirror, which is a table of the lake, says nothing of whose address it is.
"""

import hashlib
import hmac
from collections.abc import Callable

import duckdb
import pyarrow as pa

from jobs import lake
from jobs.delivery.mapping import ConnectionMap
from jobs.settings import settings
from jobs.spark.people import email

ACCOUNTS = "bronze.accounts"
SECRET = "contact_keys"  # noqa: S105 a name

# As the CRM said last
NEWEST = """
select account_id, email from (
    select account_id, email, row_number() over (
        partition by account_id
        order by as_of_date desc, _known_at desc, _batch_id desc, _row_number desc
    ) as place
    from t
) where place = 1
"""


def hashing() -> Callable[[str | None], str | None]:
    """A function from an address as somebody wrote it to its key; null: it is no address."""
    secret, begin = settings().make_secret(SECRET).encode(), beginning()

    def key(text: str | None) -> str | None:
        mailbox = email(text)
        return mailbox and begin + hmac.new(secret, mailbox.encode(), hashlib.sha256).hexdigest()

    return key


def beginning() -> str:
    """How keys of this installation begin: those of another one, in the same lake, are not ours."""
    return hashlib.sha256(settings().make_secret(SECRET).encode()).hexdigest()[:8] + "."


def load(db: duckdb.DuckDBPyConnection, mapping: ConnectionMap) -> None:
    """Fill in the keys of `subjects` that are not the outbox's; `contacts` are all customers."""
    rungs = [n for n, rung in enumerate(mapping.match) if rung.is_contact]
    if not rungs:
        return
    db.execute("create or replace table contacts (account_id varchar, key varchar)")
    if not lake.exists(ACCOUNTS):
        return
    key = hashing()
    for batch in lake.stream(ACCOUNTS, sql=NEWEST):
        keys = pa.array([key(text) for text in batch.column("email").to_pylist()], pa.string())
        accounts = batch.column("account_id").cast(pa.string())
        db.register("rows", pa.table({"account_id": accounts, "key": keys}))
        db.execute("insert into contacts select * from rows")
        db.unregister("rows")
    for n in rungs:
        db.execute(
            f"update subjects set k{n} = c.key from contacts c "  # noqa: S608 a number
            "where c.account_id = subjects.account_id"
        )
