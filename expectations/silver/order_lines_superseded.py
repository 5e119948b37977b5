"""What a line that is believed no more must be."""

from expectations import SUPERSEDED_LATER

RULES = [
    SUPERSEDED_LATER,
]
