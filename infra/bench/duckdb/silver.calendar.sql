with open_days as (select distinct business_date as calendar_date from silver.order_lines),
days as (
    select cast(unnest(generate_series(
        date_trunc('week', (select min(calendar_date) from open_days)),
        date_trunc('week', (select max(calendar_date) from open_days)) + interval 62 day,
        interval 1 day)) as date) as calendar_date
)
select d.calendar_date, cast(date_trunc('week', d.calendar_date) as date) as week_start_date,
    o.calendar_date is not null as has_sales,
    count(o.calendar_date) over (partition by date_trunc('week', d.calendar_date)) = 7
        as is_complete_week,
    h.day is not null as is_holiday
from days d left join open_days o on d.calendar_date = o.calendar_date
left join holidays h on h.day = d.calendar_date
