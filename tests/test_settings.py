"""Settings come from the environment, and say everything that is wrong with it at once."""

import stat
from pathlib import Path

import pytest

from jobs.settings import ROOT, SettingsError, from_environment, settings


def test_all_faults_are_named_in_one_message() -> None:
    wrong = {
        "SALES_PORT_BASE": "80",
        "SPARK_CORES": "many",
        "SALES_DEVICE": "abacus",
        "COMPANY_CLOCK": "sundial",
    }
    with pytest.raises(SettingsError) as error:
        from_environment(wrong)
    for name, value in wrong.items():
        assert f"{name}='{value}'" in str(error.value)


def test_an_empty_environment_gives_the_defaults() -> None:
    found = from_environment({})
    assert found.state == ROOT / ".state"
    assert found.lake_uri == str(ROOT / ".state/lake")
    assert found.clock == "wall"


@pytest.mark.parametrize("name", ["SALES_STATE", "LAKE_URI", "SALES_PORT_BASE", "SALES_DEVICE"])
def test_a_variable_set_to_nothing_is_not_set(name: str) -> None:
    assert from_environment({name: ""}) == from_environment({})


def test_the_lake_follows_the_state_unless_it_is_told(tmp_path: Path) -> None:
    assert from_environment({"SALES_STATE": str(tmp_path)}).lake_uri == f"{tmp_path}/lake"
    elsewhere = {"SALES_STATE": str(tmp_path), "LAKE_URI": "s3a://company/lake/"}
    assert from_environment(elsewhere).lake_uri == "s3a://company/lake"


def test_a_child_process_gets_the_same_settings(tmp_path: Path) -> None:
    told = {"SALES_STATE": str(tmp_path), "SALES_PORT_BASE": "30000", "COMPANY_CLOCK": "data"}
    assert from_environment(from_environment(told).environment()) == from_environment(told)


def test_ports_of_the_services_differ() -> None:
    found = from_environment({})
    ports = [
        found.airflow_port,
        found.mlflow_port,
        found.crm_port,
        found.spark_port,
        found.thrift_port,
    ]
    assert ports == list(range(found.port_base, found.port_base + 5))


def test_a_missing_secret_names_the_cure(state: Path) -> None:
    with pytest.raises(SettingsError, match=r"SALES_SECRET_CRM_ADMIN.*make up"):
        settings().secret("crm_admin")


def test_a_made_secret_stays_and_only_its_owner_reads_it(state: Path) -> None:
    made = settings().make_secret("crm_admin")
    assert settings().make_secret("crm_admin") == made == settings().secret("crm_admin")
    assert stat.S_IMODE((state / "secrets/crm_admin").stat().st_mode) == 0o600
    assert len(made) >= 43  # 256 bits in base64


def test_a_given_secret_is_not_written_down(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SALES_SECRET_CRM_ADMIN", "given")
    assert settings().make_secret("crm_admin") == "given"
    assert not (state / "secrets").exists()
