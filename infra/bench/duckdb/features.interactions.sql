select account_id, product_id, business_date, known_date, count(*) as orders,
    coalesce(sum(units), 0) as units, sum(sales_usd) as sales_usd,
    max(product_type) as product_type, max(department) as department
from silver.order_lines
where is_product_known and is_merchandise and quantity > 0 and sales_usd > 0
group by account_id, product_id, business_date, known_date
