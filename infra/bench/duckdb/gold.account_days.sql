with by_department as (
    select account_id, business_date, department, min(known_date) as first_known_date,
        max(known_date) as known_date, count(*) as lines, list(distinct order_id) as order_ids,
        sum(sales_usd) as sales_usd,
        coalesce(sum(sales_usd) filter (is_merchandise), 0) as merchandise_sales_usd,
        coalesce(sum(sales_usd) filter (fuel_gallons is not null), 0) as fuel_sales_usd,
        sum(loyalty_discount_usd) as loyalty_discount_usd,
        sum(coupon_discount_usd) as coupon_discount_usd,
        sum(coupon_match_discount_usd) as coupon_match_discount_usd
    from silver.order_lines group by account_id, business_date, department
)
select account_id, business_date, min(first_known_date) as first_known_date,
    max(known_date) as known_date,
    len(list_distinct(flatten(list(order_ids)))) as orders, sum(lines) as lines,
    sum(sales_usd) as sales_usd, sum(merchandise_sales_usd) as merchandise_sales_usd,
    sum(fuel_sales_usd) as fuel_sales_usd, sum(loyalty_discount_usd) as loyalty_discount_usd,
    sum(coupon_discount_usd) as coupon_discount_usd,
    sum(coupon_match_discount_usd) as coupon_match_discount_usd,
    list({'department': department, 'sales_usd': sales_usd} order by department) as departments
from by_department group by account_id, business_date
