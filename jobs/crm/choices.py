"""What the lists of a CRM offer where we write: the values of `jobs/spark/grading.py`, which needs
Spark to say them. A test holds the two together.
"""

GRADES = ("A", "B", "C", "D", "E")
TRENDS = ("improving", "steady", "declining", "new")
RECENCY_BANDS = ("this week", "this month", "this quarter", "longer ago", "never")
SPEND_BANDS = ("none", "low", "medium", "high", "very high")
