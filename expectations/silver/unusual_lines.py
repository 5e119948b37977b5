"""How many lines are unusual, and why: counted, and never a reason to stop."""

import great_expectations.expectations as gxe

from expectations import KNOWN_LATER, SUPERSEDED_LATER

RULES = [
    KNOWN_LATER,
    SUPERSEDED_LATER,
    *(
        gxe.ExpectColumnValuesToBeInSet(
            column=column,
            value_set=[False],
            mostly=0.0,
            severity="info",
            meta={"reason": reason},
        )
        for column, reason in {
            "is_price_low": "unusual_price(low)",
            "is_price_high": "unusual_price(high)",
            "is_units_high": "unusual_units(high)",
        }.items()
    ),
]
