"""Great Expectations' Data Docs of a table: its last results, as Great Expectations lays them out.

Only the results are taken. The page that it puts around them fetches scripts, styles and a dated
picture from other hosts whenever somebody looks.
"""

import html
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from jobs.pages.facts import COUNTED
from jobs.spark import rules
from jobs.table import Built, Landed, columns

if TYPE_CHECKING:
    from great_expectations.core import ExpectationValidationResult
    from great_expectations.expectations.expectation import Expectation

Row = Mapping[str, Any]

# what Great Expectations says of a rule that no row can break
AT_LEAST_NONE = re.compile(r", at least <span[^<>]*>0</span> % of the time\.")
# and of a column without a count, whatever its observed value says
UNKNOWN = "unknown % not null"
NO_ROWS = "no rows judged"


def results(which: Built, told: Sequence[Row]) -> str:
    """HTML of the answers, by column; without a script or a link.

    Args:
        told: rows of ops.quality, of one build; those of no expectation are left out.
    """
    from great_expectations.core import ExpectationSuiteValidationResult
    from great_expectations.core.run_identifier import RunIdentifier
    from great_expectations.render.renderer import ValidationResultsPageRenderer
    from great_expectations.render.view.view import DefaultJinjaSectionView

    expected = _expectations(which)
    answers = [_answer(expected[row["rule"]], row) for row in told if row["rule"] in expected]
    suite = ExpectationSuiteValidationResult(
        success=all(answer.success for answer in answers),
        results=answers,
        suite_name=which.name,
        meta={"run_id": RunIdentifier(told[0]["run_id"], told[0]["judged_at"])},
    )
    page = ValidationResultsPageRenderer().render(suite).to_json_dict()
    _, *parts = page["sections"]  # the first is an overview that links to pages we do not write
    # one section: each that is rendered compiles all its templates anew
    whole = {"section_name": "", "content_blocks": [b for p in parts for b in p["content_blocks"]]}
    asked = {"section": whole, "section_loop": {"index": 1}, "renderer_type": page["renderer_type"]}
    shown = AT_LEAST_NONE.sub(COUNTED, DefaultJinjaSectionView().render(asked))
    is_judged = any(row["rows_judged"] for row in told)
    return shown.replace(UNKNOWN, rules.UNJUDGED if is_judged else NO_ROWS)


def _expectations(which: Built) -> dict[str, "Expectation"]:
    """By the names that ops.quality has for them."""
    if not isinstance(which, Landed):
        return rules.expectations(which)
    # what bronze asks of a row as received, asked of a column
    import great_expectations.expectations as gxe

    found: dict[str, Expectation] = {}
    for column in columns(which.schema):
        typed = gxe.ExpectColumnValuesToBeOfType(column=column.name, type_=column.type)
        found[f"type({column.name})"] = typed
        if not column.nullable:
            given = gxe.ExpectColumnValuesToNotBeNull(column=column.name)
            found[f"not_null({column.name})"] = given
    return found | {str((rule.meta or {})["reason"]): rule for rule in rules.declared(which)}


def _answer(rule: "Expectation", row: Row) -> "ExpectationValidationResult":
    from great_expectations.core import ExpectationValidationResult

    judged, broken = row["rows_judged"], row["rows_broken"]
    as_expected = "as expected" if judged else NO_ROWS
    # an observed value is written into the page as it is. What could not be judged is told of so
    # too, not as an exception: the account of one is folded, and a script opens it
    result: dict[str, Any] = {"observed_value": html.escape(row["observed"]) or as_expected}
    if broken is not None and judged:
        counts = {"element_count": judged, "unexpected_count": broken, "missing_count": 0}
        result = counts | {"unexpected_percent": 100 * broken / judged}
    return ExpectationValidationResult(
        success=row["is_kept"], expectation_config=rule.configuration, result=result
    )
