"""Tryton 8.0: tasks for salespeople are `sales_scores.task`; their `task_key` is unique.

The model is of the module sales_scores: the pipeline's user makes tasks and never changes one.
"""

from jobs.crm.access import Access, Options
from jobs.crm.tryton import Tryton, opened

OPTIONS = Options(others=("request_seconds",))


class TrytonTasks(Tryton):
    """Tasks of a Tryton database."""

    model, key = "sales_scores.task", "task_key"

    def can_create(self, customers: bool) -> bool:
        return True


def connect(access: Access) -> Tryton:
    """Tasks of the Tryton that an access leads to."""
    return opened(access, TrytonTasks)
