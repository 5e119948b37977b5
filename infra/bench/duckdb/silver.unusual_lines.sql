with lines as (
    select *,
        cast(sales_usd + loyalty_discount_usd + coupon_match_discount_usd as double) / units
            as unit_price_usd,
        cast(date_trunc('quarter', business_date) as date) - 1 as as_of_date
    from silver.order_lines
    where units > 0 and sales_usd + loyalty_discount_usd + coupon_match_discount_usd > 0
),
judged as (
    select l.*, p.low as price_low, p.high as price_high, u.high as units_high,
        coalesce(unit_price_usd < p.low, false) as is_price_low,
        coalesce(unit_price_usd > p.high, false) as is_price_high,
        coalesce(units > u.high, false) as is_units_high
    from lines l
    left join silver.line_norms p on p.measure = 'unit_price_usd'
        and p.as_of_date = l.as_of_date and p.group_id = product_id
    left join silver.line_norms u on u.measure = 'units'
        and u.as_of_date = l.as_of_date and u.group_id = product_type
)
select order_id, product_id, account_id, business_date, known_date,
    date '9999-12-31' as superseded_date, is_price_low, is_price_high, is_units_high,
    round(unit_price_usd, 4) as unit_price_usd, price_low as usual_price_low_usd,
    price_high as usual_price_high_usd, units, units_high as usual_units_high, sales_usd,
    cast(round(sales_usd * least(greatest(unit_price_usd, price_low), price_high) / unit_price_usd
        * least(units, units_high) / units, 2) as decimal(12, 2)) as winsorised_sales_usd
from judged where is_price_low or is_price_high or is_units_high
