"""The task that asks a person whether a delivery plan may be sent.

What is answered stands in Airflow's record of this task, and `apply` reads it there itself; no
other task trusts what this one says.
"""

import datetime as dt
from typing import Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk.exceptions import AirflowFailException


class AskAPerson(HITLOperator):
    """Ask about the run's plan where it is out of its connection's limits; others need nobody."""

    def __init__(self, connection: str, **told: Any) -> None:
        super().__init__(subject="", **told)
        self.connection = connection

    def execute(self, context: Any) -> Any:
        from jobs.delivery import approval, mapping, page
        from jobs.delivery.ledger import OPEN_STATES, Ledger

        plan = Ledger(self.connection).plan(planned(context))
        if plan.state in OPEN_STATES:
            self.withdraw_others(plan, context["run_id"])
        if plan.state != "waiting":
            self.log.info("plan %d is %s: nobody has to look", plan.plan_number, plan.state)
            return None
        of = mapping.load(self.connection)
        self.subject = approval.subject(plan)
        self.body = f"{plan.needs_person}.\n\nRead before you answer: `{page.write(plan)}`"
        self.assigned_users = [{"id": name, "name": name} for name in of.approvers]
        self.response_timeout = dt.timedelta(hours=of.limits.answer_hours)
        return super().execute(context)

    def withdraw_others(self, plan: Any, run: str) -> None:
        """Nobody is asked any longer what has no consequence; a delivery does not fail for it."""
        from jobs.airflow_api import AirflowUnreachable
        from jobs.delivery import approval

        try:
            count = approval.withdraw_others(plan, run)
        except AirflowUnreachable as error:
            self.log.warning("other runs that wait for a person stay as they are: %s", error)
        else:
            self.log.info("%d other runs wait for a person no longer", count)

    def execute_complete(self, context: Any, event: dict[str, Any]) -> Any:
        """A yes is left to `apply`; a no, and no answer in time, end the plan."""
        from jobs.delivery import approval

        if "error" in event:
            self.end(context, "expired", "nobody answered in time")
        if event["chosen_options"] != [approval.APPROVE]:
            self.end(context, "refused", f"by {event['responded_by_user']['name']}")
        return super().execute_complete(context, event)

    def end(self, context: Any, state: str, note: str) -> None:
        """The plan of this run waits no longer; raises AirflowFailException."""
        from jobs.delivery.ledger import writer

        with writer(self.connection) as ledger:
            plan = ledger.plan(planned(context))
            if plan.state == "waiting":
                ledger.record(plan, state, note)
        raise AirflowFailException(f"plan {plan.plan_number} is {state}: {note}")


def planned(context: Any) -> str | None:
    """The plan that this run made, by its id."""
    told = context["ti"].xcom_pull(task_ids="delivery.plan") or {}
    plan: str | None = told.get("plan")
    return plan
