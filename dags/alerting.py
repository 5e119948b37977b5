"""What a task's end tells people: a failure once, and once that the task is well again."""

from collections.abc import Mapping
from typing import Any

# What these say was written for a person, without values of rows. A CRM's own words may hold some.
OURS = ("jobs.", "dags.", "airflow.")
NOT_TOLD = ("jobs.crm.",)


def told(error: BaseException | None) -> str:
    """An error in words that may leave the house."""
    if error is None:
        return "it ended without an error: killed, or its time was over"
    home = f"{type(error).__module__}."
    if home.startswith(OURS) and not home.startswith(NOT_TOLD):
        return str(error)
    return f"{type(error).__name__}; its words are in the task's log"


def tell_failure(context: Mapping[str, Any]) -> None:
    """A task has failed for good: open its alert."""
    from jobs import alerts
    from jobs.settings import settings

    task, error = context["ti"], context.get("exception")
    # `no_retry_after` wraps what was raised
    error = getattr(error, "__cause__", None) or error
    is_refused = type(error).__name__ == "Refused"
    page = f"{settings().airflow_url}/dags/{task.dag_id}/runs/{task.run_id}/tasks/{task.task_id}"
    fault = alerts.Fault(
        unit=task.task_id,
        kind="refused" if is_refused else "failed",
        what=told(error),
        cure=alerts.CORRECT if is_refused else alerts.MEND,
        look=page,
        since_at=alerts.now(),
    )
    alerts.report(fault)


def tell_success(context: Mapping[str, Any]) -> None:
    """A task has done its work: close its alert, if it had one."""
    from jobs import alerts

    alerts.well(context["ti"].task_id)
