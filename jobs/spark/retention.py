"""How long a table's versions can be read, and how a version that a champion learnt from is held.

VACUUM and the clean-up of the log go by two properties of the table. Each is its layer's days, or
more where an older version must stay: then both are raised before the days of that version end.
"""

import datetime as dt
import logging
import math

from pyspark.sql.connect.session import SparkSession

from jobs import lake
from jobs.spark import catalog

log = logging.getLogger(__name__)

PROPERTIES = ("delta.logRetentionDuration", "delta.deletedFileRetentionDuration")
# The week's upkeep may fail for some weeks before a version that it should hold is out of reach.
AHEAD_DAYS = 21
STEP_DAYS = 35  # a held table's properties are set anew this often, not every week


def days_to_keep(name: str, kept: int | None, now: dt.datetime) -> int:
    """Days that versions of a table are kept: its layer's, more where `kept` is older."""
    usual = catalog.retention_days(name)
    if kept is None:
        return usual
    born = [c["timestamp"] for c in lake.opened(name).history() if c["version"] == kept]
    if not born:
        log.warning("%s: version %d, which a champion learnt from, is out of its log", name, kept)
        return usual
    # 1970 in milliseconds, as Delta writes it
    age = now - dt.datetime.fromtimestamp(born[0] / 1000, dt.UTC)
    needed = age.days + AHEAD_DAYS
    return usual if needed <= usual else math.ceil(needed / STEP_DAYS) * STEP_DAYS


def hold(spark: SparkSession, name: str, kept: int | None) -> None:
    """Set the table's retention where it is another than it should be; one commit, no data."""
    wanted = f"interval {days_to_keep(name, kept, dt.datetime.now(dt.UTC))} days"
    stored = lake.opened(name).metadata().configuration
    if all(stored.get(each) == wanted for each in PROPERTIES):
        return
    told = ", ".join(f"'{each}' = '{wanted}'" for each in PROPERTIES)
    spark.sql(f"alter table delta.`{lake.location(name)}` set tblproperties ({told})").collect()
    log.info("%s: versions are kept for %s", name, wanted.removeprefix("interval "))
