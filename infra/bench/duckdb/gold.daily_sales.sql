select business_date, store_id, coalesce(department, 'UNKNOWN') as department,
    sum(sales_usd) as sales_usd, count(*) as lines, count(distinct order_id) as orders,
    coalesce(sum(units), 0) as units, round(coalesce(sum(fuel_gallons), 0), 3) as fuel_gallons,
    sum(loyalty_discount_usd) as loyalty_discount_usd,
    sum(coupon_discount_usd) as coupon_discount_usd,
    sum(coupon_match_discount_usd) as coupon_match_discount_usd
from silver.order_lines group by business_date, store_id, coalesce(department, 'UNKNOWN')
