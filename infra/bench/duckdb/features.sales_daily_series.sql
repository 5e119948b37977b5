with business_days as (
    select * from silver.calendar c where exists (
        select 1 from silver.calendar o
        where o.has_sales and o.calendar_date between c.calendar_date and c.calendar_date + 7)
),
sold as (
    select department, business_date, sum(sales_usd) as sales_usd
    from features.department_days group by all
)
select d.department as series_id, calendar_date as business_date,
    coalesce(s.sales_usd, 0) as sales_usd, is_holiday,
    coalesce(p.promotion_share, 0) as promotion_share
from business_days c join features.departments d on d.first_sale_date <= calendar_date
left join sold s on s.department = d.department and s.business_date = calendar_date
left join features.promotion_weeks p
    on p.department = d.department and p.week_start_date = c.week_start_date
