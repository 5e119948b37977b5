"""Our own deliveries: what became last of each customer's, by connection, from the ledger in ops.

What goes out to a CRM lies to the right of all tables. It comes back as predictions do: landed, so
that a table that tells of it is built like any other, and nothing reads to its right. All there is
is landed at each time; where nothing was delivered meanwhile, that is no news.

Only the CRM that a connection leads to by now is told of: one that was set up anew has none of what
the one before it was sent.
"""

import datetime as dt
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from jobs import lake, landing
from jobs.landing import Manifest

ENTITY, SYSTEM, BATCH = "deliveries", "delivery", "newest"

NEWEST = """
    with present as (
        select connection, last_value(crm_instance order by sequence) as crm_instance
        from t group by connection
    )
    select t.connection, t.account_id,
           last_value(event order by sequence) as event,
           last_value(reason order by sequence) as reason,
           last_value(at order by sequence) as event_at,
           max(at) filter (where event = 'written') as written_at,
           last_value(plan_id order by sequence) as plan_id
    from t join present
      on t.connection = present.connection and t.crm_instance = present.crm_instance
    group by t.connection, t.account_id
"""
KEY = ("connection", "account_id", "plan_id")


def land(start: dt.date, end: dt.date) -> list[Manifest]:
    """Land what is known now, whatever the dates: a ledger tells of no day before."""
    if not lake.exists("ops.crm_deliveries"):
        return []
    newest = lake.read("ops.crm_deliveries", sql=NEWEST)
    if not newest.num_rows:
        return []
    told = newest.join(_cleared(newest), keys=list(KEY), join_type="left outer")
    told = told.sort_by([(name, "ascending") for name in KEY])
    known_at: dt.datetime = pc.max(newest["event_at"]).as_py()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{ENTITY}.parquet"
        pq.write_table(told, path)
        manifest = landing.land(
            *(ENTITY, SYSTEM, BATCH, [path]),
            mode="snapshot",
            known_at=known_at,
            watermark=known_at.isoformat(),
            columns={},
            format="parquet",
        )
    return [manifest]


def _cleared(newest: pa.Table) -> pa.Table:
    """Why a plan took back all that it sent of a customer; no row: it gave something."""
    plans = lake.one_of("plan_id", {str(plan) for plan in newest["plan_id"].to_pylist()})
    return lake.read(
        "ops.crm_plan_items",
        sql=f"""select {", ".join(KEY)}, max(coalesce(reason, 'no_value')) as cleared_for from t
            where action <> 'blocked' and {plans}
            group by {", ".join(KEY)} having bool_and(action = 'clear')""",  # noqa: S608 quoted
    )
