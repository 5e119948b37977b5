"""What a segment knows a customer by: one row per account as of a date, in stated units.

Only days up to the date count, as they were known on it. Who did not order in the 52 weeks before
it is in no segment. What cannot be told of an account (a share of nothing, a trend without a past)
is null here, and stands in the middle of all where segments are made.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Literal

import duckdb
import pandas as pd

HISTORY_DAYS = 364  # 52 weeks, the date itself included
LATELY_DAYS = 84  # 12 weeks: what "of late" means
LEAST_DAYS = 28  # what a rate is told over at least: one order on the first day is no habit
STEADY_USD = 5  # per week, added to both rates of the trend: small sums give no wild ratio

Scale = Literal["place", "doublings", "newness"]


@dataclass(frozen=True)
class Feature:
    """One number about an account.

    Attributes:
        scale: place: rank among all accounts, 0 to 1, as standard deviations; doublings: of 1 + the
            weeks, by logarithm; newness: 1 on the first day, 0 from LATELY_DAYS on.
        weight: of that number in distances; 0: it describes segments, and does not make them.
    """

    name: str
    unit: str
    text: str
    scale: Scale = "place"
    weight: float = 0.0


# Weights chosen on The Complete Journey to week 40: docs/segments.md has what else was tried
FEATURES = (
    Feature("recency_days", "days", "since the last day with an order", "doublings", 0.4),
    Feature("regularity", "0 to 1", "of the last 12 weeks, those with an order", weight=1.0),
    Feature("spend_per_week_usd", "USD / week", "over 52 weeks, or since the first", weight=1.0),
    Feature("discount_share", "0 to 1", "all discounts / price before them, 52 weeks", weight=1.0),
    Feature("coupon_share", "0 to 1", "order days with a coupon / order days", weight=1.3),
    Feature("tenure_days", "days", "since the first day with an order", "newness", 3.0),
    Feature("orders_per_week", "orders / week", "over the last 12 weeks, or since the first"),
    Feature("trend", "log ratio", "spend per week of late to that before; 0 = as before"),
    Feature("basket_usd", "USD / order", "mean over 52 weeks"),
    Feature("products_per_day", "products", "different ones, on a mean order day"),
)
NAMES = tuple(feature.name for feature in FEATURES)

# decimals: sums of fractions differ in their last digits from run to run
SUMS = f"""
    with known as (
        -- a day that was told in parts has several rows
        select cast(account_id as varchar) as account_id, sum(orders) as orders,
               sum(orders) > 0 as is_bought, sum(products) as products,
               sum(cast(sales_usd as decimal(18, 4))) as sales,
               sum(cast(discount_usd as decimal(18, 4))) as discount,
               sum(cast(coupon_usd as decimal(18, 4))) as coupon,
               date_diff('day', cast(business_date as date), $as_of) as age
        from days
        where business_date <= $as_of and known_date <= $as_of and superseded_date > $as_of
        group by account_id, business_date
    )
    select account_id,
           min(age) filter (is_bought) as recency,
           max(age) filter (is_bought) as tenure,
           coalesce(sum(orders) filter (age < {LATELY_DAYS}), 0) as orders_late,
           coalesce(sum(sales) filter (age < {LATELY_DAYS}), 0) as sales_late,
           count(distinct age // 7) filter (is_bought and age < {LATELY_DAYS}) as weeks_late,
           sum(orders) filter (age < {HISTORY_DAYS}) as orders,
           sum(sales) filter (age < {HISTORY_DAYS}) as sales,
           sum(discount) filter (age < {HISTORY_DAYS}) as discount,
           sum(coupon) filter (age < {HISTORY_DAYS}) as coupon,
           count(*) filter (is_bought and age < {HISTORY_DAYS}) as days,
           count(*) filter (is_bought and coupon > 0 and age < {HISTORY_DAYS}) as coupon_days,
           sum(cast(products as decimal(18, 4)))
               filter (is_bought and age < {HISTORY_DAYS}) as products
    from known group by account_id
    having recency < {HISTORY_DAYS}
"""  # noqa: S608
RATES = f"""
    select account_id, recency as recency_days,
           weeks_late / greatest(least(tenure // 7 + 1, {LATELY_DAYS // 7}), {LEAST_DAYS // 7})
               as regularity,
           greatest(sales, 0) / all_weeks as spend_per_week_usd,
           (discount + coupon) / nullif(greatest(sales, 0) + discount, 0) as discount_share,
           coupon_days / days as coupon_share,
           tenure as tenure_days,
           orders_late / late_weeks as orders_per_week,
           case when weeks_before >= {LEAST_DAYS // 7} then
               ln((greatest(sales_late, 0) / late_weeks + {STEADY_USD})
                  / (greatest(sales - sales_late, 0) / weeks_before + {STEADY_USD}))
           end as trend,
           greatest(sales, 0) / orders as basket_usd,
           products / days as products_per_day
    from (
        select *,
               greatest(least(tenure + 1, {HISTORY_DAYS}), {LEAST_DAYS}) / 7 as all_weeks,
               greatest(least(tenure + 1, {LATELY_DAYS}), {LEAST_DAYS}) / 7 as late_weeks,
               (least(tenure + 1, {HISTORY_DAYS}) - {LATELY_DAYS}) / 7 as weeks_before
        from ({SUMS})
    )
    order by account_id
"""  # noqa: S608


def features(days: pd.DataFrame, as_of: dt.date) -> pd.DataFrame:
    """The FEATURES of every account with an order in the 52 weeks, indexed by account_id.

    Args:
        days: account days, as `transactions.days` gives them.
    """
    with duckdb.connect() as db:
        db.register("days", days)
        found = db.execute(RATES, {"as_of": as_of}).df()
    return found.set_index("account_id")[list(NAMES)].astype(float)
