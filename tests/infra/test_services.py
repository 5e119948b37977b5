"""The list of services: loopback only, no secret on a command line, one port for one service."""

import json
import stat
from collections import Counter
from pathlib import Path

import pytest

from infra import spark, supervision
from infra.services import Service, services, write_endpoints
from jobs.settings import from_environment, settings


@pytest.fixture
def listed(state: Path) -> list[Service]:
    (state / "crm").mkdir()
    found = services(settings())
    for service in found:
        service.environment()  # makes the secrets
    return found


def test_to_list_the_services_makes_nothing(tmp_path: Path) -> None:
    services(from_environment({"SALES_STATE": str(tmp_path / "none")}))
    assert not (tmp_path / "none").exists()


def test_every_name_and_every_port_is_there_once(listed: list[Service]) -> None:
    names = Counter(service.name for service in listed)
    ports = Counter(port for service in listed for port in service.ports)
    assert set(names.values()) == {1}
    assert sorted(ports.elements()) == list(range(settings().port_base, settings().port_base + 5))


def test_no_secret_stands_on_a_command_line(listed: list[Service], state: Path) -> None:
    secrets = [path.read_text() for path in (state / "secrets").iterdir()]
    assert len(secrets) >= 3
    for service in listed:
        assert not [secret for secret in secrets if secret in " ".join(service.argv)]


def test_only_the_owner_reads_what_supervisord_is_told(listed: list[Service], state: Path) -> None:
    try:
        supervision.open_supervisor(settings(), listed)
        mode = (state / "run/supervisord.conf").stat().st_mode
        assert stat.S_IMODE(mode) == 0o600
        assert set(supervision.states(settings())) == {service.name for service in listed}
        assert set(supervision.states(settings()).values()) == {"STOPPED"}
    finally:
        supervision.stop(settings())


def test_endpoints_tell_where_a_password_lies_and_not_what_it_is(
    listed: list[Service], state: Path
) -> None:
    write_endpoints(settings(), listed)
    told = json.loads((state / "endpoints.json").read_text())
    assert {each["service"] for each in told} == {service.name for service in listed}
    text = (state / "endpoints.json").read_text()
    assert not [path for path in (state / "secrets").iterdir() if path.read_text() in text]
    login = {each["address"]: (each["user"], each["password_file"]) for each in told}
    here = settings()
    assert login[f"{here.crm_url}/#tryton"] == ("admin", str(state / "secrets/crm_admin"))
    assert login[f"hive://127.0.0.1:{here.thrift_port}"] == ("bi", str(state / "secrets/thrift_bi"))
    assert login[f"sc://localhost:{here.spark_port}"] == ("", str(state / "secrets/spark_token"))


def test_every_door_asks_for_something(listed: list[Service]) -> None:
    assert not [each.name for each in listed for door in each.doors if not door.secret]


def test_a_setting_of_the_jvms_log_stands_once() -> None:
    names = Counter(line.partition("=")[0] for line in spark.LOGGING.splitlines() if "=" in line)
    assert set(names.values()) == {1}


def test_airflow_listens_on_loopback_only(listed: list[Service]) -> None:
    api = next(service for service in listed if service.name == "airflow-api")
    assert api.environment()["AIRFLOW__API__HOST"] == "127.0.0.1"
    for service in listed:
        if service.name in ("airflow-scheduler", "airflow-triggerer"):
            assert "--skip-serve-logs" in service.argv
