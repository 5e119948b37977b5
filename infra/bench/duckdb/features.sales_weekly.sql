with weeks as (
    select week_start_date, count(*) filter (is_holiday) as holiday_days,
        bool_and(is_complete_week) as is_complete
    from silver.calendar group by week_start_date having bool_or(has_sales)
),
sold as (
    select department, cast(date_trunc('week', business_date) as date) as week_start_date,
        sum(sales_usd) as sales_usd
    from features.department_days group by all
)
select department as series_id, week_start_date, coalesce(sales_usd, 0) as sales_usd,
    coalesce(promotion_share, 0) as promotion_share, holiday_days, is_complete
from weeks join features.departments d on d.first_sale_date < week_start_date + 7
left join sold using (department, week_start_date)
left join features.promotion_weeks using (department, week_start_date)
