"""What a row of coupons must be beyond its types; a row that is not goes to quarantine."""

from expectations.bronze import not_blank

RULES = [
    *not_blank("coupon_upc", "product_id", "campaign_id"),
]
