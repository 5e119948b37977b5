select store_id, min(business_date) as first_sale_date,
    bool_or(coalesce(product_type in ('GASOLINE-REG UNLEADED'), false)) as sells_fuel
from silver.order_lines group by store_id
