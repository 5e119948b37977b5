"""What a server says in Retry-After: seconds, or an instant (RFC 9110, 10.2.3)."""

import datetime as dt
import email.utils
import re


def seconds(told: str | None) -> float | None:
    """How long to wait, 0 or more; null: nothing was said that can be read."""
    if told is None:
        return None
    if re.fullmatch(r"\d+(\.\d+)?", told):
        return float(told)
    try:
        until = email.utils.parsedate_to_datetime(told)
    except ValueError:
        return None
    if until.tzinfo is None:  # of a zone that is not told: RFC 9110 knows GMT only
        until = until.replace(tzinfo=dt.UTC)
    return max((until - dt.datetime.now(dt.UTC)).total_seconds(), 0.0)
