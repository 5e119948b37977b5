"""A CRM's lists offer what scores say."""

from jobs.crm import choices
from jobs.spark import grading


def test_lists_offer_the_grades_trends_and_bands_of_scores() -> None:
    recency = [*(name for name, _ in grading.RECENCY_BANDS), grading.LONGER_AGO, grading.NEVER]
    spend = [*(name for name, _ in grading.SPEND_BANDS), grading.TOP_SPEND]
    assert [*choices.GRADES] == [*grading.GRADES]
    assert [*choices.TRENDS] == [*grading.TRENDS]
    assert [*choices.TRENDS_OF_LEAVING] == [*grading.TRENDS]
    assert [*choices.RECENCY_BANDS] == recency
    assert [*choices.SPEND_BANDS] == spend
