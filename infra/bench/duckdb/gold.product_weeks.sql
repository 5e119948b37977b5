with sold as (
    select product_id, week_start_date, max(department) as department, sum(sales_usd) as sales_usd,
        count(*) as lines, count(distinct account_id) as accounts,
        count(distinct store_id) as stores, sum(units) as units
    from silver.order_lines group by product_id, week_start_date
),
plan as (
    select product_id, week_start_date,
        count(distinct store_id) filter (display_location <> '0') as display_stores,
        count(distinct store_id) filter (mailer_location <> '0') as mailer_stores,
        count(distinct store_id) as promoted_stores, max(known_date) as plan_known_date
    from silver.promotions group by product_id, week_start_date
),
planned as (
    select week_start_date, count(distinct store_id) as planned_stores
    from silver.promotions group by week_start_date
)
select product_id, week_start_date, department, coalesce(sales_usd, 0) as sales_usd,
    coalesce(lines, 0) as lines, coalesce(accounts, 0) as accounts, coalesce(stores, 0) as stores,
    coalesce(units, 0) as units, coalesce(planned_stores, 0) as planned_stores, plan_known_date,
    coalesce(round(display_stores / planned_stores, 6), 0) as display_store_share,
    coalesce(round(mailer_stores / planned_stores, 6), 0) as mailer_store_share,
    coalesce(round(promoted_stores / planned_stores, 6), 0) as promoted_store_share
from sold full join (select * from plan join planned using (week_start_date)) p
    using (product_id, week_start_date)
