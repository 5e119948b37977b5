"""A folder of CSV files on this machine's disk."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jobs.crm.access import Access
from jobs.crm.adapter import Change
from jobs.crm.drop_folder import Folder
from jobs.crm.fields import told_fields
from jobs.crm.file_drop import FileDrop
from jobs.crm.file_drop_install import install
from tests.crm.rigs import _drops
from tests.crm.rigs._drops import KEY, PROBES, TOO_MUCH

FIELDS = f"age_band:text {_drops.FIELDS}"
NO_SERVER = "there is no server: test_drops.py kills the process instead, at any instant"
NOT_TAKEN_AWAY = "what was dropped is not taken away again: there is no delete"


class FileDropRig:
    name = "file_drop"
    tls = None
    lacks: Mapping[str, str] = {
        "a_deleted_record_is_read_no_more": NOT_TAKEN_AWAY,
        "a_record_that_is_gone_is_a_conflict_and_the_others_are_written": NOT_TAKEN_AWAY,
        "a_merged_record_says_into_which": NOT_TAKEN_AWAY,
        "an_ended_session_is_opened_again": NO_SERVER,
        "a_busy_crm_is_asked_again_after_the_time_it_names": NO_SERVER,
        "a_lost_answer_is_unknown_and_a_look_decides": NO_SERVER,
        "a_request_that_never_arrived_is_not_written_and_may_be_sent_again": NO_SERVER,
        "a_wrong_secret_is_a_matter_of_permission_and_told_without_it": "a folder has no secret",
    }
    key = KEY
    age = "age_band"
    ages = ("45-54", "65+")
    probes = PROBES
    too_much = TOO_MUCH

    def __init__(self, home: Path) -> None:
        self._home, self._count = home, 0
        self.has([])

    @property
    def url(self) -> str:
        return str(self._home / str(self._count))

    @property
    def access(self) -> Access:
        options = {"folder": self.url, "key": KEY, "fields": FIELDS}
        return Access("files", "", "", "", options)

    def adapter(self, url: str | None = None, secret: str | None = None, **sizes: Any) -> FileDrop:
        return FileDrop(Folder(self.url), told_fields(FIELDS), KEY, **sizes)

    def has(self, keys: Collection[str]) -> None:
        """A folder of its own for each test: nothing is ever taken away from one."""
        self._count += 1
        install(self.access)
        self.adapter().write([Change(key, None, "", {}, (KEY, key)) for key in keys])

    def edit(self, key: str, field: str, value: str | None) -> None:
        """Another program of ours drops a file too."""
        self._write([key], {field: value})

    def delete(self, key: str) -> None:
        raise AssertionError(NOT_TAKEN_AWAY)

    def merge(self, key: str, into: str) -> None:
        raise AssertionError(NOT_TAKEN_AWAY)

    def write_together(self, keys: Collection[str]) -> None:
        self._write(keys, {self.age: self.ages[0]})

    def _write(self, keys: Collection[str], values: Mapping[str, str | None]) -> None:
        other = self.adapter()
        found = other.get(keys, [])
        other.write([Change(key, key, found[key].revision, values) for key in keys])


@contextmanager
def rig(folder: Path) -> Iterator[FileDropRig]:
    yield FileDropRig(folder)
