"""What the periods of a product must be beyond their types."""

from expectations import ENDS_LATER, SUPERSEDED_LATER

RULES = [ENDS_LATER, SUPERSEDED_LATER]
