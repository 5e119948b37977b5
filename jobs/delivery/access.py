"""The way to a connection's CRM: its address by the mapping, its secret from where secrets are."""

import sys
from dataclasses import replace

from jobs.crm import access as ways
from jobs.crm.access import Access
from jobs.crm.adapter import Adapter
from jobs.crm.throttle import Throttle
from jobs.delivery.mapping import ConnectionMap
from jobs.settings import SettingsError, settings

OPTIONS = ("url", "user", "secret")  # of `server`; what else stands there is the adapter's


def connect(mapping: ConnectionMap) -> Adapter:
    """The adapter of a connection, ready to ask its CRM.

    Raises:
        SettingsError: its secret is nowhere.
    """
    return ways.connect(mapping.adapter, access(mapping))


def access(mapping: ConnectionMap) -> Access:
    """Where a connection leads to. A secret is resolved here, in the process that uses it."""
    # without an address it is the CRM of these services
    url, user, secret = mapping.server.get("url", ""), mapping.server.get("user", ""), None
    if mapping.server.get("secret") == "":  # a folder asks for none
        return way(mapping)
    try:
        secret = settings().secret(mapping.server.get("secret", f"crm_{mapping.connection}"))
    except SettingsError:
        url, user, secret = _from_airflow(mapping.connection, url, user)
        if secret is None:
            raise
    return replace(way(mapping), url=url or settings().crm_url, user=user, secret=secret)


def way(mapping: ConnectionMap) -> Access:
    """Where a connection leads to, without its secret."""
    server = mapping.server
    return Access(
        connection=mapping.connection,
        url=server.get("url", settings().crm_url),
        user=server.get("user", ""),
        secret="",
        options={name: value for name, value in server.items() if name not in OPTIONS},
        throttle=Throttle(mapping.rate.requests_a_second, mapping.rate.daily_share),
    )


def _from_airflow(connection: str, url: str, user: str) -> tuple[str, str, str | None]:
    """Airflow's connection crm_<connection>, within a task of Airflow; no secret elsewhere."""
    runner = sys.modules.get("airflow.sdk.execution_time.task_runner")
    if not hasattr(runner, "SUPERVISOR_COMMS"):
        return url, user, None
    from airflow.sdk import Connection
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        found = Connection.get(f"crm_{connection}")
    except AirflowNotFoundException:
        return url, user, None
    scheme = "https" if found.schema in (None, "", "https") else found.schema
    port = f":{found.port}" if found.port else ""
    return url or f"{scheme}://{found.host}{port}", user or found.login or "", found.password
