"""ranker_plan: the ranker that is also told which promotions are planned for the weeks ahead."""

from typing import ClassVar

from jobs.training.recommenders import ranker
from jobs.training.recommenders.ranker import Ranker

Params = ranker.Params
SPACE = ranker.SPACE


class RankerPlan(Ranker):
    name: ClassVar[str] = "ranker_plan"
    uses_plan: ClassVar[bool] = True
