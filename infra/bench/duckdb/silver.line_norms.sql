with lines as (
    select product_id, product_type, units,
        cast(sales_usd + loyalty_discount_usd + coupon_match_discount_usd as double) / units
            as unit_price_usd,
        cast(date_trunc('quarter', business_date) + interval 3 month as date) - 1 as as_of_date,
        known_date
    from silver.order_lines
    where units > 0 and sales_usd + loyalty_discount_usd + coupon_match_discount_usd > 0
),
newest as (select max(business_date) as day from silver.order_lines),
measured as (
    select as_of_date, 'unit_price_usd' as measure, product_id as group_id, ln(unit_price_usd) as x
    from lines, newest where known_date <= as_of_date and as_of_date <= newest.day
    union all
    select as_of_date, 'units', product_type, ln(units)
    from lines, newest
    where known_date <= as_of_date and as_of_date <= newest.day and product_type is not null
),
quartiles as (
    select as_of_date, measure, group_id, count(*) as lines,
        quantile_cont(x, [0.25, 0.5, 0.75]) as q
    from measured group by all
),
reached as (
    select *, 5 * greatest((q[3] - q[1]) / 1.349, if(measure = 'units', 0.4, 0.2)) as reach
    from quartiles where lines >= if(measure = 'units', 30, 10)
)
select as_of_date, measure, group_id, lines, round(exp(q[2]), 6) as median,
    if(measure = 'units', 0, round(exp(q[2] - reach), 6)) as low,
    round(exp(q[2] + reach), 6) as high
from reached
