select account_id, business_date, known_date, date '9999-12-31' as superseded_date, orders,
    sales_usd, fuel_sales_usd, loyalty_discount_usd, coupon_discount_usd, coupon_match_discount_usd
from gold.account_days
