"""bronze.coupons: one row per coupon, product and campaign, as often as the ERP sent it."""

from jobs.table import Landed

SCHEMA = """
    coupon_upc string not null comment 'bar code of the coupon',
    product_id string not null comment 'article that the coupon counts for',
    campaign_id string not null comment 'campaign that handed it out'
"""

TABLE = Landed("bronze.coupons", SCHEMA, entity="coupons")
