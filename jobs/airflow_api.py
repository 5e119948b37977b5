"""Airflow's public API, logged in: who answered a question of a task stands there."""

from collections.abc import Mapping
from typing import Any

import httpx

from jobs.settings import Settings, settings

USER = "admin"
SECRET = "airflow_admin"  # noqa: S105 a name
SECONDS = 60.0


class AirflowUnreachable(Exception):
    """Airflow does not answer, or refuses our login."""


def client(
    here: Settings | None = None, user: str = USER, password: str | None = None
) -> httpx.Client:
    """The API, logged in as the user of these services, or as another.

    Args:
        here: null: these settings.

    Raises:
        AirflowUnreachable: it does not answer, or the login was refused.
    """
    here = here or settings()
    url = here.airflow_url
    login = {"username": user, "password": password or here.secret(SECRET)}
    try:
        answer = httpx.post(f"{url}/auth/token", json=login, timeout=SECONDS)
    except httpx.HTTPError as error:
        raise AirflowUnreachable(f"Airflow at {url} does not answer: see `make status`") from error
    if answer.status_code != 201:
        raise AirflowUnreachable(f"Airflow refuses the login of {user}: {answer.status_code}")
    token = answer.json()["access_token"]
    return httpx.Client(
        base_url=f"{url}/api/v2", headers={"Authorization": f"Bearer {token}"}, timeout=SECONDS
    )


def get(api: httpx.Client, path: str, asked: Mapping[str, Any]) -> Any:
    """What the API answers.

    Raises:
        AirflowUnreachable: it does not answer, or something else than what was asked for.
    """
    answer = _asked(api, "GET", path, params=dict(asked))
    if answer.status_code != 200:
        raise AirflowUnreachable(f"Airflow answers {answer.status_code} to {path}")
    return answer.json()


def patch(api: httpx.Client, path: str, told: Mapping[str, Any]) -> None:
    """Change what stands at a path.

    Raises:
        AirflowUnreachable: it does not answer, or refuses.
    """
    answer = _asked(api, "PATCH", path, json=dict(told))
    if answer.status_code != 200:
        raise AirflowUnreachable(f"Airflow answers {answer.status_code} to {path}")


def start(api: httpx.Client, dag_id: str, run_id: str) -> None:
    """Start a run of a DAG; one of this id that is there, or was, is enough.

    Raises:
        AirflowUnreachable: it does not answer, or refuses.
    """
    told = {"dag_run_id": run_id, "logical_date": None}
    answer = _asked(api, "POST", f"/dags/{dag_id}/dagRuns", json=told)
    if answer.status_code not in (200, 409):  # 409: it is there
        raise AirflowUnreachable(f"Airflow answers {answer.status_code} to a run of {dag_id}")


def _asked(api: httpx.Client, method: str, path: str, **told: Any) -> httpx.Response:
    try:
        return api.request(method, path, **told)
    except httpx.HTTPError as error:
        raise AirflowUnreachable(
            f"Airflow at {api.base_url} does not answer: see `make status`"
        ) from error
