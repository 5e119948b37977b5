with sold as (
    select distinct product_id, department, week_start_date + 7 as week_start_date
    from silver.order_lines where department is not null
)
select sold.department, week_start_date,
    round(avg(coalesce(p.promoted_store_share, 0)), 6) as promotion_share
from sold left join gold.product_weeks p using (product_id, week_start_date)
group by sold.department, week_start_date
