"""Where torch computes is told once."""

import logging
from pathlib import Path

import pytest

from jobs.settings import settings
from jobs.training import device


def test_the_device_is_told_once_a_process_however_often_it_is_asked(
    state: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    device._tell.cache_clear()
    with caplog.at_level(logging.INFO):
        for asked in ("cpu", "cpu", "cuda", "cpu"):
            monkeypatch.setenv("SALES_DEVICE", asked)
            settings.cache_clear()
            assert device.device() == asked
    assert caplog.messages == ["torch computes on cpu", "torch computes on cuda"]
    device._tell.cache_clear()
