import datetime as dt
from types import SimpleNamespace

import pytest
from airflow.sdk import RetryAction
from airflow.sdk.exceptions import AirflowFailException

from dags.tasks import DEFAULTS, business_dates, is_for_delivery, is_only_backfill, no_retry_after
from jobs.settings import SettingsError

MORNING = dt.datetime(2026, 3, 2, 11, tzinfo=dt.UTC)


def test_a_run_without_dates_lands_the_day_before_it() -> None:
    assert business_dates(None, None, MORNING) == (dt.date(2026, 3, 1), dt.date(2026, 3, 1))


def test_the_day_before_is_a_day_of_the_shops_not_of_utc() -> None:
    # 22:00 on 1 March in New York
    night = dt.datetime(2026, 3, 2, 3, tzinfo=dt.UTC)
    assert business_dates(None, None, night) == (dt.date(2026, 2, 28), dt.date(2026, 2, 28))


def test_given_dates_are_taken_as_they_are() -> None:
    told = business_dates("2017-01-01", "2017-11-26", MORNING)
    assert told == (dt.date(2017, 1, 1), dt.date(2017, 11, 26))


@pytest.mark.parametrize(
    ("start", "end"), [("2017-01-01", None), (None, "2017-01-01"), ("2017-01-02", "2017-01-01")]
)
def test_half_a_range_or_a_backward_one_fails_at_once(start: str | None, end: str | None) -> None:
    with pytest.raises(AirflowFailException, match="give both"):
        business_dates(start, end, MORNING)


@pytest.mark.parametrize(
    ("params", "run_type", "expected"),
    [
        ({"start": None, "deliver": None}, "scheduled", True),
        ({}, "manual", True),
        ({"start": "2017-01-01", "deliver": None}, "manual", False),
        ({"start": None, "deliver": None}, "backfill", False),
        # what a person says goes before
        ({"start": "2017-11-27", "deliver": True}, "manual", True),
        ({"start": None, "deliver": True}, "backfill", True),
        ({"start": None, "deliver": False}, "scheduled", False),
    ],
)
def test_a_backfill_reaches_the_crm_only_when_told(
    params: dict[str, object], run_type: str, expected: bool
) -> None:
    assert is_for_delivery(params, run_type) is expected


def test_settings_that_cannot_be_used_are_not_tried_again() -> None:
    policy = DEFAULTS["retry_policy"]
    assert policy.evaluate(SettingsError("no token"), 1, 3).action is RetryAction.FAIL


def test_a_lost_connection_is_tried_again_later_and_later() -> None:
    policy = DEFAULTS["retry_policy"]
    assert policy.evaluate(ConnectionError("gone"), 1, 3).action is RetryAction.DEFAULT
    assert DEFAULTS["retries"] == 4
    assert DEFAULTS["retry_exponential_backoff"] > 1


def test_a_refusal_fails_at_once_and_says_why() -> None:
    with pytest.raises(AirflowFailException, match="too many rows"), no_retry_after(ValueError):
        raise ValueError("too many rows")


def test_another_error_passes_as_it_is() -> None:
    with pytest.raises(ConnectionError), no_retry_after(ValueError):
        raise ConnectionError("gone")


def outbox(*deliver: bool) -> dict[str, list[SimpleNamespace]]:
    """What a delivery is told of the versions it runs for."""
    return {"scores.crm_outbox": [SimpleNamespace(extra={"deliver": told}) for told in deliver]}


def test_a_delivery_passes_over_what_only_backfills_wrote() -> None:
    assert is_only_backfill(outbox(False, False)) is True
    assert is_only_backfill(outbox(False, True)) is False


def test_a_delivery_by_the_clock_or_by_hand_goes_on() -> None:
    assert is_only_backfill(None) is False
    assert is_only_backfill({}) is False
