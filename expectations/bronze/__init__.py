"""Rules of rows that landed tables keep alike."""

import great_expectations.expectations as gxe


def not_blank(*names: str) -> list[gxe.ExpectColumnValuesToMatchRegex]:
    """Ids: something must stand there, and no blank inside; reason blank(column)."""
    return [
        gxe.ExpectColumnValuesToMatchRegex(
            column=name, regex=r"^\S+$", severity="critical", meta={"reason": f"blank({name})"}
        )
        for name in names
    ]
