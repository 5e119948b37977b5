import datetime as dt

import pytest

DAY = dt.date(2017, 3, 5)
MORNING_AFTER = dt.datetime(2017, 3, 6, 5)


def answer(account_id="900", rank=1, as_of=DAY, **told):
    return {
        "account_id": account_id,
        "rank": rank,
        "as_of_date": as_of,
        "reason_code": "bought_often",
        "_known_at": MORNING_AFTER,
        **told,
    }


@pytest.fixture
def scores(rows, made):
    def build(*answers):
        found = made("scores.recommendations", rows("bronze.recommendations", *answers))
        return {(row.account_id, row.as_of_date, row.rank): row for row in found}

    return build


def test_the_grade_is_where_an_accounts_best_score_stands(scores):
    found = scores(
        *[answer(str(n), 1, score=float(n)) for n in range(5)],
        *[answer(str(n), 2, score=-1.0) for n in range(5)],
    )
    assert "".join(found[str(n), DAY, 1].grade for n in range(5)) == "EDCBA"
    assert found["4", DAY, 2].grade == "A"
    standings = [found[str(n), DAY, 2].standing for n in range(5)]
    assert standings == pytest.approx([0.1, 0.3, 0.5, 0.7, 0.9])


def test_a_score_is_the_share_of_the_days_offers_that_score_no_higher(scores):
    yesterday = DAY - dt.timedelta(days=1)
    found = scores(
        answer("known", 1, score=34.7),
        answer("known", 2, score=12.0),
        answer("known", 3, score=12.0),  # a rare product takes the score of the place before it
        answer("new", 1, score=-1.48),  # of a rung below the champion
        answer("new", 2, score=-1.9),
        answer("known", 1, as_of=yesterday, score=99.0),
    )
    of_known = [found["known", DAY, rank].score for rank in (1, 2, 3)]
    assert of_known == pytest.approx([1.0, 0.8, 0.8])
    assert [found["new", DAY, rank].score for rank in (1, 2)] == pytest.approx([0.4, 0.2])
    assert found["known", yesterday, 1].score == 1.0


def test_the_trend_is_against_the_list_before(scores):
    week_ago, long_ago = DAY - dt.timedelta(days=7), DAY - dt.timedelta(days=36)
    found = scores(
        answer("up", score=1.0, as_of=week_ago),
        answer("down", score=2.0, as_of=week_ago),
        answer("back", score=1.0, as_of=long_ago),
        answer("up", score=20.0),
        answer("down", score=10.0),
        answer("back", score=1.0),
    )
    assert found["up", DAY, 1].trend == "improving"
    assert found["down", DAY, 1].trend == "declining"
    assert found["back", DAY, 1].trend == "new"
    assert found["up", week_ago, 1].trend == "new"


def test_the_newest_drop_of_a_date_counts_as_a_whole(scores):
    later = MORNING_AFTER + dt.timedelta(hours=9)
    found = scores(
        answer(rank=1, product_id="old"),
        answer(rank=2, product_id="old"),
        answer(rank=1, product_id="new", _known_at=later),
    )
    assert [(key, row.product_id) for key, row in found.items()] == [(("900", DAY, 1), "new")]


def test_a_reason_has_its_sentence(scores):
    [reason] = scores(answer())["900", DAY, 1].reasons
    assert tuple(reason) == ("bought_often", "Buys it again and again")


def test_no_answers_make_no_scores(scores):
    assert scores() == {}


def test_rules_hold_for_a_good_list_and_for_none(broken):
    good = {"grade": "A", "trend": "new"}
    assert broken("scores.recommendations", good, {**good, "rank": 2}) == set()
    assert broken("scores.recommendations") == set()


def test_a_list_that_breaks_the_score_contract_is_not_written(broken):
    bad = {
        "grade": "F",
        "trend": "up",
        "rank": 0,
        "standing": 1.1,
        "valid_until": DAY - dt.timedelta(days=1),
    }
    assert broken("scores.recommendations", bad) == {
        "no_such_grade",
        "no_such_trend",
        "no_such_rank",
        "no_such_standing",
        "expired_when_made",
    }
