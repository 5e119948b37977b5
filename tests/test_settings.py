"""Settings come from the environment, and say everything that is wrong with it at once."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from jobs.settings import IN_FILE, ROOT, SettingsError, from_environment, settings


def test_all_faults_are_named_in_one_message() -> None:
    wrong = {
        "SALES_PORT_BASE": "80",
        "SPARK_CORES": "many",
        "SALES_DEVICE": "abacus",
        "COMPANY_CLOCK": "sundial",
        "COMPANY_TIMEZONE": "America",
        "SPARK_DRIVER_MEMORY": "3 GB",
        "SPARK_MASTER": "mesos://host:5050",
        "SPARK_PROPERTIES": "/no/such/file",
        "S3_ENDPOINT": "s3.company.example",
    }
    with pytest.raises(SettingsError) as error:
        from_environment(wrong)
    for name, value in wrong.items():
        assert f"{name}='{value}'" in str(error.value)


@pytest.mark.parametrize("size", ["0", "3", "3gb", "511m", "1k", "-1g", "g"])
def test_a_heap_that_no_jvm_takes_is_refused(size: str) -> None:
    with pytest.raises(SettingsError, match="SPARK_DRIVER_MEMORY"):
        from_environment({"SPARK_DRIVER_MEMORY": size})


@pytest.mark.parametrize("number", ["²", "٣٠٠٠٠", "-1", "3e4", "9" * 5000])
def test_a_number_is_written_in_digits(number: str) -> None:
    with pytest.raises(SettingsError, match=r"SALES_PORT_BASE='.*' must be a whole number"):
        from_environment({"SALES_PORT_BASE": number})


@pytest.mark.parametrize("size", ["512m", "3g", "3G", "600000k", "1t"])
def test_a_heap_is_told_as_the_jvm_writes_it(size: str) -> None:
    assert from_environment({"SPARK_DRIVER_MEMORY": size}).driver_memory == size


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../etc/passwd", "America", "+02:00"])
def test_a_time_zone_that_nobody_knows_is_refused(zone: str) -> None:
    with pytest.raises(SettingsError, match="COMPANY_TIMEZONE"):
        from_environment({"COMPANY_TIMEZONE": zone})


def test_an_empty_environment_gives_the_defaults(tmp_path: Path) -> None:
    assert from_environment({}).state == ROOT / ".state"
    found = from_environment({"SALES_STATE": str(tmp_path)})
    assert (found.lake_uri, found.clock) == (f"{tmp_path}/lake", "wall")


def test_a_state_folder_has_settings_of_its_own_and_the_environment_goes_before(
    tmp_path: Path,
) -> None:
    here = {"SALES_STATE": str(tmp_path)}
    (tmp_path / "settings.env").write_text(
        "# a past year\n\nCOMPANY_CLOCK = data\nSPARK_CORES=3\nJAVA_HOME=\n"
    )
    assert from_environment(here).clock == "data"
    assert from_environment(here).spark_cores == 3
    assert from_environment(here | {"SPARK_CORES": "4", "COMPANY_CLOCK": ""}).spark_cores == 4
    assert from_environment(here | {"COMPANY_CLOCK": ""}).clock == "data"


def test_a_file_of_settings_that_is_no_text_says_so(tmp_path: Path) -> None:
    here = {"SALES_STATE": str(tmp_path)}
    (tmp_path / "settings.env").write_bytes("COMPANY_CLOCK=däta".encode("latin-1"))
    with pytest.raises(SettingsError, match=r"settings.env is not UTF-8 text from byte 16 .* save"):
        from_environment(here)
    (tmp_path / "settings.env").unlink()
    (tmp_path / "settings.env").mkdir()
    with pytest.raises(SettingsError, match=r"settings.env cannot be read \(Is a directory\)"):
        from_environment(here)


def test_a_line_that_is_no_setting_is_named_with_the_other_faults(tmp_path: Path) -> None:
    (tmp_path / "settings.env").write_text("COMPANY_CLOK=data\nSALES_STATE=/\nfast\nSPARK_CORES=0")
    with pytest.raises(SettingsError) as error:
        from_environment({"SALES_STATE": str(tmp_path), "SALES_DEVICE": "abacus"})
    told = ["line 1: 'COMPANY_CLOK=data'", "line 2: 'SALES_STATE=/'", "line 3: 'fast'"]
    assert not [
        part for part in [*told, "SPARK_CORES='0'", "abacus"] if part not in str(error.value)
    ]


def test_the_file_of_a_state_folder_may_set_everything_but_the_folder() -> None:
    assert {*IN_FILE, "SALES_STATE"} == set(from_environment({}).environment())


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


def test_two_that_make_a_secret_at_once_get_the_same(state: Path) -> None:
    ask = "from jobs.settings import settings; print(settings().make_secret('crm_admin'))"
    command = [sys.executable, "-c", ask]
    both = [
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(4)
    ]
    assert len({process.communicate()[0] for process in both}) == 1
    assert [path.name for path in (state / "secrets").iterdir()] == ["crm_admin"]


def test_a_secret_is_never_there_half(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(_: int) -> str:
        raise SystemExit

    monkeypatch.setattr("jobs.settings.secrets.token_urlsafe", killed)
    with pytest.raises(SystemExit):
        settings().make_secret("crm_admin")
    assert not list((state / "secrets").iterdir())


def test_an_empty_secret_opens_nothing(state: Path) -> None:
    (state / "secrets").mkdir()
    (state / "secrets/crm_admin").write_text("\n")
    with pytest.raises(
        SettingsError, match=r"'crm_admin' is empty: put its value back into .*make clean"
    ):
        settings().make_secret("crm_admin")


def test_others_on_the_machine_do_not_see_a_new_state_folder(tmp_path: Path) -> None:
    here = from_environment({"SALES_STATE": str(tmp_path / "new")})
    here.make_secret("crm_admin")
    assert stat.S_IMODE(here.state.stat().st_mode) == 0o700
    assert stat.S_IMODE(here.secrets.stat().st_mode) == 0o700


def test_a_given_secret_is_not_written_down(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SALES_SECRET_CRM_ADMIN", "given")
    assert settings().make_secret("crm_admin") == "given"
    assert not (state / "secrets").exists()


def test_an_address_of_a_lake_that_nothing_can_open_is_named() -> None:
    with pytest.raises(SettingsError, match="LAKE_URI='s3://b/lake' must be a folder, or begin"):
        from_environment({"LAKE_URI": "s3://b/lake"})
    assert from_environment({"LAKE_URI": "s3a://b/lake/"}).lake_uri == "s3a://b/lake"


@pytest.mark.parametrize("written", ["/", "file:///", "file:/data/lake"])
def test_a_lake_that_would_be_another_place_is_refused(written: str) -> None:
    with pytest.raises(SettingsError, match="LAKE_URI"):
        from_environment({"LAKE_URI": written})


def test_a_folder_is_one_lake_however_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # the lock on it goes by its path
    monkeypatch.chdir(tmp_path)
    for written in ("lake", "./lake/", f"file://{tmp_path}/lake", f"{tmp_path}/none/../lake"):
        assert from_environment({"LAKE_URI": written}).lake_uri == str(tmp_path / "lake")


@pytest.mark.parametrize("sign", ["%41", "#", "`", "{", "}", "[", "]", "*", "?"])
@pytest.mark.parametrize("place", ["/data/a{}b", "s3a://bucket/a{}b", "file:///data/a{}b"])
def test_a_lake_whose_name_readers_take_for_another_is_refused(place: str, sign: str) -> None:
    written = place.replace("{}", sign)
    with pytest.raises(SettingsError, match=r"must not have .* choose another folder") as told:
        from_environment({"LAKE_URI": written})
    assert f"must not have {sign} in it" in str(told.value)


def test_a_state_in_which_no_lake_can_lie_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="choose another folder for SALES_STATE"):
        from_environment({"SALES_STATE": str(tmp_path / "a#b")})
    assert from_environment({"SALES_STATE": str(tmp_path / "a b%é'c")}).lake_uri.endswith("c/lake")


@pytest.mark.parametrize("place", ["/proc/x", "/sys/x", "{}/file", "{}/file/below", "{}/shut/x"])
@pytest.mark.parametrize("name", ["SALES_CACHE", "SALES_STATE"])
def test_a_folder_that_cannot_be_made_is_named(
    tmp_path: Path, place: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "shut").mkdir()
    # the tests may be run by root, who may write anywhere
    monkeypatch.setattr("os.access", lambda path, _: path.name != "shut")
    told = place.replace("{}", str(tmp_path))
    with pytest.raises(SettingsError, match=f"{name}='{told}' must be a folder that is there"):
        from_environment({name: told})
    assert from_environment({"SALES_CACHE": f"{tmp_path}/new/cache"}).cache.name == "cache"


@pytest.mark.parametrize("name", ["WEBSHOP_URL", "S3_ENDPOINT"])
def test_an_address_with_a_password_is_refused_and_not_shown(name: str) -> None:
    with pytest.raises(SettingsError, match=f"{name}='…@host' must be .* without user") as told:
        from_environment({name: "http://bob:PASS/w@rd@host"})
    assert "PASS" not in str(told.value)


def test_a_shop_s_address_may_have_a_path() -> None:
    found = from_environment({"WEBSHOP_URL": "https://shop.example.com/api/v2/"})
    assert found.webshop_url == "https://shop.example.com/api/v2"
    for wrong in ("shop.example.com", "https://shop.example.com/api?key=1", "https://"):
        with pytest.raises(SettingsError, match=r"WEBSHOP_URL='.*' must be http://host/path"):
            from_environment({"WEBSHOP_URL": wrong})


@pytest.mark.parametrize("told", ["tryton,", "odoo,odoo", "a-b", "../x"])
def test_connections_that_are_delivered_to_are_names_each_once(told: str) -> None:
    with pytest.raises(SettingsError, match=r"CRM_DELIVERIES=.* must be names with commas"):
        from_environment({"CRM_DELIVERIES": told})
    assert from_environment({}).delivery_dags == {
        "tryton": "crm_delivery",
        "tryton_tasks": "crm_delivery_tryton_tasks",
    }
