"""What a product's class must be, as far as it was believed."""

from expectations import SUPERSEDED_LATER

RULES = [
    SUPERSEDED_LATER,
]
