import pytest
import typer
from typer.testing import CliRunner

import jobs.sources.__main__ as command


@pytest.fixture
def land():
    app = typer.Typer()
    app.command()(command.main)

    def run(*words: str):
        return CliRunner().invoke(app, [*words])

    return run


def test_an_unknown_source_is_named_with_those_there_are(land):
    found = land("tile", "--start", "2017-03-01", "--end", "2017-03-01")
    assert found.exit_code != 0
    assert "'tile'" in found.output
    assert all(name in found.output for name in ("crm", "erp", "erp_db", "till", "webshop"))


def test_an_end_before_the_start_is_refused(land):
    found = land("till", "--start", "2017-03-02", "--end", "2017-03-01")
    assert found.exit_code != 0
    assert "2017-03-01" in found.output


def test_nothing_to_land_is_said(land):
    found = land("till", "--start", "2017-03-01", "--end", "2017-03-01")
    assert found.exit_code == 0
    assert "nothing to land" in found.output


def test_a_source_that_cannot_reconcile_says_so(land):
    found = land("till", "--start", "2017-03-01", "--end", "2017-03-01", "--reconcile")
    assert found.exit_code != 0
    assert "till knows no reconcile" in found.output
