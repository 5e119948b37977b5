"""What is due when, and what is late: drops by their source's rhythm, tables by their layer's.

Nothing is late by a clock that is the data's (COMPANY_CLOCK=data: a past year is being played), and
what never came is not missed: a rhythm begins with the first drop, or the first build.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from jobs import lake, landing
from jobs.quarantine.mends import SYSTEM
from jobs.settings import settings
from jobs.table import LAYERS, names

GOOD = ("written", "unchanged")  # outcomes of a build after which a table is up to date


@dataclass(frozen=True)
class Due:
    """Every so many days, by an hour of the company's wall clock."""

    by: dt.time
    days: int = 1

    def begins_at(self, now: dt.datetime) -> dt.datetime:
        """What is older than this at `now` is late: a midnight, counted from the last due hour.

        Daily by 09:00: at 10:00 it must be of today, at 08:00 of yesterday is early enough.
        """
        here = now.astimezone(ZoneInfo(settings().timezone))
        last = here.date() if here.time() >= self.by else here.date() - dt.timedelta(days=1)
        first = last - dt.timedelta(days=self.days - 1)
        return dt.datetime.combine(first, dt.time(), here.tzinfo)

    def late_from(self, newest_at: dt.datetime) -> dt.datetime:
        """The hour at which what is of `newest_at` becomes late: `begins_at` then is past it."""
        here = newest_at.astimezone(ZoneInfo(settings().timezone))
        day = here.date() + dt.timedelta(days=self.days)
        return dt.datetime.combine(day, self.by, here.tzinfo)

    def __str__(self) -> str:
        return f"every {f'{self.days} days' if self.days > 1 else 'day'} by {self.by:%H:%M}"


# An entity that is not named here comes when its source has something: it is never late. Of one
# that is named each system that hands over drops is due by itself; those that are read by watermark
# have something or have not: they are due together, and only where no system hands over drops.
DROPS: Mapping[str, Due] = {
    "order_lines": Due(dt.time(8)),  # complete at 06:00
    "accounts": Due(dt.time(8), days=7),  # nothing changed, nothing comes, until all is read again
    "promotions": Due(dt.time(8), days=7),  # a week's plan comes on the Friday before
}

# Systems that have handed over an entity for the last time: (entity, system).
ENDED: frozenset[tuple[str, str]] = frozenset()

# A table that had nothing to do is as fresh as one that was written.
TABLES: Mapping[str, Due] = dict.fromkeys(LAYERS, Due(dt.time(9)))


@dataclass(frozen=True)
class Late:
    """A drop or a table that should have come."""

    name: str  # a drop, or a table
    due: Due
    newest_at: dt.datetime  # when the last one came

    def __str__(self) -> str:
        return (
            f"{self.name}: due {self.due}, the last one is of {self.newest_at:%Y-%m-%d %H:%M} UTC"
        )


@dataclass(frozen=True)
class Drop:
    """What comes by a rhythm: an entity, of a system or (null) of all that have it."""

    entity: str
    system: str | None

    def __str__(self) -> str:
        return f"{self.entity} of {self.system}" if self.system else self.entity


def newest_drops() -> dict[Drop, dt.datetime]:
    """When the newest of each of DROPS was complete (UTC)."""
    found: dict[Drop, dt.datetime] = {}
    for entity in DROPS:
        # oldest first; and a row that a person mends by hand is no drop of the source
        landed = [
            m
            for m in landing.manifests(entity).values()
            if m.system != SYSTEM and (entity, m.system) not in ENDED
        ]
        dropping = {m.system for m in landed if m.mode != "changes"}
        for m in landed:
            if not dropping or m.system in dropping:
                drop = Drop(entity, m.system if dropping else None)
                found[drop] = dt.datetime.fromisoformat(m.known_at)
    return found


def late_drops(now: dt.datetime, newest: Mapping[Drop, dt.datetime] | None = None) -> list[Late]:
    """Drops whose newest is older than their entity's rhythm allows.

    Args:
        newest: as `newest_drops` gave them; null: read now.
    """
    found = newest_drops() if newest is None else newest
    times = {str(drop): at for drop, at in found.items()}
    return _late(times, {str(drop): DROPS[drop.entity] for drop in found}, now)


def late_tables(now: dt.datetime) -> list[Late]:
    """Tables whose newest good build is older than their layer's rhythm allows."""
    times = last_good_builds()
    return _late(times, {name: TABLES[name.partition(".")[0]] for name in times}, now)


def last_good_builds() -> dict[str, dt.datetime]:
    """When each table was last built or found up to date (UTC)."""
    if not lake.exists("ops.builds"):
        return {}
    good = ", ".join(f"'{outcome}'" for outcome in GOOD)
    asked = f"""select table_name, max(finished_at) as at from t
        where outcome in ({good}) group by table_name"""  # noqa: S608 - our own words
    found = {row["table_name"]: row["at"] for row in lake.read("ops.builds", sql=asked).to_pylist()}
    return {name: found[name] for name in names(LAYERS) if name in found}


def _late(
    times: Mapping[str, dt.datetime], rules: Mapping[str, Due], now: dt.datetime
) -> list[Late]:
    if settings().clock == "data":
        return []
    return [
        Late(name, rules[name], at) for name, at in times.items() if at < rules[name].begins_at(now)
    ]
