"""How large a plan is: what it costs, when a person must look at it, and when it is too old."""

import bisect
import datetime as dt
import itertools
import math
from dataclasses import asdict, replace

from jobs.crm.adapter import Description, Quota
from jobs.delivery.compare import Totals
from jobs.delivery.ledger import Ledger, Plan
from jobs.delivery.mapping import ConnectionMap

# of a bulk job: it is made, filled, started, looked at, and tells of its records in three files
BULK_REQUESTS = 7
READINGS = 2  # of each record: before it is written, and when it is verified


def measured(
    plan: Plan, totals: Totals, described: Description, quota: Quota | None, mapping: ConnectionMap
) -> Plan:
    """The plan with its counts, the requests that it needs, and how long these take at least."""
    counts = asdict(totals)
    del counts["graded"], counts["ours"]
    calls, reads = requests(totals.records, described)
    seconds = (calls + reads) / mapping.rate.requests_a_second
    return replace(
        plan,
        **counts,
        calls=calls,
        reads=reads,
        quota_share=(calls + reads) / quota.limit if quota and quota.limit else None,
        minutes=round(seconds / 60, 2),
    )


def requests(records: int, described: Description) -> tuple[int, int]:
    """Requests that write so many records, and that read them."""
    calls = math.ceil(records / described.batch_size(records))
    if described.is_bulk(records):
        calls *= BULK_REQUESTS
    return calls, READINGS * math.ceil(records / described.page_records)


def affordable(
    records: int, described: Description, quota: Quota | None, mapping: ConnectionMap
) -> int:
    """How many of the records what is left of today's share of requests is enough for."""
    if quota is None:
        return records
    left = quota.limit * mapping.rate.daily_share - quota.used
    steps = [0, records + 1]
    if described.is_bulk(records):
        steps.insert(1, described.bulk_from)  # more records are fewer requests from here on
    found = 0
    for first, end in itertools.pairwise(steps):
        tried = range(first, end)
        fitting = bisect.bisect_right(tried, left, key=lambda n: sum(requests(n, described)))
        found = max(found, first + fitting - 1 if fitting else 0)
    return found


def judged(plan: Plan, totals: Totals, mapping: ConnectionMap, allow_mass_clear: bool) -> Plan:
    """The plan in its first state: `planned`, `waiting` for a person, or `refused` at once."""
    limits = mapping.limits
    cleared = share(totals.cleared, totals.ours)
    if cleared > limits.mass_clear_share and not allow_mass_clear:
        note = (
            f"{totals.cleared:,} of {totals.ours:,} customers would lose their values, more than "
            f"{limits.mass_clear_share:.0%}: see why in ops.crm_plan_items; if it is right, plan "
            "again with --allow-mass-clear"
        )
        return replace(plan, state="refused", needs_person=note, note=note)
    known = totals.customers
    beyond = [
        f"{words}: {part:,} of {whole:,} ({share(part, whole):.1%}), up to {limit:.1%} go by "
        "themselves"
        for words, part, whole, limit in (
            ("customers changed", totals.records, known + totals.creates, limits.changed_share),
            ("grades changed", totals.flips, totals.graded, limits.flip_share),
            ("customers cleared", totals.cleared, totals.ours, limits.clear_share),
        )
        if share(part, whole) > limit and mapping.mode != "create_only"
    ]
    if totals.creates > limits.creates:
        beyond.append(f"{mapping.what} created: {totals.creates:,}, up to {limits.creates:,} go")
    if not beyond:
        return plan
    return replace(plan, state="waiting", needs_person="; ".join(beyond))


def share(part: int, whole: int) -> float:
    return part / whole if whole else float(part > 0)


def is_too_old(ledger: Ledger, plan: Plan, mapping: ConnectionMap) -> bool:
    return dt.datetime.now(dt.UTC) - ledger.made_at(plan) > _longest(plan, mapping)


def age_words(plan: Plan, mapping: ConnectionMap) -> str:
    """How old it may grow, in words."""
    hours = _longest(plan, mapping).total_seconds() / 3600
    return f"{hours / 24:g} days" if hours >= 48 else f"{hours:g} hours"


def _longest(plan: Plan, mapping: ConnectionMap) -> dt.timedelta:
    if plan.state == "waiting":
        return dt.timedelta(hours=mapping.limits.answer_hours)
    return dt.timedelta(days=mapping.limits.plan_days)
