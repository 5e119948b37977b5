"""The CRM is made ready once, and each copy is a CRM of its own."""

import os
import sqlite3
from pathlib import Path

import pytest

from infra import environments
from infra.tryton import prepare, serve
from jobs.settings import from_environment

pytestmark = pytest.mark.services


def test_preparing_again_leaves_a_database_alone_and_a_new_one_is_another_crm(
    tmp_path: Path,
) -> None:
    told = {"SALES_STATE": str(tmp_path / "a")}
    here = from_environment({**os.environ, **told})
    prepare.prepare(here)
    home = tmp_path / "a" / "crm" / "tryton.sqlite"
    before = home.read_bytes()
    prepare.prepare(here)
    assert home.read_bytes() == before
    assert sorted(path.name for path in home.parent.iterdir()) == ["made-from", "tryton.sqlite"]
    with sqlite3.connect(home) as connection:
        # a person who logs in sees the menu, and no wizard that asks to set up modules
        states = connection.execute("select distinct state from ir_module_config_wizard_item")
        assert states.fetchall() == [("done",)]
    other = from_environment({**os.environ, "SALES_STATE": str(tmp_path / "b")})
    prepare.prepare(other)
    assert (tmp_path / "b" / "crm" / "tryton.sqlite").read_bytes() != before
    assert here.secret("crm_admin") != other.secret("crm_admin")


def test_a_database_of_an_older_module_is_brought_up_to_date(tmp_path: Path) -> None:
    here = from_environment({**os.environ, "SALES_STATE": str(tmp_path)})
    prepare.prepare(here)
    home = tmp_path / "crm" / "tryton.sqlite"
    with sqlite3.connect(home) as connection:
        connection.execute("alter table party_party drop column score_grade")
    (home.parent / "made-from").write_text("an older one")
    prepare.prepare(here)
    with sqlite3.connect(home) as connection:
        columns = [row[1] for row in connection.execute("pragma table_info(party_party)")]
    assert "score_grade" in columns


def test_it_listens_on_loopback_and_no_password_is_on_its_command_line(tmp_path: Path) -> None:
    here = from_environment({"SALES_STATE": str(tmp_path), "SALES_PORT_BASE": "20000"})
    here.make_secret("crm_admin")
    environment = serve.environment(here)
    assert environment["TRYTOND_WEB__LISTEN"] == "127.0.0.1:20002"
    told = " ".join([*serve.argv(here), *environment.values()])
    assert here.secret("crm_admin") not in told


def test_a_failing_step_names_the_program_and_what_it_said(tmp_path: Path) -> None:
    with pytest.raises(environments.PrepareError, match=r"sh failed \(3\): the disk is full"):
        environments.run(["sh", "-c", "echo the disk is full >&2; exit 3"])
