with newest as (
    select *, min(known_at) over same as first_known_at
    from bronze.order_lines
    window same as (partition by order_id, product_id)
    qualify row_number() over (
        partition by order_id, product_id order by known_at desc, batch_id desc, source_file desc
    ) = 1
),
dated as (
    select *, cast((sold_at at time zone 'UTC') at time zone getvariable('zone') as date)
        as business_date,
        cast(((first_known_at at time zone 'UTC') at time zone getvariable('zone'))
            - interval 12 hour as date) as closing_date
    from newest
)
select order_id, d.product_id, account_id, store_id, sold_at, business_date,
    cast(date_trunc('week', business_date) as date) as week_start_date,
    source_week as business_week, quantity,
    case when p.product_id is not null and not coalesce(product_type in ('GASOLINE-REG UNLEADED'), false)
        then quantity end as units,
    case when product_type in ('GASOLINE-REG UNLEADED') and quantity > 1 then quantity / 1000 end
        as fuel_gallons,
    sales_usd, loyalty_discount_usd, coupon_discount_usd, coupon_match_discount_usd,
    department, product_type, p.product_id is not null as is_product_known,
    coalesce(department not in ('AUTOMOTIVE', 'CNTRL/STORE SUP', 'COUPON', 'ELECT &PLUMBING', 'FUEL',
        'GM MERCH EXP', 'MISCELLANEOUS', 'PHOTO & VIDEO', 'POSTAL CENTER', 'PROD-WHS SALES',
        'RESTAURANT', 'TOYS', 'TRAVEL & LEISURE'), false) as is_merchandise,
    case when sales_usd = 0 then 'zero' else 'sale' end as line_kind,
    first_known_at as known_at, greatest(business_date, closing_date) as known_date
from dated d left join silver.products p on d.product_id = p.product_id
