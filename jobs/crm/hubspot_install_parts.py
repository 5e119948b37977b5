"""What is made in HubSpot: a group of properties, and the properties, as its API takes them.

https://developers.hubspot.com/docs/api-reference/crm-properties-v3/guide
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from jobs.crm.choices import (
    GRADES,
    RECENCY_BANDS,
    SPEND_BANDS,
    TRENDS,
    TRENDS_OF_LEAVING,
    capital,
)

Told = Mapping[str, Any]

GROUP: Told = {"name": "sales_scores", "label": "Sales Scores"}

TEXT, LONG_TEXT = ("string", "text"), ("string", "textarea")
NUMBER, DATE, CHOICE = ("number", "number"), ("date", "date"), ("enumeration", "select")


def properties(key: str) -> list[Told]:
    """All of them, in the order in which they are shown."""
    stays = "What you change here stays."
    told = [
        _property(
            *(key, "Sales Account Number", TEXT),
            "The customer's number in the sales data. Scores are found by it: leave it as it is.",
            # of one that is there it cannot be changed
            hasUniqueValue=True,
        ),
        _property("score_value", "Score", NUMBER, "The customer's standing among all, 0 to 1."),
        _chosen(
            *("score_grade", "Grade", GRADES),
            f"The fifth of all customers that it lies in, A the best. {stays}",
        ),
        _chosen("score_trend", "Trend", TRENDS, f"Where the score is going. {stays}"),
        _property(
            *("score_reasons", "Reasons", LONG_TEXT),
            f"Why, one reason a line, the strongest first. {stays}",
        ),
        _property(
            *("score_next_products", "Next Best Products", LONG_TEXT),
            f"What to offer next, one a line, the best first. {stays}",
        ),
        *_own_scores(stays),
        _property(
            *("score_segment", "Segment", TEXT),
            f"The kind of customer: those of one segment shop alike. Empty: in none. {stays}",
        ),
        _chosen(
            *("score_recency_band", "Last Bought", RECENCY_BANDS),
            f"How long ago the last order was. {stays}",
        ),
        _chosen(
            *("score_spend_band", "Spend of 12 Weeks", SPEND_BANDS),
            f"How much was bought in the last 12 weeks. {stays}",
        ),
        _property("score_last_order_date", "Last Order", DATE, "Business day of the last order."),
        _property("score_as_of", "As Of", DATE, "Business day up to which the sales count."),
        _property(
            "score_valid_until", "Valid Until", DATE, "After this day the score is taken back."
        ),
        _property("score_name", "Kind of Score", TEXT, "What the score tells."),
        _property("score_model_version", "Made By", TEXT, "Model and its version."),
    ]
    return [each | {"displayOrder": place} for place, each in enumerate(told, 1)]


def _own_scores(stays: str) -> list[dict[str, Any]]:
    """What a customer's own scores say: of leaving, of the next campaign, of eight weeks."""
    return [
        _chosen(
            *("score_churn_grade", "Likely to Leave (Grade)", GRADES),
            f"A (least likely) to E (most likely). {stays}",
        ),
        _chosen(
            *("score_churn_trend", "Trend of Leaving", TRENDS),
            f"Where the chance of leaving is going. {stays}",
            TRENDS_OF_LEAVING,
        ),
        _property(
            *("score_churn_chance", "Chance of Leaving", NUMBER),
            "Of no order in the next four weeks, 0 to 1.",
        ),
        _property(
            *("score_churn_reasons", "Why Likely to Leave, or Not", LONG_TEXT),
            f"One reason a line, the strongest first. {stays}",
        ),
        _property(
            *("score_offer_campaign", "Next Campaign", TEXT),
            "Number of the next campaign that addresses the customer.",
        ),
        _chosen(
            *("score_offer_grade", "Next Campaign (Grade)", GRADES),
            f"A (most likely to answer it) to E. {stays}",
        ),
        _property(
            *("score_offer_chance", "Chance of an Answer", NUMBER),
            "Of a coupon of the next campaign being used, 0 to 1.",
        ),
        _property(
            *("score_expected_usd", "Expected Spend, 8 Weeks (USD)", NUMBER),
            "What is expected in the next eight weeks.",
        ),
        _chosen(
            *("score_expected_grade", "Expected Spend (Grade)", GRADES), f"A (most) to E. {stays}"
        ),
    ]


def _property(
    name: str, label: str, form: tuple[str, str], description: str, **more: Any
) -> dict[str, Any]:
    return {
        "name": name,
        "label": label,
        "type": form[0],
        "fieldType": form[1],
        "groupName": GROUP["name"],
        "description": description,
        "formField": False,  # no visitor of a web page fills it in
        **more,
    }


def _chosen(
    name: str,
    label: str,
    values: Sequence[str],
    description: str,
    labels: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, Any]:
    options = [
        {
            "label": labels.get(value, capital(value)),
            "value": value,
            "displayOrder": place,
            "hidden": False,
        }
        for place, value in enumerate(values)
    ]
    return _property(name, label, CHOICE, description, options=options)
