"""What a delivery must be beyond its types; a row that is not goes to quarantine."""

from expectations.bronze import not_blank

RULES = not_blank("connection", "account_id", "event", "plan_id")
