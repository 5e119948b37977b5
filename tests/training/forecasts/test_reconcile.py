"""Parts and totals that add up, and who moves towards whom."""

import numpy as np
import pandas as pd
import pytest

from jobs.training.forecasts.reconcile import coherent, shrunk_covariance, with_totals

TOTALS = {"ALL": ["north/DELI", "north/MEAT", "south/DELI"], "north": ["north/DELI", "north/MEAT"]}
DAYS = pd.to_datetime(["2017-01-02", "2017-01-09"])


def answers(**middles: tuple[float, float]) -> pd.DataFrame:
    parts = [
        pd.DataFrame({"series_id": s.replace("_", "/"), "ds": DAYS, "p50": y})
        for s, y in middles.items()
    ]
    found = pd.concat(parts, ignore_index=True).astype({"p50": float})
    return found.assign(p10=found["p50"] - 1, p90=found["p50"] + 2)


SAID = answers(
    north_DELI=(10, 11), north_MEAT=(20, 21), south_DELI=(5, 6), north=(33, 30), ALL=(40, 40)
)


def past_errors(spreads: dict[str, float]) -> pd.DataFrame:
    rng = np.random.default_rng(7)
    return pd.DataFrame({s: rng.normal(0, spread, 400) for s, spread in spreads.items()})


def middles(found: pd.DataFrame) -> pd.DataFrame:
    return found.pivot(index="ds", columns="series_id", values="p50")


def test_departments_stores_and_the_total_add_up_at_every_step() -> None:
    spreads = dict.fromkeys(["north/DELI", "north/MEAT", "south/DELI", "north", "ALL"], 1.0)
    found = middles(coherent(SAID, past_errors(spreads), TOTALS))
    for total, parts in TOTALS.items():
        np.testing.assert_allclose(found[total], found[parts].sum(axis=1))


def test_what_was_wrong_moves_towards_what_was_right() -> None:
    known = {
        "north/DELI": 0.001,
        "north/MEAT": 0.001,
        "south/DELI": 3.0,
        "north": 3.0,
        "ALL": 0.001,
    }
    found = middles(coherent(SAID, past_errors(known), TOTALS)).iloc[0]
    assert found["north/DELI"] == pytest.approx(10, abs=0.01)
    assert found["ALL"] == pytest.approx(40, abs=0.01)
    assert found["south/DELI"] == pytest.approx(10, abs=0.02)


def test_an_interval_moves_with_its_middle() -> None:
    spreads = dict.fromkeys(["north/DELI", "north/MEAT", "south/DELI", "north", "ALL"], 1.0)
    found = coherent(SAID, past_errors(spreads), TOTALS)
    np.testing.assert_allclose(found["p50"] - found["p10"], 1)
    np.testing.assert_allclose(found["p90"] - found["p50"], 2)


def test_answers_that_add_up_stay() -> None:
    right = answers(
        north_DELI=(10, 11), north_MEAT=(20, 21), south_DELI=(5, 6), north=(30, 32), ALL=(35, 38)
    )
    spreads = {"north/DELI": 1.0, "north/MEAT": 2.0, "south/DELI": 3.0, "north": 1.0, "ALL": 2.0}
    pd.testing.assert_frame_equal(coherent(right, past_errors(spreads), TOTALS), right)


def test_a_total_without_an_answer_is_named() -> None:
    with pytest.raises(ValueError, match="no answer of ALL; forecast all parts and totals"):
        coherent(SAID[SAID["series_id"] != "ALL"], past_errors({"ALL": 1.0}), TOTALS)


def test_totals_are_sums_of_their_parts_rows() -> None:
    rows = pd.DataFrame({"series_id": ["a", "b"], "ds": DAYS[:1].repeat(2), "y": [1.0, 2.0]})
    found = with_totals(rows, {"ALL": ["a", "b"]})
    assert found[found["series_id"] == "ALL"]["y"].tolist() == [3.0]


def test_correlations_that_are_noise_are_pulled_to_none() -> None:
    noise = np.random.default_rng(8).normal(0, 1, (30, 12))
    shrunk, plain = shrunk_covariance(noise), noise.T @ noise / len(noise)
    off = ~np.eye(12, dtype=bool)
    assert np.abs(shrunk[off]).mean() < 0.3 * np.abs(plain[off]).mean()
    np.testing.assert_allclose(np.diag(shrunk), np.diag(plain))
    alike = np.repeat(noise[:, :1], 2, axis=1)
    assert shrunk_covariance(alike)[0, 1] == pytest.approx((noise[:, 0] ** 2).mean(), rel=0.1)
