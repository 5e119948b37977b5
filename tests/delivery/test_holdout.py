"""Arms are drawn once, by chance that can be drawn again, and are the same everywhere."""

import datetime as dt
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from jobs import lake
from jobs.delivery import holdout
from jobs.delivery.apply import apply
from jobs.delivery.holdout import HELD, TREATED, Experiment, held, kept
from jobs.delivery.mapping import MappingError
from jobs.delivery.plan import plan
from jobs.settings import settings
from tests.delivery import outbox
from tests.tryton_server import ACCOUNTS, Crm

DAY = outbox.AS_OF
TEXT = "{name}: {{salt: {salt}, share: {share}, starts: 2017-11-01, ends: 2017-12-31}}\n"
MANY = [str(number) for number in range(20_000)]


@pytest.fixture
def file(state: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    path = tmp_path / "experiments.yaml"
    monkeypatch.setenv("CRM_EXPERIMENTS", str(path))
    settings.cache_clear()
    return path


def written(file: Path, share: float = 0.5, salt: str = "s", name: str = "x") -> None:
    file.write_text(TEXT.format(name=name, salt=salt, share=share))


def test_the_share_that_is_held_out_is_the_share_that_was_asked_for() -> None:
    one = Experiment(salt="s", share=0.1, starts=DAY, ends=DAY)
    other = Experiment(salt="t", share=0.1, starts=DAY, ends=DAY)
    drawn = {each for each in MANY if one.arm(each) == HELD}
    again = {each for each in MANY if other.arm(each) == HELD}
    assert abs(len(drawn) / len(MANY) - 0.1) < 0.01
    assert abs(len(drawn & again) / len(drawn) - 0.1) < 0.03, "another salt draws anew"


def test_an_arm_stays_whatever_the_share_becomes(file: Path) -> None:
    written(file, share=0.5)
    first = held(MANY[:100], DAY)
    written(file, share=0.9)
    assert held(MANY[:100], DAY) == first
    assert len(held(MANY[100:200], DAY)) > 80, "who is new is drawn by the new share"


def test_outside_its_days_nobody_is_held_out_and_nobody_drawn(file: Path) -> None:
    assert held(MANY[:10], DAY) == set(), "there is no file"
    written(file, share=0.9)
    for day in (dt.date(2017, 10, 31), dt.date(2018, 1, 1), None):
        assert held(MANY[:10], day) == set()
    assert kept("x") == {}
    assert len(held(MANY[:100], dt.date(2017, 11, 1))) > 80


def test_a_file_of_another_form_names_its_faults(file: Path) -> None:
    file.write_text("x: {salt: s, share: 2, starts: 2017-11-01}")
    with pytest.raises(MappingError, match=r"x.share 2 must be less than 1; x.ends is missing"):
        held(["a"], DAY)
    file.write_text("x: {salt: s, share: .1, starts: 2017-11-02, ends: 2017-11-01}")
    with pytest.raises(MappingError, match="ends 2017-11-01 before it starts 2017-11-02"):
        held(["a"], DAY)


def test_accounts_of_both_arms_that_are_one_customer_are_contaminated(file: Path) -> None:
    written(file)
    arms = {
        account: Experiment(salt="s", share=0.5, starts=DAY, ends=DAY).arm(account)
        for account in MANY[:20]
    }
    held_one = next(a for a, arm in arms.items() if arm == HELD)
    one, other = [a for a, arm in arms.items() if arm == TREATED][:2]
    held(MANY[:20], DAY)
    groups = {"account_id": [held_one, one, other], "customer_id": [one, one, other]}
    rows = pa.table(groups | {"accounts": pa.array([2, 2, 1], pa.int32())})
    write_deltalake(lake.location(holdout.IDENTITIES), rows)
    held(MANY[:20], DAY)
    found = lake.read("ops.crm_holdout").to_pylist()
    marked = {row["account_id"] for row in found if row["contaminated_at"]}
    assert marked == {held_one, one}
    assert len(found) == 20


@pytest.mark.services
def test_who_is_held_out_is_shown_nothing_and_loses_what_was_shown(crm: Crm, file: Path) -> None:
    settings.cache_clear()
    rows = [outbox.row(account) for account in ACCOUNTS]
    outbox.write(rows)
    plan("tryton", crm=crm.adapter)
    apply("tryton", crm=crm.adapter)
    written(file)
    made = plan("tryton", crm=crm.adapter)
    apply("tryton", crm=crm.adapter)
    out = {account for account, arm in kept("x").items() if arm == HELD}
    assert 0 < len(out) < len(ACCOUNTS)
    reasons = {item.reason for item in outbox.planned(made.plan_id)}
    assert reasons == {"held_out"}
    assert {a for a in ACCOUNTS if crm.shows(a, "score_grade") is None} == out
    outbox.write([outbox.row(account, grade="A") for account in ACCOUNTS])
    assert plan("tryton", crm=crm.adapter).records == len(ACCOUNTS) - len(out)
