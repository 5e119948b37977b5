"""Services start once, end without a trace, after a kill -9 of supervisord too."""

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from infra import health, stack, supervision
from infra.services import Service
from infra.supervision import CannotStart
from jobs.settings import Settings, from_environment, settings
from tests.conftest import free_ports

# As Airflow's workers: a process group of its own, a title that overwrites the environment.
WORKER = """
import os, pathlib, time, setproctitle
setproctitle.setproctitle("worker " + "x" * 4000)
pathlib.Path("worker.pid").write_text(str(os.getpid()))
time.sleep(600)
"""

# Listens, and hides as the programs we start do: one child in a session of its own, one that is a
# worker as above, and a title.
PROGRAM = f"""
import http.server, os, subprocess, sys, time, setproctitle
subprocess.Popen([sys.executable, "-c", {WORKER!r}], process_group=0)
while not os.path.exists("worker.pid") or not os.path.getsize("worker.pid"):
    time.sleep(0.05)
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
setproctitle.setproctitle("dummy " + "x" * 4000)
http.server.ThreadingHTTPServer(
    ("127.0.0.1", int(sys.argv[1])), http.server.SimpleHTTPRequestHandler
).serve_forever()
"""


def dummy(settings: Settings, port: int, name: str = "dummy") -> Service:
    return Service(
        name,
        [sys.executable, str(settings.state / "dummy.py"), str(port)],
        lambda: {"QUOTED": "100% of it, with a comma"},
        ports=(port,),
        fault=lambda: health.port(port),
        folder=settings.state / name,
    )


@pytest.fixture
def here(state: Path) -> Iterator[Settings]:
    (state / "dummy.py").write_text(PROGRAM)
    yield settings()
    supervision.stop(settings())


def running(here: Settings) -> list[psutil.Process]:
    return supervision.leftovers(here)


def supervisor_pid(here: Settings) -> int:
    return int(supervision.supervisor(here).getPID())


def test_what_was_started_is_stopped_with_its_children(here: Settings) -> None:
    port = free_ports(1)
    stack.start(here, [dummy(here, port)])
    started = running(here)
    assert len(started) == 4  # supervisord, the program, its child, its worker
    assert health.port(port) == ""
    supervision.stop(here)
    assert not [process for process in started if process.is_running()]
    assert health.port(port) != ""


def test_a_worker_that_hides_is_stopped_too(here: Settings) -> None:
    service = dummy(here, free_ports(1))
    stack.start(here, [service])
    assert service.folder is not None
    worker = psutil.Process(int((service.folder / "worker.pid").read_text()))
    supervision.stop(here)
    assert not worker.is_running()


def test_starting_twice_starts_once(here: Settings) -> None:
    port = free_ports(1)
    stack.start(here, [dummy(here, port)])
    before = {process.pid for process in running(here)}
    stack.start(here, [dummy(here, port)])
    assert {process.pid for process in running(here)} == before


def test_a_killed_supervisord_leaves_nothing_behind(here: Settings) -> None:
    port = free_ports(1)
    stack.start(here, [dummy(here, port)])
    started = running(here)
    os.kill(supervisor_pid(here), 9)
    left = supervision.stop(here)
    assert left
    assert not [process for process in started if process.is_running()]
    assert health.port(port) != ""


def test_starting_after_a_kill_ends_what_was_left_first(here: Settings) -> None:
    port = free_ports(1)
    stack.start(here, [dummy(here, port)])
    started = {process.pid for process in running(here)}
    os.kill(supervisor_pid(here), 9)
    stack.start(here, [dummy(here, port)])
    assert not {process.pid for process in running(here)} & started
    assert health.port(port) == ""


def test_stopping_when_nothing_runs_is_harmless(here: Settings) -> None:
    assert supervision.stop(here) == []


def test_a_taken_port_is_named_before_anything_starts(here: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CannotStart, match=rf"port {port} \(dummy\) .* {os.getpid()} "):
            stack.start(here, [dummy(here, port)])
    assert not running(here)


def test_a_service_that_dies_is_told_with_its_last_words(here: Settings) -> None:
    port = free_ports(1)
    (here.state / "dummy.py").write_text("raise SystemExit('no such customer')")
    with pytest.raises(CannotStart, match=r"dummy is .*no such customer"):
        stack.start(here, [dummy(here, port)])


def test_a_state_folder_too_deep_for_a_socket_is_refused(here: Settings, tmp_path: Path) -> None:
    deep = from_environment({"SALES_STATE": str(tmp_path / ("d" * 100))})
    with pytest.raises(CannotStart, match="SALES_STATE to a shorter one"):
        stack.start(deep, [dummy(here, free_ports(1))])


def test_two_checkouts_do_not_see_each_other(here: Settings, tmp_path: Path) -> None:
    there = from_environment({"SALES_STATE": str(tmp_path / "b")})
    there.state.mkdir()
    (there.state / "dummy.py").write_text(PROGRAM)
    first = free_ports(2)
    try:
        stack.start(here, [dummy(here, first)])
        stack.start(there, [dummy(there, first + 1)])
        supervision.stop(here)
        assert health.port(first) != ""
        assert health.port(first + 1) == ""
    finally:
        supervision.stop(there)


def test_a_program_that_a_person_runs_beside_goes_on(here: Settings) -> None:
    own = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(600)"],
        env={**os.environ, **here.environment()},
    )
    try:
        stack.start(here, [dummy(here, free_ports(1))])
        supervision.stop(here)
        assert own.poll() is None
    finally:
        with contextlib.suppress(ProcessLookupError):
            own.kill()
        own.wait()


def test_a_value_that_supervisord_would_misread_is_refused(here: Settings) -> None:
    odd = replace(dummy(here, 1), environment=lambda: {"BROKEN": 'a "quoted" word'})
    with pytest.raises(CannotStart, match="quote"):
        supervision.configuration(here, [odd])
