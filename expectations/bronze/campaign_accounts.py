"""What a row of campaign_accounts must be beyond its types; else it goes to quarantine."""

from expectations.bronze import not_blank

RULES = [
    *not_blank("campaign_id", "account_id"),
]
