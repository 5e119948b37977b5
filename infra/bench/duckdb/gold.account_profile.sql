with bought as (
    select account_id, min(business_date) as first_order_date,
        max(business_date) as last_order_date, sum(orders) as orders,
        count(distinct business_date) as order_days, sum(sales_usd) as spend_usd,
        sum(fuel_sales_usd) as fuel_spend_usd,
        round(sum(sales_usd) / sum(orders), 2) as basket_usd,
        round(sum(lines) / sum(orders), 2) as basket_lines,
        round(sum(loyalty_discount_usd + coupon_discount_usd + coupon_match_discount_usd)
            / nullif(sum(sales_usd + loyalty_discount_usd + coupon_match_discount_usd), 0), 4)
            as discount_share,
        round(count(distinct business_date) filter (coupon_discount_usd > 0)
            / count(distinct business_date), 4) as coupon_share
    from gold.account_days group by account_id
),
as_of as (
    select max(calendar_date) as as_of_date from silver.calendar
    where isodow(calendar_date) = 7
        and calendar_date <= (select max(calendar_date) from silver.calendar where has_sales)
),
sums as (
    select account_id, max(age) < 168 as is_new,
        coalesce(sum(orders) filter (age between 0 and 83), 0) as orders_12_weeks,
        coalesce(sum(orders) filter (age between 84 and 167), 0) as orders_12_weeks_before,
        coalesce(sum(sales_usd) filter (age between 0 and 83), 0) as spend_12_weeks_usd,
        coalesce(sum(sales_usd) filter (age between 84 and 167), 0) as spend_12_weeks_before_usd
    from (select *, as_of_date - business_date as age from gold.account_days, as_of)
    group by account_id
),
of_late as (
    select * exclude (is_new),
        case when orders_12_weeks = 0 and orders_12_weeks_before = 0 then null
            when orders_12_weeks < orders_12_weeks_before * .75 then 'declining'
            when is_new then 'new'
            when orders_12_weeks > orders_12_weeks_before * 1.25 then 'improving'
            else 'steady' end as order_trend,
        case when spend_12_weeks_usd = 0 and spend_12_weeks_before_usd = 0 then null
            when spend_12_weeks_usd < spend_12_weeks_before_usd * .75 then 'declining'
            when is_new then 'new'
            when spend_12_weeks_usd > spend_12_weeks_before_usd * 1.25 then 'improving'
            else 'steady' end as spend_trend
    from sums
),
answered as (
    select account_id, count(distinct campaign_id) as campaigns_answered,
        count(*) as coupons_redeemed
    from silver.redemptions group by account_id
)
select account_id, a.* exclude (account_id), bought.* exclude (account_id), as_of_date,
    of_late.* exclude (account_id), coalesce(campaigns_answered, 0) as campaigns_answered,
    coalesce(coupons_redeemed, 0) as coupons_redeemed
from silver.accounts a full join bought using (account_id) cross join as_of
left join of_late using (account_id) left join answered using (account_id)
