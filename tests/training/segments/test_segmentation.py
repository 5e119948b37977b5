"""Segments over time: who is who stays, who came since is told, and a large move waits."""

import datetime as dt
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from jobs.training import drawn
from jobs.training.family import NothingToJudge
from jobs.training.segments import dbscan, identity, picture, segmentation, stability
from jobs.training.segments.dbscan import DbscanSegmenter
from jobs.training.segments.features import features
from jobs.training.segments.kmeans import KMeansSegmenter, Params
from jobs.training.segments.names import names
from jobs.training.segments.segmentation import Segments
from tests.training.segments.shoppers import KINDS, SUNDAY, shoppers

WAY = KMeansSegmenter(Params(groups=len(KINDS), starts=3))
WEEK = dt.timedelta(days=7)


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few bootstraps are quick, and show the same."""
    monkeypatch.setattr(stability, "BOOTSTRAPS", 10)


@cache
def of(weeks: int) -> pd.DataFrame:
    """Features so many weeks after SUNDAY."""
    return features(shoppers(), SUNDAY + weeks * WEEK)


@cache
def first() -> Segments:
    return segmentation.make(WAY, of(0), SUNDAY)


def kinds(found: pd.DataFrame) -> pd.Series:
    return found.index.to_series().str.rpartition(" ")[0]


def test_the_planted_kinds_are_found_and_named() -> None:
    found = first().assign(of(0))
    by_kind = found["segment_code"].groupby(kinds(found)).agg(lambda codes: codes.mode()[0])
    assert by_kind.nunique() == len(KINDS)
    for kind in ("high_value", "loyal_bargain", "dormant", "new"):
        assert by_kind[kind] == kind
    assert (found["segment_code"] == kinds(found).map(by_kind)).mean() > 0.95


def test_every_segment_has_one_name_and_one_id() -> None:
    assert sorted(first().ids) == list(range(1, len(KINDS) + 1))
    assert len(set(first().codes)) == len(KINDS)
    found = first().assign(of(0))
    assert found.groupby("segment_id")["segment_code"].nunique().eq(1).all()


def test_the_same_accounts_give_the_same_segments_in_any_order() -> None:
    again = segmentation.make(
        WAY, features(shoppers().sample(frac=1, random_state=1), SUNDAY), SUNDAY
    )
    pd.testing.assert_frame_equal(again.assign(of(0)), first().assign(of(0)))


def test_ids_and_names_stay_over_refits() -> None:
    before = first()
    for week in (1, 2, 3):
        refit = segmentation.refit(before, WAY, of(week - 1), of(week), SUNDAY + week * WEEK)
        assert not refit.waits, refit.reasons
        assert set(refit.segments.ids) == set(before.ids)
        assert dict(zip(refit.segments.ids, refit.segments.codes, strict=True)) == dict(
            zip(before.ids, before.codes, strict=True)
        )
        assert refit.kept.mean() > 0.95
        before = refit.segments


def test_ids_stay_whatever_order_the_groups_come_in() -> None:
    other = KMeansSegmenter(replace(WAY.params, seed=9))
    refit = segmentation.refit(first(), other, of(0), of(0), SUNDAY)
    order = [refit.segments.groups.centres, first().groups.centres]
    assert not np.allclose(*order)  # the groups come in another order
    assert refit.kept.mean() == 1
    assert refit.moved_share == 0


def test_a_refit_that_moves_many_waits_for_a_person() -> None:
    refit = segmentation.refit(
        first(), KMeansSegmenter(Params(groups=4, starts=3)), of(0), of(1), SUNDAY + WEEK
    )
    assert refit.waits
    told = "; ".join(refit.reasons)
    assert f"{refit.moved_share:.1%} of the accounts are put elsewhere" in told
    assert "segments that are no more: " in told
    assert refit.moved_share > segmentation.most_moved()
    assert refit.kept.mean() < 1


def test_an_id_is_never_given_again() -> None:
    four = KMeansSegmenter(Params(groups=4, starts=3))
    fewer = segmentation.make(four, of(0), SUNDAY, first())
    more = segmentation.make(WAY, of(0), SUNDAY, fewer)
    gone = set(first().ids) - set(fewer.ids)
    assert gone
    assert not gone & set(more.ids)
    assert max(more.ids) > max(first().ids)


def test_a_name_that_fits_no_longer_waits_for_a_person() -> None:
    swapped = dict(zip(("high_value", "dormant"), ("dormant", "high_value"), strict=True))
    codes = tuple(swapped.get(code, code) for code in first().codes)
    refit = segmentation.refit(replace(first(), codes=codes), WAY, of(0), of(0), SUNDAY)
    [reason] = refit.reasons
    assert "names' rules no longer fit" in reason
    assert "high_value" in reason


def test_who_came_since_is_told_a_segment_without_a_refit() -> None:
    kept = shoppers()
    is_new = kept["account_id"].astype(str).str.endswith("7")
    known = segmentation.make(WAY, features(kept[~is_new], SUNDAY), SUNDAY)
    came = features(kept[is_new], SUNDAY)
    found = known.assign(came)
    expected = first().assign(of(0)).loc[came.index]
    assert (found["segment_code"] == expected["segment_code"]).mean() > 0.9
    assert (found["distance"] >= 0).all()
    assert found["silhouette"].between(-1, 1).all()


def test_who_is_near_no_segment_is_in_none() -> None:
    apart = of(0).iloc[[0]].assign(recency_days=1e6)
    dense = segmentation.make(DbscanSegmenter(dbscan.Params()), of(0), SUNDAY)
    [found] = dense.assign(apart).to_dict("records")
    assert all(pd.isna(found[name]) for name in ("segment_id", "segment_code", "distance"))


def test_an_answer_does_not_depend_on_who_else_is_asked() -> None:
    found = first().assign(of(0))
    pd.testing.assert_frame_equal(first().assign(of(0).iloc[[7]]), found.iloc[[7]])
    assert first().assign(of(0).iloc[:0]).empty


def test_what_is_saved_is_read_and_holds_no_account(tmp_path: Path) -> None:
    first().save(tmp_path)
    found = Segments.load(tmp_path)
    pd.testing.assert_frame_equal(found.assign(of(1)), first().assign(of(1)))
    pd.testing.assert_frame_equal(found.centres, first().centres)
    assert (found.ids, found.codes, found.as_of) == (first().ids, first().codes, SUNDAY)
    with np.load(tmp_path / "segments.npz", allow_pickle=False) as kept:
        assert all(array.dtype.kind in "fi" for array in kept.values())
    text = tmp_path / "segments.json"
    text.write_text(text.read_text().replace("regularity", "regular"))
    with pytest.raises(ValueError, match="make segments anew"):
        Segments.load(tmp_path)


def test_what_is_not_known_is_said(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        segmentation.make(WAY, of(0), SUNDAY)
    [told] = caplog.messages
    # the new ones have no time before; a day of theirs always has five products
    assert told == (
        "segments as of 2017-10-01: 200 accounts; trend not known of 40;"
        " products_per_day the same of all"
    )


def test_nobody_is_not_segmented() -> None:
    with pytest.raises(NothingToJudge, match="no account has an order in the 52 weeks"):
        segmentation.make(WAY, of(0).iloc[:0], SUNDAY)


@pytest.mark.parametrize("rows", [[0], [0] * 9], ids=["one", "identical"])
def test_one_account_and_identical_ones_are_one_segment(rows: list[int]) -> None:
    few = of(0).iloc[rows]
    few = few.set_index(pd.Index([f"a{n}" for n in range(len(few))], name="account_id"))
    found = segmentation.make(WAY, few, SUNDAY).assign(few)
    assert found["segment_id"].eq(1).all()
    assert found["distance"].eq(0).all()
    assert found["silhouette"].isna().all()


def test_segments_are_matched_such_that_most_keep_theirs() -> None:
    before = pd.Series([1, 1, 1, 2, 2, 3, 3, None])
    after = pd.Series([5, 5, 6, 6, 6, 7, 8, 8])
    # 8 shares one of its two with 3, as 7 does: the first is taken, and only once
    assert identity.matched(before, after) == {5: 1, 6: 2, 7: 3}
    apart = identity.matched(pd.Series([1] * 9), pd.Series([4] * 4 + [5] * 5))
    assert apart == {5: 1}


def test_two_that_share_less_than_half_are_not_the_same() -> None:
    before = pd.Series([1] * 10 + [2] * 10)
    after = pd.Series([3] * 4 + [4] * 6 + [3] * 6 + [4] * 4)
    assert identity.matched(before, after) == {4: 1, 3: 2}
    strewn = pd.Series([3, 4, 5, 6, 7] * 4)
    assert identity.matched(before, strewn) == {3: 1, 4: 2}  # half of each is of one
    thin = pd.Series([n % 3 for n in range(9)])
    assert identity.matched(pd.Series([n // 3 for n in range(9)]), thin) == {}


def test_unchanged_is_whom_the_segments_of_before_would_not_move() -> None:
    last = pd.Series([1, 1, 2, None], ["a", "b", "c", "d"], dtype="Int64")
    before = pd.Series([1, 2, 2, None], ["a", "b", "c", "d"], dtype="Int64")
    after = pd.Series([1, 1, 1, 1], ["a", "b", "c", "d"], dtype="Int64")
    # b moved by what it did, d was in none
    assert identity.kept_share(last, before, after).to_dict() == {"a": 1, "c": 0}


def test_movement_counts_who_came_and_who_is_gone() -> None:
    def at(ids: dict[str, int]) -> pd.DataFrame:
        codes = {account: f"code_{one}" for account, one in ids.items()}
        found = pd.DataFrame({"segment_id": ids, "segment_code": codes})
        return found.astype({"segment_id": "Int64", "segment_code": "string"})

    found = identity.movement(at({"a": 1, "b": 1, "c": 2}), at({"a": 1, "b": 2, "new": 2}), SUNDAY)
    rows = found.astype(object).where(found.notna(), None).to_numpy().tolist()
    week = pd.Timestamp(SUNDAY)
    assert rows == [
        [1, "code_1", 1, "code_1", 1, week],
        [1, "code_1", 2, "code_2", 1, week],
        [2, "code_2", None, None, 1, week],
        [None, None, 2, "code_2", 1, week],
    ]


def test_the_picture_holds_every_number_and_no_script(tmp_path: Path) -> None:
    refit = segmentation.refit(first(), WAY, of(0), of(1), SUNDAY + WEEK)
    figure = picture.movement_figure(refit.movement)
    [axes] = figure.axes
    assert sorted(int(one.get_text()) for one in axes.texts) == sorted(refit.movement["accounts"])
    names_of = [label.get_text() for label in axes.get_yticklabels()]
    assert f"{names().text('dormant').en} " in " ".join(names_of)
    figures = {name: picture.movement_figure(refit.movement) for name in "ab"}
    one, other = (drawn.write(f, tmp_path / f"{n}.svg").read_bytes() for n, f in figures.items())
    assert one == other
    assert b"<script" not in one
    assert drawn.write(figure, tmp_path / "c.png").read_bytes().startswith(b"\x89PNG")
