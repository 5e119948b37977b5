"""What a row of products must be beyond its types; a row that is not goes to quarantine."""

from expectations.bronze import not_blank

RULES = [
    *not_blank("product_id"),
]
