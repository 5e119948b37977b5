select coalesce(department, 'UNKNOWN') as department, business_date, known_date,
    date '9999-12-31' as superseded_date, sum(sales_usd) as sales_usd
from silver.order_lines group by all
