"""bronze.opportunities: one row per opportunity and pull of the CRM that read it."""

from jobs.table import Landed

SCHEMA = """
    opportunity_id string not null comment 'number that the CRM itself gives it',
    account_id string comment 'customer, its code in the CRM; null: nobody, or no customer yet',
    status string not null comment 'open, won or lost',
    stage string comment 'where it stands, in the words of the CRM',
    expected_amount decimal(18,4) comment 'in currency_code, if it is won; 0: nobody said',
    currency_code string comment 'ISO 4217, such as USD',
    probability_pct double comment '0 to 100, as the CRM or a salesperson says',
    expected_close_date date comment 'day on which a salesperson expects it to be won',
    opened_at timestamp comment 'UTC by the clock of the CRM; when it was written down',
    closed_at timestamp comment 'UTC by the clock of the CRM; when it was won or lost',
    is_active boolean not null comment 'false: put aside in the CRM, as those lost are',
    changed_at timestamp not null comment 'UTC by the clock of the CRM; last write, by whomever',
    as_of_date date not null comment 'business day by whose closing the CRM said this'
"""

TABLE = Landed(
    "bronze.opportunities",
    SCHEMA,
    entity="opportunities",
    # what a snapshot lacks is deleted: one with a hole is held back, the one before stays
    is_snapshot_whole=True,
)
