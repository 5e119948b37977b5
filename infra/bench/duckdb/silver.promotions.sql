with plans as (
    select source_week, batch_id from bronze.promotions
    group by source_week, batch_id, known_at
    qualify row_number() over (partition by source_week order by known_at desc, batch_id desc) = 1
)
select product_id, store_id,
    cast(date '2016-12-26' + 7 * (source_week - 1) as date) as week_start_date,
    display_location, mailer_location, known_at,
    cast(((known_at at time zone 'UTC') at time zone getvariable('zone')) - interval 12 hour as date)
        as known_date
from bronze.promotions join plans using (source_week, batch_id)
