"""What no effect can be asked of is told in a sentence; files are rows like any frame."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from jobs.training.given import BadFile
from jobs.training.uplift.rows import BadTable, read, rows

Change = Callable[[pd.DataFrame], pd.DataFrame]


def table(accounts: int = 200) -> pd.DataFrame:
    """Every second account is treated."""
    number = np.arange(accounts)
    return pd.DataFrame(
        {
            "account_id": [f"{n:05}" for n in number],
            "treated": number % 2,
            "outcome": number * 1.5,
            "pre_outcome": number * 1.0,
            "visits": number % 7,
            "is_new": number % 3 == 0,
        }
    )


def put(column: str, value: object) -> Change:
    def changed(given: pd.DataFrame) -> pd.DataFrame:
        return given.assign(**{column: [value, *given[column][1:]]})

    return changed


FAULTS: dict[str, Change] = {
    "column treated, outcome is missing; the table has": lambda t: t.drop(
        columns=["treated", "outcome"]
    ),
    "there is no covariate": lambda t: t.drop(columns=["visits", "is_new"]),
    "column town is not numeric": lambda t: t.assign(town="x"),
    r"no value, .* in outcome \(1 rows\)": put("outcome", None),
    r"no value, .* in visits \(1 rows\)": put("visits", np.inf),
    r"no value, .* in account_id \(1 rows\)": put("account_id", None),
    "treated is 2 somewhere: give 1": put("treated", 2),
    "1 rows of accounts that have one already": put("account_id", "00001"),
    "no account is treated": lambda t: t.assign(treated=0),
    "no account is untreated": lambda t: t.assign(treated=1),
    "99 untreated accounts are too few: at least 100": put("treated", 1),
    "outcome is 3 for every account": lambda t: t.assign(outcome=3.0),
    "pre_outcome is 0 for every account": lambda t: t.assign(pre_outcome=0),
}


@pytest.mark.parametrize("told", FAULTS)
def test_a_table_of_which_nothing_can_be_asked_says_why(told: str) -> None:
    with pytest.raises(BadTable, match=told):
        rows(FAULTS[told](table()))


def test_rows_come_in_the_accounts_order_whatever_the_tables() -> None:
    given = table()
    found, turned = rows(given), rows(given[::-1])
    assert found.names == ("visits", "is_new")
    assert found.accounts.tolist() == given["account_id"].tolist()
    assert found.covariates[3].tolist() == [3.0, 1.0]
    for one, other in zip(vars(found).values(), vars(turned).values(), strict=True):
        assert np.array_equal(one, other)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_file_is_read_as_the_frame_it_holds(tmp_path: Path, kind: str) -> None:
    file, given = tmp_path / f"table.{kind}", table()
    given.to_csv(file, index=False) if kind == "csv" else given.to_parquet(file)
    found = rows(read(file))
    assert found.accounts[0] == "00000", "an id keeps its zeros"
    assert np.array_equal(found.covariates, rows(given).covariates)


def test_a_file_without_a_needed_column_names_it(tmp_path: Path) -> None:
    table().drop(columns="treated").to_parquet(tmp_path / "table.parquet")
    with pytest.raises(BadFile, match="column treated is missing"):
        read(tmp_path / "table.parquet")


def test_a_number_that_is_none_in_a_file_is_found(tmp_path: Path) -> None:
    text = table().astype({"outcome": object})
    put("outcome", "much")(text).to_csv(tmp_path / "table.csv", index=False)
    with pytest.raises(BadTable, match=r"outcome is no number in 1 row, such as 'much'"):
        read(tmp_path / "table.csv")
    words = table()["treated"].map({1: "yes", 0: "no"})
    table().assign(treated=words).to_parquet(tmp_path / "table.parquet")
    with pytest.raises(BadTable, match=r"rows, such as 'no': give 1 \(treated\) or 0 \(not\)$"):
        read(tmp_path / "table.parquet")
    put("outcome", None)(text).to_csv(tmp_path / "table.csv", index=False)
    with pytest.raises(BadTable, match=r"in outcome \(1 rows\): fill it"):
        rows(read(tmp_path / "table.csv"))
