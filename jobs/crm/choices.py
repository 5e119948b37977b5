"""What the lists of a CRM offer where we write: the values of `jobs/spark/grading.py`, which needs
Spark to say them. A test holds the two together.
"""

GRADES = ("A", "B", "C", "D", "E")
TRENDS = ("improving", "steady", "declining", "new")
# A trend is for us: of leaving, people would take one that declines for good news
TRENDS_OF_LEAVING = {
    "improving": "Improving: less likely",
    "steady": "Steady",
    "declining": "Declining: more likely",
    "new": "New",
}
RECENCY_BANDS = ("this week", "this month", "this quarter", "longer ago", "never")
SPEND_BANDS = ("none", "low", "medium", "high", "very high")


def capital(value: str) -> str:
    """How a list shows a value that has no words of its own."""
    return value[:1].upper() + value[1:]
