"""A person's answer to a plan, read where it was given: at the task `delivery.approve` in Airflow.

Nothing else counts: a task that was marked successful by hand, one that was cleared, what an XCom
says, or a row of a table. The answer must stand in Airflow's own record of the task, chosen from
its options by a user who may approve, under a question that names this plan's whole id.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Any

import httpx

from jobs import airflow_api
from jobs.delivery.ledger import DeliveryError, Plan
from jobs.delivery.mapping import ConnectionMap
from jobs.delivery.waiting import pause_until
from jobs.settings import settings

TASK_ID = "delivery.approve"
APPROVE, REFUSE = "Approve", "Refuse"
WAITING = "awaiting_input"  # Airflow's state of a task that asks
LIMIT = 100  # questions with one plan's id
# Airflow 3.3 fails a task that is answered before its scheduler has seen the worker of the question
# end: it takes the end for that of the answer.
SETTLED_SECONDS = 5.0


class NotApproved(DeliveryError):
    """A person must look at the plan first, or did and said no."""


@dataclass(frozen=True)
class Answer:
    """What a person chose, and where it stands in Airflow."""

    option: str
    person: str
    at: dt.datetime
    evidence: str


def subject(plan: Plan) -> str:
    """The question's headline: it binds the answer to the plan."""
    return f"Deliver plan {plan.plan_number} to {plan.connection}? {plan.plan_id}"


def answer(plan: Plan) -> Answer | None:
    """The newest answer to the plan's question; null: nobody answered.

    Raises:
        AirflowUnreachable: Airflow cannot be asked.
    """
    with airflow_api.client() as api:
        given = _questions(api, plan, plan.plan_id, response_received=True)
    told = [_answer(each) for each in given if _is_of(each, plan)]
    return max(told, key=lambda each: each.at, default=None)


def dag_id(plan: Plan) -> str:
    """Of the DAG that asks about the plans of a connection.

    Raises:
        NotApproved: there is none.
    """
    found = settings().delivery_dags.get(plan.connection)
    if found is None:
        raise NotApproved(
            f"plan {plan.plan_number} of {plan.connection} needs a person, and Airflow delivers to "
            f"{', '.join(settings().deliveries)} only: write {plan.connection} into CRM_DELIVERIES "
            "and start the services anew"
        )
    return found


def _questions(api: httpx.Client, plan: Plan, about: str, **of: Any) -> list[dict[str, Any]]:
    """The task's questions whose headline holds a text, and which are as told."""
    asked = {"task_id": TASK_ID, "subject_search": about, "limit": LIMIT, **of}
    told = airflow_api.get(api, f"/dags/{dag_id(plan)}/dagRuns/~/hitlDetails", asked)
    found: list[dict[str, Any]] = told["hitl_details"]
    return found


def _is_of(detail: dict[str, Any], plan: Plan) -> bool:
    """Whether an answer is to this plan's question, of our task, and of its options."""
    ran = detail["task_instance"]
    return bool(
        (ran["dag_id"], ran["task_id"]) == (dag_id(plan), TASK_ID)
        and detail["subject"] == subject(plan)
        and detail["options"] == [APPROVE, REFUSE]
        and detail["responded_by_user"]
        and len(detail["chosen_options"] or []) == 1
    )


def _answer(detail: dict[str, Any]) -> Answer:
    ran = detail["task_instance"]
    return Answer(
        option=detail["chosen_options"][0],
        person=detail["responded_by_user"]["name"],
        at=dt.datetime.fromisoformat(detail["responded_at"]),
        evidence=f"{ran['dag_run_id']}, try {ran['try_number']}",
    )


def required(plan: Plan, mapping: ConnectionMap) -> Answer:
    """The approval that a plan needs.

    Raises:
        NotApproved: nobody approved it who may.
    """
    given = answer(plan)
    named = f"plan {plan.plan_number} of {plan.connection}"
    if given is None:
        raise NotApproved(
            f"{named} needs a person ({plan.needs_person}): answer the task {TASK_ID} of the DAG "
            f"{dag_id(plan)} in Airflow; where no run of it waits, trigger one"
        )
    if given.option != APPROVE:
        raise NotApproved(f"{named} was refused by {given.person} at {given.at:%Y-%m-%d %H:%M} UTC")
    if given.person not in mapping.approvers:
        raise NotApproved(
            f"{named} was approved by {given.person}, who is none of the approvers of "
            f"{plan.connection}.yaml ({', '.join(mapping.approvers) or 'there are none'})"
        )
    if mapping.four_eyes and given.person == plan.requester:
        raise NotApproved(
            f"{named} was approved by {given.person}, who asked for it: {plan.connection}.yaml "
            "wants four eyes"
        )
    return given


def respond(plan: Plan, option: str, user: str, password: str) -> str:
    """Answer the plan's question as a user of Airflow; returns where.

    Raises:
        NotApproved: no run of the DAG asks for this plan.
        AirflowUnreachable: Airflow cannot be asked, or refuses the login or the answer.
    """
    with airflow_api.client(user=user, password=password) as api:
        asked_at = dt.datetime.fromisoformat(_open(api, plan)["created_at"])
        pause_until(asked_at + dt.timedelta(seconds=SETTLED_SECONDS))
        ran = _open(api, plan)["task_instance"]  # a newer run may have withdrawn it meanwhile
        place, answer = _place(ran), {"chosen_options": [option]}
        airflow_api.patch(api, f"{place}/{ran['map_index']}/hitlDetails", answer)
    return f"run {ran['dag_run_id']}"


def _open(api: httpx.Client, plan: Plan) -> dict[str, Any]:
    found = _questions(api, plan, plan.plan_id, response_received=False, state=WAITING)
    if not found:
        raise NotApproved(
            f"no run of {dag_id(plan)} asks for plan {plan.plan_number}: trigger one in Airflow"
        )
    return found[-1]


def withdraw_others(plan: Plan, run: str) -> int:
    """End the other runs that ask about the connection: the plan of this run took their plan's
    place, or is the same; returns how many.

    Each would be among a person's required actions, and keep one more run from beginning, until
    its hours are over. Their tasks are skipped: nobody said no.

    Raises:
        AirflowUnreachable: Airflow cannot be asked, or refuses.
    """
    with airflow_api.client() as api:
        subject = f" to {plan.connection}? "
        asking = _questions(api, plan, subject, response_received=False, state=WAITING)
        places = [_place(each["task_instance"]) for each in asking]
        places = [place for place in places if f"/dagRuns/{run}/" not in place]
        count = 0
        for place in places:
            # one that is answered meanwhile goes on
            if airflow_api.get(api, place, {})["state"] == WAITING:
                airflow_api.patch(api, place, {"new_state": "skipped"})
                count += 1
    return count


def _place(ran: dict[str, Any]) -> str:
    return f"/dags/{ran['dag_id']}/dagRuns/{ran['dag_run_id']}/taskInstances/{TASK_ID}"
