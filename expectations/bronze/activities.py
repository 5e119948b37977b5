"""What a row of activities must be beyond its types; a row that is not goes to quarantine."""

from expectations.bronze import not_blank

RULES = [
    *not_blank("source_object", "activity_id"),
]
