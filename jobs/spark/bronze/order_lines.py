"""bronze.order_lines: one row per line of an order as the till sent it, resent lines included."""

from jobs.table import Landed

SCHEMA = """
    account_id string not null comment 'customer, the code in the CRM',
    store_id string not null comment 'shop',
    order_id string not null comment 'basket at the till',
    product_id string not null comment 'article; may be unknown to the ERP',
    quantity bigint not null comment 'pieces; fuel: thousandths of a gallon, or 1 if prepaid',
    sales_usd decimal(12,2) not null comment 'USD that the shop receives for the line',
    loyalty_discount_usd decimal(12,2) not null comment 'USD off by the loyalty card, positive',
    coupon_discount_usd decimal(12,2) not null comment 'USD off by a maker coupon, positive',
    coupon_match_discount_usd decimal(12,2) not null comment 'USD that the shop adds, positive',
    source_week int comment 'week as the till counts, Monday to Sunday, 1 has 2017-01-01',
    sold_at timestamp not null comment 'UTC; the till sends it without a zone'
"""

TABLE = Landed("bronze.order_lines", SCHEMA, entity="order_lines")
