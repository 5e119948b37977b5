"""The way to a connection's CRM: its address by the mapping, its secret from where secrets are."""

import sys
from dataclasses import replace

from jobs.crm import access as ways
from jobs.crm.access import Access
from jobs.crm.adapter import Adapter
from jobs.crm.throttle import Throttle
from jobs.delivery.mapping import ConnectionMap
from jobs.settings import SettingsError, settings


def connect(mapping: ConnectionMap, is_hurried: bool = False) -> Adapter:
    """The adapter of a connection, ready to ask its CRM.

    Args:
        is_hurried: a person waits for the answers.

    Raises:
        SettingsError: its secret is nowhere.
        CrmError: it leads over a network without TLS, or says of its server what the adapter does
            not ask for.
    """
    found = access(mapping)
    found.throttle.is_hurried = is_hurried
    return ways.connect(mapping.adapter, found)


def access(mapping: ConnectionMap) -> Access:
    """Where a connection leads to. A secret is resolved here, in the process that uses it."""
    name = mapping.server.get("secret", f"crm_{mapping.connection}")
    if name == "":  # a folder asks for none
        return way(mapping)
    try:
        return replace(way(mapping), secret=settings().secret(name))
    except SettingsError:
        if found := _from_airflow(mapping):
            return found
        raise


def way(mapping: ConnectionMap, url: str | None = None) -> Access:
    """Where a connection leads to, without its secret; null: to the address of its file.

    Raises:
        CrmError: it leads over a network without TLS.
    """
    server = {**mapping.server, "url": url} if url else mapping.server
    throttle = Throttle(mapping.rate.requests_a_second, mapping.rate.daily_share)
    return ways.led_by(mapping.connection, server, throttle)


def _from_airflow(mapping: ConnectionMap) -> Access | None:
    """By Airflow's connection crm_<connection>, within a task of Airflow; null elsewhere."""
    runner = sys.modules.get("airflow.sdk.execution_time.task_runner")
    if not hasattr(runner, "SUPERVISOR_COMMS"):
        return None
    from airflow.sdk import Connection
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        found = Connection.get(f"crm_{mapping.connection}")
    except AirflowNotFoundException:
        return None
    if found.password is None:
        return None
    scheme = found.schema or "https"
    port = f":{found.port}" if found.port else ""
    return replace(
        way(mapping, mapping.server.get("url") or f"{scheme}://{found.host}{port}"),
        user=mapping.server.get("user") or found.login or "",
        secret=found.password,
    )
