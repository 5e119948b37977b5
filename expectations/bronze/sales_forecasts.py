"""What a row of sales_forecasts must be beyond its types; a row that is not goes to quarantine."""

import great_expectations.expectations as gxe

IDS = ("series_id",)

RULES = [
    *(
        # a department has blanks inside its name: DRUG GM
        gxe.ExpectColumnValuesToMatchRegex(
            column=column,
            regex=r"^\S(.*\S)?$",
            severity="critical",
            meta={"reason": f"blank({column})"},
        )
        for column in IDS
    ),
    gxe.ExpectColumnValuesToBeBetween(
        column="horizon", min_value=1, severity="critical", meta={"reason": "horizon_below_one"}
    ),
    gxe.ExpectColumnPairValuesAToBeGreaterThanB(
        column_A="p50",
        column_B="p10",
        or_equal=True,
        severity="critical",
        meta={"reason": "quantiles_cross"},
    ),
    gxe.ExpectColumnPairValuesAToBeGreaterThanB(
        column_A="p90",
        column_B="p50",
        or_equal=True,
        severity="critical",
        meta={"reason": "upper_quantiles_cross"},
    ),
    gxe.ExpectColumnPairValuesAToBeGreaterThanB(
        column_A="valid_until",
        column_B="as_of_date",
        or_equal=True,
        severity="critical",
        meta={"reason": "expired_when_made"},
    ),
    gxe.ExpectColumnValuesToBeInSet(
        column="grain",
        value_set=["day", "week"],
        severity="critical",
        meta={"reason": "unknown_grain"},
    ),
]
