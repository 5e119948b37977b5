"""A small company's rows: two customers, two days, three products of which one is unknown."""

import datetime as dt
from decimal import Decimal

MONDAY = dt.date(2017, 3, 6)
MORNING = dt.datetime(2017, 3, 7, 11, tzinfo=dt.UTC)

Rows = dict[str, list[dict[str, object]]]


def silver() -> Rows:
    """What gold is made of."""
    line = {
        "store_id": "s",
        "sold_at": dt.datetime(2017, 3, 6, 15, tzinfo=dt.UTC),
        "business_date": MONDAY,
        "week_start_date": MONDAY,
        "business_week": 11,
        "quantity": 2,
        "loyalty_discount_usd": Decimal("0.30"),
        "coupon_discount_usd": Decimal(0),
        "coupon_match_discount_usd": Decimal(0),
        "is_product_known": True,
        "is_merchandise": True,
        "line_kind": "sale",
        "known_at": MORNING,
        "known_date": MONDAY,
        "units": 2,
        "department": "DELI",
    }
    unknown = {"units": None, "department": None, "is_product_known": False}
    lines = [
        ("1", "ham", "a", "2.10", {}),
        ("1", "?", "a", "0.90", {**unknown, "is_merchandise": False}),
        ("2", "tea", "b", "3.35", {"department": "GROCERY", "business_date": dt.date(2017, 3, 7)}),
    ]
    promotion = {"store_id": "s", "week_start_date": MONDAY}
    promotion |= {"known_at": MORNING, "known_date": MONDAY}
    return {
        "silver.order_lines": [
            {
                **line,
                "order_id": o,
                "product_id": p,
                "account_id": a,
                "source_account_id": a,
                "sales_usd": Decimal(usd),
                **x,
            }
            for o, p, a, usd, x in lines
        ],
        "silver.promotions": [
            {**promotion, "product_id": "ham", "display_location": "1", "mailer_location": "0"},
            {**promotion, "product_id": "rye", "display_location": "0", "mailer_location": "A"},
        ],
        "silver.products": [
            {"product_id": p, "manufacturer_id": "1", "department": d, "brand": "National"}
            for p, d in (("ham", "DELI"), ("tea", "GROCERY"))
        ],
        "silver.accounts": [
            {"account_id": "a", "age_band": "45-54", "is_contactable": True},
            {"account_id": "c", "is_contactable": True},
        ],
        "silver.account_identities": [],
        "features.account_days": [],
        "silver.campaign_accounts": [{"campaign_id": "8", "account_id": "a", "known_at": MORNING}],
        "silver.redemptions": [],
        "silver.campaigns": [],
        "silver.coupons": [],
        "silver.calendar": [
            {
                "calendar_date": MONDAY + dt.timedelta(days=6),
                "week_start_date": MONDAY,
                "day_of_week": 7,
                "business_week": 11,
                "has_sales": True,
                "is_complete_week": True,
                "is_holiday": False,
            }
        ],
        "silver.activities": [],
        "silver.opportunities": [
            {
                "opportunity_id": "31",
                "account_id": "a",
                "status": "open",
                "expected_amount": Decimal("1200.5"),
                "currency_code": "EUR",
                "expected_close_date": MONDAY,
                "opened_at": MORNING,
                "changed_at": MORNING,
            }
        ],
    }


def predictions() -> Rows:
    """A list of recommendations for both customers and a forecast, as champions land them."""
    about = {
        "model_name": "repeat",
        "model_version": "1",
        "feature_version": 3,
        "as_of_date": MONDAY,
        "valid_until": MONDAY + dt.timedelta(days=14),
        "_batch_id": "models/2017-03-06",
        "_mode": "events",
        "_known_at": MORNING,
        "_source_file": "file",
        "_row_number": 1,
    }
    ranks = (("a", 1, "ham", 0.75), ("a", 2, "tea", 0.5), ("b", 1, "tea", 0.25))
    ahead = {"series_id": "DELI", "ds": MONDAY + dt.timedelta(days=7), "horizon": 1}
    return {
        "bronze.deliveries": [],
        "bronze.account_scores": [
            {
                **about,
                "account_id": "a",
                "score_name": "churn",
                "score": 0.25,
                "grade": "B",
                "reasons": "[]",
            }
        ],
        "bronze.account_segments": [
            {
                **about,
                "account_id": "a",
                "segment_id": n,
                "segment_code": code,
                "segment_name": code,
                "week_before_id": 1,
                "distance": 0.5,
                "silhouette": 0.25,
                "as_of_date": MONDAY + dt.timedelta(days=7 * n - 14),
            }
            for n, code in ((1, "new"), (2, "loyal"))
        ],
        "bronze.recommendations": [
            {"account_id": a, "rank": r, "product_id": p, "score": s, "reason_code": "x", **about}
            for a, r, p, s in ranks
        ],
        "bronze.sales_forecasts": [
            {**ahead, "p10": 1.0, "p50": 2.0, "p90": 3.5, "grain": "week", **about}
        ],
    }
