import datetime as dt

import pytest

MONDAY = dt.date(2017, 3, 6)
NEXT = MONDAY + dt.timedelta(days=7)
SUNDAY = NEXT - dt.timedelta(days=1)  # by whose closing the next week's share is known
AFTER = NEXT


def line(product_id="ham", known=MONDAY, **told):
    return {
        "product_id": product_id,
        "department": "DELI",
        "week_start_date": MONDAY,
        "known_date": known,
        **told,
    }


def plan(product_id="ham", share=0.5, known=MONDAY):
    return {
        "product_id": product_id,
        "week_start_date": NEXT,
        "promoted_store_share": share,
        "plan_known_date": known,
    }


def placed(product_id, store_id, known=MONDAY, until=AFTER):
    """A promotion of a plan that is believed no more."""
    return {
        "product_id": product_id,
        "store_id": store_id,
        "week_start_date": NEXT,
        "known_date": known,
        "superseded_date": until,
    }


@pytest.fixture
def shares(rows, made):
    """Shares of the week after MONDAY's."""

    def build(lines, plans=(), superseded=(), older=()):
        found = made(
            "features.promotion_weeks",
            rows("silver.order_lines", *lines),
            rows("silver.order_lines_superseded", *superseded),
            rows("gold.product_weeks", *plans),
            rows("silver.promotions_superseded", *older),
        )
        return {row.department: row.promotion_share for row in found if row.week_start_date == NEXT}

    return build


def test_the_share_is_over_the_products_of_the_week_before(shares):
    sold = [line("ham"), line("ham"), line("tofu"), line("?", department=None)]
    plans = [plan("ham"), plan("rice", 1.0)]  # rice is promoted, and was not sold
    assert shares(sold, plans) == {"DELI": 0.25}  # (0.5 + 0) / 2


def test_what_is_sold_in_the_week_itself_changes_nothing(shares):
    later = line("eel", week_start_date=NEXT, known=NEXT)
    assert shares([line(), later], [plan(), plan("eel", 1.0)]) == {"DELI": 0.5}


def test_a_line_known_after_the_week_began_changes_nothing(shares):
    assert shares([line(), line("eel", known=SUNDAY)], [plan()]) == {"DELI": 0.25}
    assert shares([line(), line("eel", known=AFTER)], [plan()]) == {"DELI": 0.5}


def test_a_product_counts_where_it_was_listed_when_the_week_began(shares):
    moved = line(department="MEAT", known=AFTER)
    assert shares([moved], [plan()], [line(superseded_date=AFTER)]) == {"DELI": 0.5}
    assert shares([moved], [plan()], [line(superseded_date=SUNDAY)]) == {}


def test_a_plan_that_came_after_the_week_began_counts_as_none(shares):
    assert shares([line()], [plan(known=SUNDAY)]) == {"DELI": 0.5}
    assert shares([line()], [plan(known=AFTER)]) == {"DELI": 0.0}


def test_a_plan_sent_again_after_its_week_began_leaves_the_older_one_in_force(shares):
    again = plan(share=1.0, known=AFTER)
    older = [placed("ham", "north"), placed("tea", "north"), placed("tea", "south")]
    assert shares([line()], [again], older=older) == {"DELI": 0.5}  # ham in one shop of two
    oldest = [placed("ham", "south", until=SUNDAY)]  # replaced before the week began
    assert shares([line()], [again], older=[*older, *oldest]) == {"DELI": 0.5}


def test_nothing_makes_nothing(shares):
    assert shares([]) == {}
