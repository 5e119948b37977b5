"""RULES, NOT NULL and KEY of silver, gold and features, judged as build judges them."""

import datetime as dt
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from pyspark.errors import PySparkException

from jobs.spark.rules import declared, judge
from jobs.table import columns, names, table

MONDAY, TUESDAY = dt.date(2017, 3, 6), dt.date(2017, 3, 7)

SUPERSEDED_AT_ONCE = ({"superseded_date": MONDAY}, "superseded_before_it_was_known")

# table → (rows that keep every rule, [a row that breaks one, the rule that it breaks])
CASES: dict[str, tuple[dict[str, Any], list[tuple[dict[str, Any], str]]]] = {
    "silver.account_history": (
        {"valid_from": MONDAY, "valid_to": None, "known_date": MONDAY, "superseded_date": TUESDAY},
        [
            ({"valid_to": MONDAY}, "ends_before_it_starts"),
            ({"known_date": TUESDAY}, "superseded_before_it_was_known"),
            ({"valid_from": TUESDAY}, "known_before_it_was_so"),
        ],
    ),
    "silver.product_history": (
        {"valid_from": MONDAY, "valid_to": None, "known_date": MONDAY},
        [
            ({"valid_from": TUESDAY, "valid_to": MONDAY}, "ends_before_it_starts"),
            SUPERSEDED_AT_ONCE,
        ],
    ),
    "silver.product_classes": ({"known_date": MONDAY}, [SUPERSEDED_AT_ONCE]),
    "silver.order_lines_superseded": ({"known_date": MONDAY}, [SUPERSEDED_AT_ONCE]),
    "silver.promotions_superseded": ({"known_date": MONDAY}, [SUPERSEDED_AT_ONCE]),
    "silver.account_blocks": ({"skipped_blocks": 0}, [({"skipped_blocks": 1}, "blocks_left_out")]),
    "silver.account_identities": (
        {"accounts": 1},
        [({"accounts": 11}, "many_accounts_of_one_customer")],
    ),
    "silver.account_matches": (
        {"account_id_a": "1", "account_id_b": "2", "rule": "key"},
        [({"rule": "guess"}, "unknown_rule"), ({"account_id_b": "0"}, "pair_the_wrong_way_round")],
    ),
    "silver.line_norms": (
        {"low": 1.0, "median": 2.0, "high": 3.0},
        [
            ({"high": 2.0}, "usual_ends_below_its_median"),
            ({"low": 2.0}, "usual_begins_above_its_median"),
        ],
    ),
    "silver.products": (
        {"package_size": "22 LB", "package_amount": 352.0},
        [({"package_amount": None}, "package_size_not_read")],
    ),
    "silver.unusual_lines": (
        {"business_date": MONDAY, "known_date": MONDAY},
        [({"business_date": TUESDAY}, "known_before_it_happened"), SUPERSEDED_AT_ONCE],
    ),
    "silver.campaigns": (
        {"campaign_type": "Type A"},
        [({"campaign_type": "Type X"}, "new_kind_of_campaign")],
    ),
    "silver.order_lines": (
        {"is_product_known": True},
        [({"is_product_known": False}, "many_unknown_products")],
    ),
    "gold.account_days": (
        {"business_date": MONDAY, "first_known_date": MONDAY, "known_date": MONDAY},
        [
            ({"business_date": TUESDAY}, "known_before_it_happened"),
            (
                {"first_known_date": TUESDAY, "known_date": MONDAY},
                "known_before_its_first_line",
            ),
            ({"orders": 2, "lines": 1}, "more_orders_than_lines"),
            ({"sales_usd": -1}, "negative_sales"),
        ],
    ),
    "gold.account_habits": (
        {"discounted_line_share": 1.0, "private_label_share": None},
        [
            ({"discounted_line_share": 1.5}, "more_discounted_than_sold"),
            ({"private_label_share": 1.5}, "more_own_label_than_goods"),
        ],
    ),
    "gold.renewals": (
        {"kind": "reorder", "last_date": MONDAY, "due_date": TUESDAY, "expected_amount": 1},
        [
            ({"kind": "other"}, "unknown_kind"),
            ({"due_date": MONDAY}, "due_before_it_was_bought"),
            ({"valid_until": TUESDAY}, "over_before_it_is_due"),
            ({"expected_amount": -1}, "worth_less_than_nothing"),
        ],
    ),
    "gold.account_profile": (
        {"first_order_date": MONDAY, "last_order_date": TUESDAY},
        [
            ({"first_order_date": TUESDAY, "last_order_date": MONDAY}, "last_order_before_first"),
            ({"order_days": 2, "orders": 1}, "more_days_than_orders"),
            ({"discount_share": 1.5}, "discount_out_of_range"),
            ({"campaigns_answered": 2, "coupons_redeemed": 1}, "more_campaigns_than_coupons"),
            ({"orders_12_weeks": 2, "orders": 1}, "more_orders_of_late_than_ever"),
            ({"coupon_share": 1.5}, "more_coupon_days_than_order_days"),
            ({"campaign_answer_rate": 1.5}, "more_answered_than_received"),
            ({"coupon_use_rate": 1.5}, "more_coupons_used_than_offered"),
            ({"accounts": 0}, "customer_without_an_account"),
        ],
    ),
    "gold.daily_sales": (
        {},
        [
            ({"orders": 2, "lines": 1}, "more_orders_than_lines"),
            ({"sales_usd": -1}, "negative_sales"),
            ({"fuel_gallons": -1.0}, "negative_gallons"),
        ],
    ),
    "gold.product_weeks": (
        {"display_store_share": 0.0, "mailer_store_share": 0.0, "promoted_store_share": 0.0},
        [
            ({"display_store_share": 1.5, "promoted_store_share": 1.5}, "share_out_of_range"),
            ({"mailer_store_share": 1.5}, "mailer_share_out_of_range"),
            (
                {"display_store_share": 0.5, "promoted_store_share": 0.1},
                "displayed_but_not_promoted",
            ),
            ({"accounts": 2, "lines": 1}, "more_accounts_than_lines"),
        ],
    ),
    "features.account_days": (
        {"business_date": MONDAY, "known_date": MONDAY},
        [
            ({"business_date": TUESDAY, "known_date": MONDAY}, "known_before_it_happened"),
            ({"orders": 0}, "no_order"),
            SUPERSEDED_AT_ONCE,
        ],
    ),
    "features.department_days": (
        {"business_date": MONDAY, "known_date": MONDAY},
        [
            ({"business_date": TUESDAY, "known_date": MONDAY}, "known_before_it_happened"),
            SUPERSEDED_AT_ONCE,
        ],
    ),
    "features.promotion_weeks": (
        {},
        [({"promotion_share": 1.5}, "share_out_of_range")],
    ),
    "features.account_features": (
        {"recency_days": 1, "tenure_days": 1},
        [
            ({"recency_days": 364, "tenure_days": 364}, "outside_the_window"),
            ({"recency_days": 2, "tenure_days": 1}, "first_order_after_last"),
            ({"orders_52_weeks": 1, "orders_12_weeks": 2}, "windows_do_not_nest"),
            ({"fuel_share": 1.5}, "fuel_share_out_of_range"),
        ],
    ),
    "features.interactions": (
        {"business_date": MONDAY, "known_date": MONDAY, "sales_usd": 1},
        [
            ({"business_date": TUESDAY, "known_date": MONDAY}, "known_before_it_happened"),
            ({"sales_usd": 0}, "nothing_paid"),
            ({"orders": 0}, "no_order"),
            SUPERSEDED_AT_ONCE,
        ],
    ),
    "features.sales_daily_series": (
        {"known_date": MONDAY},
        [
            SUPERSEDED_AT_ONCE,
            ({"promotion_share": 1.5}, "share_out_of_range"),
            ({"sales_usd": -1.0}, "negative_sales"),
        ],
    ),
    "features.sales_weekly": (
        {"known_date": MONDAY},
        [
            SUPERSEDED_AT_ONCE,
            ({"promotion_share": 1.5}, "share_out_of_range"),
            ({"holiday_days": 8}, "holidays_out_of_range"),
        ],
    ),
}


