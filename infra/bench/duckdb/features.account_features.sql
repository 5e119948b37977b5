with sundays as (
    select unnest(generate_series(
        (select min(known_date) from features.account_days),
        (select max(business_date) from features.account_days), interval 1 day)) as day
),
seen as (
    select account_id, cast(day as date) as as_of_date, business_date, orders, sales_usd,
        winsorised_sales_usd, fuel_sales_usd, loyalty_discount_usd, coupon_discount_usd, coupon_match_discount_usd,
        cast(day as date) - business_date as age
    from features.account_days join sundays
        on business_date <= day and known_date <= day and superseded_date > day
        and business_date > day - interval 364 day
    where dayofweek(day) = 0
)
select account_id, as_of_date, min(age) as recency_days, max(age) as tenure_days,
    coalesce(sum(orders) filter (age < 28), 0) as orders_4_weeks,
    coalesce(sum(orders) filter (age < 84), 0) as orders_12_weeks,
    coalesce(sum(orders), 0) as orders_52_weeks,
    coalesce(sum(sales_usd) filter (age < 28), 0) as spend_4_weeks_usd,
    coalesce(sum(sales_usd) filter (age < 84), 0) as spend_12_weeks_usd,
    coalesce(sum(sales_usd), 0) as spend_52_weeks_usd,
    coalesce(sum(winsorised_sales_usd) filter (age < 84), 0) as winsorised_spend_12_weeks_usd,
    count(distinct date_trunc('week', business_date)) filter (age < 84) as order_weeks_12_weeks,
    round(if(count(distinct business_date) = 1, min(age),
        (max(age) - min(age)) / nullif(count(distinct business_date) - 1, 0)), 2)
        as days_between_orders,
    count(distinct business_date) = 1 as is_days_between_orders_imputed,
    round(sum(fuel_sales_usd) / nullif(sum(sales_usd), 0), 4) as fuel_share,
    round(sum(loyalty_discount_usd + coupon_discount_usd + coupon_match_discount_usd)
        / nullif(sum(sales_usd + loyalty_discount_usd + coupon_match_discount_usd), 0), 4)
        as discount_share,
    round(count(distinct business_date) filter (coupon_discount_usd > 0)
        / count(distinct business_date), 4) as coupon_share
from seen group by account_id, as_of_date
