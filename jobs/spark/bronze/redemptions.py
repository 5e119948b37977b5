"""bronze.redemptions: one row per coupon that a customer redeemed, as the till sent it."""

from jobs.table import Landed

SCHEMA = """
    account_id string not null comment 'customer',
    coupon_upc string not null comment 'bar code of the coupon',
    campaign_id string not null comment 'campaign that handed it out',
    redemption_date date not null comment 'business day of the redemption'
"""

TABLE = Landed("bronze.redemptions", SCHEMA, entity="redemptions")