def numbered(name: str, given: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows with keys of their own."""
    types = {c.name: c.type for c in columns(table(name).full_schema)}
    texts = [c for c in table(name).key if types[c] == "string"]  # type: ignore[union-attr]
    return [{**dict.fromkeys(texts, str(n)), **row} for n, row in enumerate(given)]


@pytest.mark.parametrize("name", CASES)
def test_good_rows_break_no_rule_and_bad_ones_theirs(spark: Any, rows: Any, name: str) -> None:
    which = table(name)
    good, bad = CASES[name]
    kept = judge(spark, rows(name, *numbered(name, [good])), which)  # type: ignore[arg-type]
    assert [v for v in kept if not v.is_kept] == []
    assert [v for v in judge(spark, rows(name), which) if not v.is_kept] == []  # type: ignore[arg-type]
    candidate = rows(name, *numbered(name, [good, *({**good, **told} for told, _ in bad)]))
    found = judge(spark, candidate, which)  # type: ignore[arg-type]
    broken = {v.rule: v.rows_broken for v in found if not v.is_kept}
    assert set(broken) == {reason for _, reason in bad}
    # a rule of the whole, such as a mean, counts no rows
    told = Counter(reason for _, reason in bad)
    assert all(rows is None or rows == told[rule] for rule, rows in broken.items())


def test_every_table_with_rules_has_a_case() -> None:
    bare = [name for name in names(("silver", "gold", "features")) if name not in CASES]
    assert [name for name in bare if declared(table(name))] == []  # type: ignore[arg-type]


def test_a_rule_that_cannot_be_judged_is_broken(
    spark: Any, rows: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import great_expectations.expectations as gxe

    from expectations.gold import daily_sales

    wrong = gxe.ExpectColumnValuesToBeBetween(
        column="no_such_column", min_value=0, severity="warning", meta={"reason": "misspelt"}
    )
    monkeypatch.setattr(daily_sales, "RULES", [wrong])
    found = judge(spark, rows("gold.daily_sales", {}), table("gold.daily_sales"))  # type: ignore[arg-type]
    broken = [v for v in found if not v.is_kept]
    assert [(v.rule, v.severity) for v in broken] == [("misspelt", "critical")]
    assert broken[0].observed.startswith("could not be judged")


def test_rows_that_a_kept_rule_tolerates_are_counted(spark: Any, rows: Any) -> None:
    known = [{"order_id": str(n), "is_product_known": n > 0} for n in range(30)]
    found = judge(spark, rows("silver.order_lines", *known), table("silver.order_lines"))  # type: ignore[arg-type]
    told = {v.rule: (v.is_kept, v.rows_broken) for v in found}
    assert told["many_unknown_products"] == (True, 1)
    assert told["not_null(order_id)"] == (True, 0)


def test_what_is_only_counted_stops_nothing_however_many_rows_it_touches(
    spark: Any, rows: Any
) -> None:
    name = "silver.unusual_lines"
    odd = [{"order_id": str(n), "is_price_high": n < 2, "is_units_high": True} for n in range(3)]
    found = judge(spark, rows(name, *odd), table(name))  # type: ignore[arg-type]
    told = {v.rule: (v.severity, v.is_kept, v.rows_broken) for v in found}
    assert told["unusual_price(high)"] == ("info", True, 2)
    assert told["unusual_units(high)"] == ("info", True, 3)


def test_sizes_that_are_not_given_are_not_counted_as_not_read(spark: Any, rows: Any) -> None:
    sizes = [{"product_id": str(n), "package_size": None} for n in range(9)]
    read = [{"product_id": "r", "package_size": "22 LB", "package_amount": 352.0}]
    found = judge(spark, rows("silver.products", *sizes, *read), table("silver.products"))  # type: ignore[arg-type]
    told = {v.rule: (v.is_kept, v.rows_broken) for v in found}
    assert told["package_size_not_read"] == (True, 0)


def test_null_and_repeated_keys_are_broken_rules(spark: Any, rows: Any) -> None:
    frame = rows("silver.stores", {"store_id": None}, {"store_id": "1"}, {"store_id": "1"})
    found = judge(spark, frame, table("silver.stores"))  # type: ignore[arg-type]
    broken = {v.rule: v.rows_broken for v in found if not v.is_kept}
    assert broken == {"not_null(store_id)": 1, "key(store_id)": 1}


def test_a_candidate_that_is_gone_breaks_no_rule(spark: Any, rows: Any, tmp_path: Path) -> None:
    """Nor does a server that died: the build fails, and may be run again."""
    folder = tmp_path / "candidate"
    rows("gold.daily_sales", {}, {"department": "another"}).write.parquet(str(folder))
    candidate = spark.read.parquet(str(folder))
    for path in folder.glob("*.parquet"):
        path.unlink()
    with pytest.raises(PySparkException):
        judge(spark, candidate, table("gold.daily_sales"))  # type: ignore[arg-type]
