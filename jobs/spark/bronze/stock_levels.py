"""bronze.stock_levels: one row per shop, article and change of its stock, as the ERP told it."""

from jobs.table import Landed

SCHEMA = """
    store_id string not null comment 'shop',
    product_id string not null comment 'article',
    on_hand bigint not null comment 'pieces in the shop; below 0: sold before it was booked in',
    changed_at timestamp not null comment 'UTC; when the ERP wrote it'
"""

TABLE = Landed("bronze.stock_levels", SCHEMA, entity="stock_levels")
