with bought as (
    select account_id, min(business_date) as first_order_date,
        max(business_date) as last_order_date, sum(orders) as orders,
        count(distinct business_date) as order_days, sum(sales_usd) as spend_usd,
        sum(fuel_sales_usd) as fuel_spend_usd,
        round(sum(loyalty_discount_usd + coupon_discount_usd + coupon_match_discount_usd)
            / nullif(sum(sales_usd + loyalty_discount_usd + coupon_match_discount_usd), 0), 4)
            as discount_share
    from gold.account_days group by account_id
),
spent as (
    select account_id, d.department, sum(d.sales_usd) as spend
    from (select account_id, unnest(departments) as d from gold.account_days)
    where d.department is not null group by all having spend > 0
),
favourites as (
    select account_id, list(department order by spend desc, department)[:3] as favourite_departments
    from spent group by account_id
),
answered as (
    select account_id, count(distinct campaign_id) as campaigns_answered,
        count(*) as coupons_redeemed
    from silver.redemptions group by account_id
)
select account_id, a.* exclude (account_id), bought.* exclude (account_id), favourite_departments,
    coalesce(campaigns_answered, 0) as campaigns_answered,
    coalesce(coupons_redeemed, 0) as coupons_redeemed
from silver.accounts a full join bought using (account_id)
left join favourites using (account_id) left join answered using (account_id)
