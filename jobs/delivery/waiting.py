"""When something is tried again, by one of tenacity's waits."""

import datetime as dt
import time

from tenacity import RetryCallState, Retrying
from tenacity.wait import wait_base


def next_attempt(wait: wait_base, attempt: int) -> dt.datetime:
    """The instant of the next attempt after the n-th (from 1)."""
    state = RetryCallState(Retrying(), None, (), {})
    state.attempt_number = attempt
    return dt.datetime.now(dt.UTC) + dt.timedelta(seconds=wait(state))


def pause_until(instant: dt.datetime) -> None:
    time.sleep(max(0.0, (instant - dt.datetime.now(dt.UTC)).total_seconds()))
