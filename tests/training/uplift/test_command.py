"""An effect by files of sales lines, campaigns and recipients, as anyone would ask for it."""

from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from jobs.training import board, transactions
from jobs.training.given import BadFile
from jobs.training.propensity import campaigns
from jobs.training.uplift.__main__ import app
from jobs.training.uplift.campaign import Asked, table
from tests.training.propensity import shoppers


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Synthetic shoppers; each campaign reaches 120 of 240 of them, drawn by lot."""
    bought = shoppers.lines(accounts=240)
    frames = {"transactions": bought, **shoppers.campaigns(bought)}
    return shoppers.written(tmp_path_factory.mktemp("given"), frames)


def told(given: dict[str, Path], campaign: str, out: Path, *more: str, **files: Path) -> Result:
    names = ("transactions", "campaigns", "recipients")
    options = [part for n in names for part in (f"--{n}", str((given | files)[n]))]
    return CliRunner().invoke(app, ["campaign", campaign, str(out), *options, *more])


def test_rows_report_and_picture_of_a_campaign_are_written(
    given: dict[str, Path], tmp_path: Path
) -> None:
    found = told(given, "c3", tmp_path)
    assert found.exit_code == 0, found.output
    assert found.stdout == (tmp_path / "report.txt").read_text()
    assert found.stdout.startswith("campaign c3: ")
    rows = pd.read_parquet(tmp_path / "campaign_rows.parquet")
    received = pd.read_csv(given["recipients"])
    reached = set(received.loc[received["campaign_id"] == "c3", "account_id"])
    assert set(rows.loc[rows["treated"] == 1, "account_id"]) == reached & set(rows["account_id"])
    # the rows are what the other command takes
    again = ["table", str(tmp_path / "campaign_rows.parquet"), str(tmp_path / "again")]
    by_table = CliRunner().invoke(app, [*again, "--subject", "campaign c3"])
    assert by_table.stdout == found.stdout


def test_the_days_that_are_asked_for_are_those_of_the_rows(
    given: dict[str, Path], tmp_path: Path
) -> None:
    assert told(given, "c3", tmp_path, "--horizon-days", "14", "--before-days", "42").exit_code == 0
    known = campaigns.read(campaigns.Files(given["campaigns"], given["recipients"]))
    starts = shoppers.FIRST + pd.Timedelta(days=56 + 28 * 3)
    wanted = Asked("c3", starts.date(), horizon_days=14, before_days=42)
    expected = table(transactions.days(given["transactions"]), known.received(), wanted)
    rows = pd.read_parquet(tmp_path / "campaign_rows.parquet")
    pd.testing.assert_frame_equal(rows, expected, check_dtype=False)
    assert rows["campaigns_before"].max() == 2  # c0 and c1: c2 began within the 42 days


def test_a_table_in_the_folder_of_the_answers_stays_there(
    given: dict[str, Path], tmp_path: Path
) -> None:
    told(given, "c3", tmp_path)
    mine = tmp_path / "campaign_rows.parquet"
    found = CliRunner().invoke(app, ["table", str(mine), str(tmp_path)])
    assert isinstance(found.exception, board.BadFolder)
    assert mine.exists()


def test_answers_of_another_question_are_gone_and_a_folder_that_is_none_is_told(
    given: dict[str, Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    told(given, "c3", out)
    rows = tmp_path / "rows.parquet"
    (out / "campaign_rows.parquet").rename(rows)
    told(given, "c4", out)
    assert CliRunner().invoke(app, ["table", str(rows), str(out)]).exit_code == 0
    assert not (out / "campaign_rows.parquet").exists()
    assert (out / "report.txt").read_text().startswith("the treatment: ")
    found = told(given, "c3", rows / "below")  # of a file
    assert isinstance(found.exception, board.BadFolder)


def test_campaigns_under_other_names_and_without_recipients_are_told(
    given: dict[str, Path], tmp_path: Path
) -> None:
    received = pd.read_csv(given["recipients"])
    others = {
        "such as 'x', are not in .*campaigns": received.assign(campaign_id="x"),
        "campaign c3: no recipient of it is told": received[received["campaign_id"] != "c3"],
        "has no row with an account_id and a campaign_id": received[:0],
    }
    for why, rows in others.items():
        rows.to_csv(tmp_path / "recipients.csv", index=False)
        found = told(given, "c3", tmp_path / "out", recipients=tmp_path / "recipients.csv")
        with pytest.raises(ValueError, match=why):
            raise found.exception


def test_a_campaign_that_there_is_not_and_recipients_that_nobody_knows_are_told(
    given: dict[str, Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    found = told(given, "c33", out)
    assert isinstance(found.exception, BadFile)
    assert "campaign c33: " in str(found.exception)
    assert str(found.exception).endswith("has none; is it c3?")
    strangers = pd.read_csv(given["recipients"]).assign(account_id="x")
    strangers.to_csv(tmp_path / "strangers.csv", index=False)
    found = told(given, "c3", out, recipients=tmp_path / "strangers.csv")
    assert isinstance(found.exception, BadFile)
    assert "1 of 1 account_ids that campaigns name, such as 'x', have no" in str(found.exception)
    assert [file.name for file in out.iterdir()] == [".bench.lock"]
