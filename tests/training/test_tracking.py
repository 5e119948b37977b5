"""Runs whose process was killed are found and closed, and a retry goes on with its own run."""

import os
import signal
import subprocess
import sys
import time

import pytest

from jobs import lake
from jobs.training import bench, tracking, train

DIES = """
import mlflow, os, signal
from jobs.training import bench, tracking, train
from jobs.training.recommenders import protocol
mlflow.set_tracking_uri('{registry}')
protocol.FAMILY.terms = protocol.Terms(min_buyers=3)
family = protocol.FAMILY
quick = [family.baseline, family.configuration('repeat')]
protocol.Recommenders.configurations = lambda self: quick
def die(*told, **more):
    os.kill(os.getpid(), signal.SIGKILL)
"""


def killed(registry: str, code: str) -> None:
    """Run code in a process of its own that kills itself with signal 9."""
    dead = subprocess.run(
        [sys.executable, "-c", DIES.format(registry=registry) + code], env=dict(os.environ)
    )
    assert dead.returncode == -signal.SIGKILL


def runs(store) -> dict[str, tuple[str, str]]:
    """Name → id and status, of all experiments."""
    places = [place.experiment_id for place in store.search_experiments()]
    found = store.search_runs(places)
    return {run.info.run_name: (run.info.run_id, run.info.status) for run in found}


@pytest.fixture
def quick(store, monkeypatch):
    from jobs.training.recommenders import protocol

    family = protocol.FAMILY
    asked = [family.baseline, family.configuration("repeat")]
    monkeypatch.setattr(protocol.Recommenders, "configurations", lambda self: asked)
    return store


def test_a_bench_killed_in_a_child_goes_on_with_both_runs(quick, registry):
    killed(
        registry,
        "judge = protocol.Recommenders.judge\n"
        "def judge_or_die(self, window, configuration):\n"
        "    if configuration.model == 'repeat': die()\n"
        "    return judge(self, window, configuration)\n"
        "protocol.Recommenders.judge = judge_or_die\n"
        "bench.bench('recommenders')",
    )
    before = runs(quick)
    assert sorted(status for _, status in before.values()) == ["FINISHED", "RUNNING", "RUNNING"]
    bench.bench("recommenders")
    after = runs(quick)
    assert {name: run_id for name, (run_id, _) in before.items()} == {
        name: run_id for name, (run_id, _) in after.items()
    }
    assert {status for _, status in after.values()} == {"FINISHED"}
    rows = lake.read("ops.leaderboard").to_pandas()
    assert len(rows) == 2 * 2 * 2 * rows["metric"].nunique()


def test_a_killed_run_and_its_child_are_closed_by_work_in_another_experiment(store, registry):
    killed(
        registry,
        "with tracking.run('forecasts', 'bench', 'a') as parent:\n"
        "    with tracking.run('forecasts', 'child', 'b', parent=parent):\n"
        "        die()",
    )
    with tracking.run("recommenders", "train", "c"):
        found = runs(store)
        assert found["bench"][1] == "KILLED"
        assert found["child"][1] == "KILLED"
        assert found["train"][1] == "RUNNING"


def test_a_run_that_others_found_killed_is_continued_by_its_own_retry(store, registry):
    killed(registry, "with tracking.run('recommenders', 'bench', 'a'): die()")
    before = runs(store)["bench"][0]
    with tracking.run("recommenders", "train", "another"):
        assert runs(store)["bench"][1] == "KILLED"
    with tracking.run("recommenders", "bench", "a") as run:
        assert run.id == before
    assert runs(store)["bench"] == (before, "FINISHED")


def test_a_dead_process_that_nobody_has_asked_for_is_dead(store, registry):
    code = "with tracking.run('recommenders', 'bench', 'a'):\n    print('on', flush=True); die()"
    child = subprocess.Popen(
        [sys.executable, "-c", DIES.format(registry=registry) + code],
        stdout=subprocess.PIPE,
        env=dict(os.environ),
    )
    try:
        assert child.stdout
        assert child.stdout.readline() == b"on\n"
        time.sleep(1)  # now it is a zombie: its parent, we, has not waited for it
        [closed] = tracking.close_abandoned()
        assert closed == runs(store)["bench"][0]
    finally:
        child.wait()


def test_the_train_run_of_a_registered_version_ends_well(quick, registry):
    bench.bench("recommenders")
    killed(registry, "tracking.register = lambda *t, made=tracking.register: (made(*t), die())\n"
                     "train.train('recommenders')")  # fmt: skip
    [name] = [name for name in runs(quick) if name.startswith("train")]
    assert runs(quick)[name][1] == "RUNNING"
    assert train.train("recommenders") == "1"
    assert runs(quick)[name][1] == "FINISHED"
    assert len(quick.search_model_versions("name = 'recommenders'")) == 1


def signed(**told: str) -> dict[str, str]:
    return {**tracking._owner(), **told}


def test_a_run_of_another_machine_is_left_alone_while_it_gives_signs_of_life():
    now = time.time()
    other = {"owner_host": "elsewhere", "owner_pid": "1"}
    assert not tracking._is_abandoned(signed(**other, owner_seen=str(now - 100)))
    assert tracking._is_abandoned(signed(**other, owner_seen=str(now - 1_000)))
    assert not tracking._is_abandoned(other)  # of a version that gave no signs
    assert not tracking._is_abandoned({"mlflow.user": "somebody"})


def test_a_clock_that_was_set_by_a_second_does_not_make_a_process_another_one():
    started = float(tracking._owner()["owner_started"])
    assert not tracking._is_abandoned(signed(owner_started=str(started + 1)))
    assert tracking._is_abandoned(signed(owner_started=str(started - 100)))


def test_a_run_gives_signs_of_life(store, monkeypatch):
    monkeypatch.setattr(tracking, "SIGN_SECONDS", 0.05)
    with tracking.run("recommenders", "bench", "a") as run:
        first = store.get_run(run.id).data.tags[tracking.SEEN]
        until = time.monotonic() + 10
        while store.get_run(run.id).data.tags[tracking.SEEN] == first:
            assert time.monotonic() < until
            time.sleep(0.05)


def test_what_a_value_is_told_by_is_part_of_its_code(tmp_path, monkeypatch):
    reasons = tmp_path / "jobs/training/propensity/reasons.py"
    reasons.parent.mkdir(parents=True)
    monkeypatch.setattr(tracking, "ROOT", tmp_path)
    codes = []
    for text in ("MOST = 5", "MOST = 4"):
        reasons.write_text(text)
        codes.append(tracking.code_version.__wrapped__("value"))
    assert codes[0] != codes[1]
