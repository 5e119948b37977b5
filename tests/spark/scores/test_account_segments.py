import datetime as dt

import pytest

DAY = dt.date(2017, 3, 5)


def days(count):
    return dt.timedelta(days=count)


def answer(account_id, segment_id, week_before_id=None, as_of=DAY, version="1", **told):
    return {
        "account_id": account_id,
        "segment_id": segment_id,
        "segment_code": None if segment_id is None else f"code {segment_id}",
        "week_before_id": week_before_id,
        "model_version": version,
        "as_of_date": as_of,
        "_known_at": dt.datetime(2017, 3, 6, 5),
        **told,
    }


@pytest.fixture
def segments(rows, made):
    """By account and day."""

    def build(*answers):
        found = made("scores.account_segments", rows("bronze.account_segments", *answers))
        return {(row.account_id, row.as_of_date): row for row in found}

    return build


def test_a_segment_is_told_with_that_of_a_week_before(segments):
    found = segments(
        answer("900", 2, as_of=DAY - days(7)), answer("900", 3, 2, segment_name="High value")
    )
    row = found["900", DAY]
    told = (row.segment_id, row.segment_code, row.segment_name)
    assert told == (3, "code 3", "High value")
    before = (row.previous_segment_id, row.previous_segment_code, row.previous_as_of_date)
    assert before == (2, "code 2", DAY - days(7))
    first = found["900", DAY - days(7)]
    assert (first.previous_segment_id, first.previous_as_of_date, first.moved_by) == (None,) * 3


def test_who_did_nothing_was_moved_by_the_refit(segments):
    week_ago = {"as_of": DAY - days(7)}
    found = segments(
        *[answer(who, 2, **week_ago) for who in ("stayed", "moved", "was moved", "same version")],
        answer("left", 2, **week_ago),
        answer("entered", None, **week_ago),
        answer("stayed", 2, 2, version="2"),
        answer("moved", 3, 2, version="2"),  # as of a week before it would be where it was
        answer("was moved", 3, 3, version="2"),  # and so it would here: only the version is another
        answer("same version", 3, 3),  # its days of before were corrected since
        answer("left", None, 2, version="2"),
        answer("entered", 3, 3, version="2"),
        answer("came", 3, version="2"),
    )
    told = {account: row.moved_by for (account, day), row in found.items() if day == DAY}
    assert told == {
        "stayed": None,
        "moved": "customer",
        "was moved": "refit",
        "same version": "customer",
        "left": "customer",
        "entered": "refit",
        "came": None,
    }


def test_the_newest_day_that_is_a_week_old_is_compared_with(segments):
    found = segments(
        answer("900", 1, as_of=DAY - days(14)),  # too old
        answer("901", 1, as_of=DAY - days(13)),
        answer("900", 2, as_of=DAY - days(8)),
        answer("900", 3, as_of=DAY - days(6)),  # too young
        answer("900", 4),
        answer("901", 4),  # was not there on the day that all are compared with
    )
    assert found["900", DAY].previous_segment_id == 2
    assert found["901", DAY].previous_segment_id is None
    assert found["901", DAY].previous_as_of_date == DAY - days(8)


def test_the_newest_drop_of_a_date_counts_as_a_whole(segments):
    again = dt.datetime(2017, 3, 6, 8)
    found = segments(answer("900", 1), answer("901", 1), answer("900", 2, _known_at=again))
    assert {key: row.segment_id for key, row in found.items()} == {("900", DAY): 2}


def test_no_answers_make_no_segments(segments):
    assert segments() == {}


def test_rules_hold_for_good_rows_and_for_none(broken):
    good = {"moved_by": None, "as_of_date": DAY, "valid_until": DAY}
    assert broken("scores.account_segments", good, {**good, "account_id": "901"}) == set()
    assert broken("scores.account_segments") == set()


def test_what_is_no_segment_of_anybody_is_not_written(broken):
    bad = {"moved_by": "nobody", "as_of_date": DAY, "valid_until": DAY - days(1)}
    assert broken("scores.account_segments", bad) == {"moved_by_nobody", "expired_when_made"}
