"""What a department's day must be, as far as it was believed."""

from expectations import KNOWN_LATER, SUPERSEDED_LATER

RULES = [
    KNOWN_LATER,
    SUPERSEDED_LATER,
]
