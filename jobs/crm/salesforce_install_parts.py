"""What is made in Salesforce: the fields of a customer, and who may read and edit which of them.

`salesforce_install` writes it down as metadata. Lengths and digits are those of the fields' types:
https://help.salesforce.com/s/articleView?id=platform.custom_field_types.htm
"""

from dataclasses import dataclass
from typing import Literal

from jobs.crm.choices import GRADES

# As the Metadata API calls them
Type = Literal["Text", "LongTextArea", "Number", "Date", "Picklist"]


@dataclass(frozen=True)
class Part:
    """A field of ours."""

    name: str
    label: str
    type: Type
    help: str  # that a person reads beside it
    length: int = 0  # characters
    digits: tuple[int, int] = (0, 0)  # in all, and after the point
    choices: tuple[str, ...] = ()
    is_peoples_too: bool = False  # `ownership: if_ours` leaves what a person changed
    is_key: bool = False  # an external id, each value once, whatever the letters' case


def key(name: str) -> Part:
    """The field by which a customer is found, and one that is created twice is one."""
    told = "The customer's number in the sales data. Scores are found by it: leave it as it is."
    return Part(name, "Sales Account Number", "Text", told, length=40, is_key=True)


STAYS = "What you change here stays."
SCORES = (
    Part(
        *("Score_Next_Products__c", "Next Best Products", "LongTextArea"),
        f"What to offer next, one a line, the best first. {STAYS}",
        length=4000,
        is_peoples_too=True,
    ),
    Part(
        *("Score_Recency_Band__c", "Last Bought", "Text"),
        f"How long ago the last order was. {STAYS}",
        length=40,
        is_peoples_too=True,
    ),
    Part(
        *("Score_Spend_Band__c", "Spend of 12 Weeks", "Text"),
        f"How much was bought in the last 12 weeks. {STAYS}",
        length=40,
        is_peoples_too=True,
    ),
    Part("Score_Last_Order_Date__c", "Last Order", "Date", "Business day of the last order."),
    Part("Score_Name__c", "Kind of Score", "Text", "What the score tells.", length=80),
    Part(
        *("Score_Value__c", "Score", "Number"),
        "The customer's standing among all, from 0 to 1.",
        digits=(18, 6),
    ),
    Part(
        *("Score_Grade__c", "Grade", "Picklist"),
        f"The fifth of all customers that it lies in, A the best. {STAYS}",
        choices=GRADES,
        is_peoples_too=True,
    ),
    Part(
        *("Score_Trend__c", "Trend", "Text"),
        f"Where the score is going: improving, steady, declining, new. {STAYS}",
        length=20,
        is_peoples_too=True,
    ),
    Part(
        *("Score_Reasons__c", "Reasons", "LongTextArea"),
        f"Why, one reason a line, the strongest first. {STAYS}",
        length=32_000,
        is_peoples_too=True,
    ),
    Part(
        *("Score_Churn_Grade__c", "Likely to Leave (Grade)", "Picklist"),
        f"A (least likely) to E (most likely). {STAYS}",
        choices=GRADES,
        is_peoples_too=True,
    ),
    Part(
        *("Score_Churn_Trend__c", "Trend of Leaving", "Text"),
        f"improving, steady, new, or declining: more likely to leave than before. {STAYS}",
        length=20,
        is_peoples_too=True,
    ),
    Part(
        *("Score_Churn_Chance__c", "Chance of Leaving", "Number"),
        "Of no order in the next four weeks, from 0 to 1.",
        digits=(18, 6),
    ),
    Part(
        *("Score_Churn_Reasons__c", "Why Likely to Leave, or Not", "LongTextArea"),
        f"One reason a line, the strongest first. {STAYS}",
        length=32_000,
        is_peoples_too=True,
    ),
    Part(
        *("Score_Offer_Campaign__c", "Next Campaign", "Text"),
        "Number of the next campaign that addresses the customer.",
        length=80,
    ),
    Part(
        *("Score_Offer_Grade__c", "Next Campaign (Grade)", "Picklist"),
        f"A (most likely to answer it) to E. {STAYS}",
        choices=GRADES,
        is_peoples_too=True,
    ),
    Part(
        *("Score_Offer_Chance__c", "Chance of an Answer", "Number"),
        "Of a coupon of the next campaign being used, from 0 to 1.",
        digits=(18, 6),
    ),
    Part(
        *("Score_Expected_USD__c", "Expected Spend, 8 Weeks (USD)", "Number"),
        "What is expected in the next eight weeks.",
        digits=(18, 2),
    ),
    Part(
        *("Score_Expected_Grade__c", "Expected Spend (Grade)", "Picklist"),
        f"A (most) to E. {STAYS}",
        choices=GRADES,
        is_peoples_too=True,
    ),
    Part(
        *("Score_Segment__c", "Segment", "Text"),
        f"The kind of customer: those of one segment shop alike. Empty: in none. {STAYS}",
        length=80,
        is_peoples_too=True,
    ),
    Part("Score_As_Of__c", "As Of", "Date", "Business day up to which the sales count."),
    Part("Score_Valid_Until__c", "Valid Until", "Date", "After this day the score is taken back."),
    Part("Score_Model_Version__c", "Made By", "Text", "Model and its version.", length=120),
)

# At a glance: Salesforce shows no long texts there
# https://developer.salesforce.com/docs/atlas.en-us.api_meta.meta/api_meta/meta_compactlayout.htm
LAYOUT, LAYOUT_LABEL = "Sales_Scores", "Sales Scores"
AT_A_GLANCE = (
    "Name",
    "Score_Grade__c",
    "Score_Value__c",
    "Score_Trend__c",
    "Score_Recency_Band__c",
    "Score_Spend_Band__c",
    "Score_Churn_Grade__c",
    "Score_Expected_USD__c",
    "Score_As_Of__c",
)


@dataclass(frozen=True)
class Rights:
    """A permission set: who has it may read all our fields."""

    name: str
    label: str
    description: str
    edits: frozenset[str]  # fields
    on_object: Literal["none", "edit", "create"]  # none: people have theirs by their profiles
    is_for_programs: bool = False  # they ask the API


def all_rights(key_name: str) -> tuple[Rights, ...]:
    scores = frozenset(part.name for part in SCORES)
    peoples = frozenset(part.name for part in SCORES if part.is_peoples_too)
    return (
        Rights(
            *("Sales_Lakehouse_Delivery", "Sales Lakehouse: delivery"),
            "Of the user that scores are delivered as: writes the scores, and nothing else.",
            edits=scores,
            on_object="edit",
            is_for_programs=True,
        ),
        Rights(
            *("Sales_Lakehouse_Creation", "Sales Lakehouse: creation"),
            "Beside the delivery's, where the connection creates customers (mode: create).",
            edits=frozenset({key_name}),
            on_object="create",
        ),
        Rights(
            *("Sales_Lakehouse_People", "Sales Lakehouse: people"),
            "Of salespeople: read the scores, and correct what they may know better.",
            edits=peoples,
            on_object="none",
        ),
    )
