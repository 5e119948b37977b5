with cut as (
    select account_id, business_date, sum(sales_usd - winsorised_sales_usd) as cut_usd
    from silver.unusual_lines group by all
)
select account_id, business_date, known_date, date '9999-12-31' as superseded_date, orders,
    sales_usd, sales_usd - coalesce(cut_usd, 0) as winsorised_sales_usd, fuel_sales_usd,
    loyalty_discount_usd, coupon_discount_usd, coupon_match_discount_usd
from gold.account_days left join cut using (account_id, business_date)
