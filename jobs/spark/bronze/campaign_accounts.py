"""bronze.campaign_accounts: one row per customer that a campaign addressed, and drop."""

from jobs.table import Landed

SCHEMA = """
    campaign_id string not null comment 'campaign',
    account_id string not null comment 'customer that received it'
"""

TABLE = Landed("bronze.campaign_accounts", SCHEMA, entity="campaign_accounts")
