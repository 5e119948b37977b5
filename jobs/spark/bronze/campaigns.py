"""bronze.campaigns: one row per campaign and drop that told of it."""

from jobs.table import Landed

SCHEMA = """
    campaign_id string not null comment 'campaign',
    campaign_type string not null comment 'Type A (large), Type B or Type C',
    start_date date not null comment 'first day on which its coupons count',
    end_date date not null comment 'last day on which its coupons count'
"""

TABLE = Landed("bronze.campaigns", SCHEMA, entity="campaigns")
