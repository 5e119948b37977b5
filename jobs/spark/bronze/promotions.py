"""bronze.promotions: one row per product, store, week and place of its promotion, as planned."""

from jobs.table import Landed

SCHEMA = """
    product_id string not null comment 'article',
    store_id string not null comment 'shop',
    source_week int not null comment 'week as the ERP counts, Monday to Sunday, 2 = 2017-01-02',
    display_location string not null comment 'code of the place in the shop, 0 = not on display',
    mailer_location string not null comment 'code of the place in the mailer, 0 = not in it'
"""

TABLE = Landed("bronze.promotions", SCHEMA, entity="promotions")
