"""The processes that fit Prophet end with the one that asked for them."""

import subprocess
import sys

import psutil

from jobs.settings import ROOT

ASK = """
import os, sys
from jobs.training.forecasts.seasonal import _workers
print(_workers().submit(os.getpid).result(), flush=True)
sys.stdin.read()
"""


def test_workers_end_when_their_parent_is_killed() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", ASK], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        worker = psutil.Process(int(parent.stdout.readline()))
        assert worker.is_running()
        parent.kill()
    psutil.wait_procs([worker], timeout=30)
    assert not worker.is_running()
