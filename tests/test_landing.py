"""Landing: what is taken over is whole and stays so, and what cannot be taken over says why."""

import datetime as dt
import gzip
import json
import os
import shutil
import stat
from pathlib import Path
from typing import Any

import pytest

from jobs import landing
from jobs.landing import Manifest, NotLanded
from jobs.settings import settings

NOON = dt.datetime(2017, 3, 6, 12, tzinfo=dt.UTC)
ROWS = b"id,name\n1,milk\n2,bread\n"


@pytest.fixture(autouse=True)
def own_state(state: Path) -> Path:
    return state


@pytest.fixture
def drop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a drop, outside the state."""
    path = tmp_path_factory.mktemp("drop") / "rows.csv"
    path.write_bytes(ROWS)
    return path


def land(*files: Path, **told: Any) -> Manifest:
    told = {"mode": "events", "known_at": NOON, "watermark": "1", "columns": {}} | told
    return landing.land("toys", "till", "2017-03-06", files, format="csv", **told)


def manifest_of(batch: Manifest) -> Path:
    return batch.folder.parent / "manifest.json"


def leftovers() -> list[str]:
    """What lies in landing/ beside manifests and what they name."""
    found = [path for path in settings().landing.rglob("*") if path.is_file()]
    return [path.name for path in found if path.name not in ("manifest.json", "rows.csv")]


@pytest.mark.parametrize("damage", ["cut", "same size", "gone", "folder gone"])
def test_landing_again_mends_what_was_damaged(drop: Path, damage: str) -> None:
    batch = land(drop)
    landed = batch.folder / drop.name
    if damage == "folder gone":
        shutil.rmtree(batch.folder)
    elif damage == "gone":
        landed.unlink()
    else:
        landed.write_bytes(ROWS[:9] if damage == "cut" else ROWS.replace(b"milk", b"malt"))
    assert land(drop) == batch
    assert landed.read_bytes() == ROWS
    assert leftovers() == []


def test_a_batch_may_have_no_files() -> None:
    assert land() == land() == landing.manifests("toys")["till/2017-03-06"]


def test_landing_again_leaves_whole_files_alone(drop: Path) -> None:
    before = (land(drop).folder / drop.name).stat()
    assert (land(drop).folder / drop.name).stat() == before


def test_files_are_on_the_disk_before_the_manifest_that_names_them(
    drop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    fsync = os.fsync

    def told(descriptor: int) -> None:
        synced.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")).name)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", told)
    land(drop)
    file, arrived, batch, manifest, named = synced
    assert (file, batch, named) == (drop.name, "2017-03-06", "2017-03-06")
    assert arrived.startswith(".arriving-")
    assert manifest.startswith(".arriving-")


def test_a_file_that_grows_while_it_is_landed_is_not_taken(
    drop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = shutil.copyfile

    def late(source: Path, target: Path, **how: bool) -> None:
        source.write_bytes(ROWS + b"3,tea\n")
        copy(source, target, **how)

    monkeypatch.setattr(shutil, "copyfile", late)
    with pytest.raises(NotLanded, match=r"rows.csv changed while it was landed: land the drop"):
        land(drop)
    assert landing.manifests("toys") == {}
    assert leftovers() == []


@pytest.mark.parametrize("step", ["shutil.copyfile", "json.dump"])
def test_a_full_disk_leaves_nothing_behind(
    drop: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(f"jobs.landing.{step}", full)
    with pytest.raises(OSError, match="No space"):
        land(drop)
    assert list(settings().landing.rglob(".arriving-*")) == []


def test_what_a_killed_process_left_is_swept_by_the_next_landing(drop: Path) -> None:
    folder = manifest_of(land(drop)).parent
    for name, age in ((".arriving-old", dt.timedelta(days=2)), (".arriving-new", dt.timedelta())):
        (folder / name).mkdir()
        began = (dt.datetime.now(dt.UTC) - age).timestamp()
        os.utime(folder / name, (began, began))
    drop.write_bytes(ROWS[:15])
    land(drop)
    assert [path.name for path in folder.glob(".arriving-*")] == [".arriving-new"]


def test_nobody_else_looks_into_a_state_that_landing_makes(
    drop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SALES_STATE", str(tmp_path / "new"))
    settings.cache_clear()
    land(drop)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700


def test_a_file_whose_name_no_build_could_read_is_refused(drop: Path) -> None:
    odd = drop.rename(os.fsdecode(os.fsencode(drop.parent) + b"/l\xff.csv"))
    with pytest.raises(NotLanded, match=r"l\\udcff.csv'.*must be UTF-8.*rename it"):
        land(odd)
    assert not settings().landing.exists()


@pytest.mark.parametrize(("name", "told"), [("mode", "all"), ("format", "xml"), ("batch", "..")])
def test_what_no_build_could_read_is_not_landed(drop: Path, name: str, told: str) -> None:
    how = {"batch": "1", "mode": "events", "format": "csv"} | {name: told}
    with pytest.raises(ValueError, match=f"'{told}'"):
        landing.land("toys", "till", files=[drop], known_at=NOON, watermark="1", columns={}, **how)
    assert not settings().landing.exists()


@pytest.mark.parametrize("kind", ["folder", "link", "link to nothing", "pipe"])
def test_only_files_are_taken_over(drop: Path, kind: str) -> None:
    odd = drop.with_name("odd.csv")
    match kind:
        case "folder":
            odd.mkdir()
        case "pipe":
            os.mkfifo(odd)  # who opens it waits for ever
        case _:
            odd.symlink_to(drop if kind == "link" else "/nonexistent")
    with pytest.raises(NotLanded, match=r"odd.csv is no file but a folder, a link or a pipe"):
        land(drop, odd)


def test_what_unpacks_to_more_than_can_be_read_is_refused(
    drop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landing, "UNPACKED_BYTES", 3_000_000)
    packed = drop.with_suffix(".csv.gz")
    packed.write_bytes(gzip.compress(bytes(3_000_000)))
    land(packed)
    packed.write_bytes(gzip.compress(bytes(4_000_000)))
    with pytest.raises(NotLanded, match=r"rows.csv.gz unpacks to more than 3,000,000 .* split it"):
        land(packed)


def test_a_drop_that_fails_keeps_none_of_the_others_waiting() -> None:
    def one(entity: str, date: dt.date) -> Manifest | None:
        if date.day == 2:
            raise NotLanded(f"{entity} x.csv is a pipe")
        landed.append(date.day)
        return None

    landed: list[int] = []
    days = [("lines", dt.date(2017, 3, day)) for day in (1, 2, 3)]
    with pytest.raises(NotLanded, match=r"not landed, while all other drops are: lines x.csv"):
        landing.land_each(days, one)
    assert landed == [1, 3]


def test_a_full_disk_ends_a_landing_at_once() -> None:
    def full(entity: str, date: dt.date) -> None:
        tried.append(entity)
        raise OSError(28, "No space left on device")

    tried: list[str] = []
    with pytest.raises(OSError, match="No space"):
        landing.land_each([("a", NOON.date()), ("b", NOON.date())], full)
    assert tried == ["a"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"entity": "toys", "sys', "Unterminated string"),
        ("", "Expecting value"),
        ("[]", "no keys and values"),
        ("{}", "lacks batch, columns"),
    ],
)
def test_a_manifest_that_cannot_be_read_is_named_with_the_cure(
    drop: Path, text: str, why: str
) -> None:
    path = manifest_of(land(drop))
    path.write_text(text)
    with pytest.raises(NotLanded, match=f"{path} .*{why}.*land that batch again"):
        landing.manifests("toys")
    land(drop)
    assert len(landing.manifests("toys")) == 1


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"more": 1}, "nothing is known of its 'more'"),
        ({"watermark": "2"}, "other than when the batch was landed"),
        ({"mode": "nonsense"}, "'nonsense' is none of events, snapshot, changes"),
        ({"entity": "../toys"}, r"'\.\./toys' names no file"),
        ({"files": [{"name": "../../x", "rows": 1, "bytes": 1, "sha256": ""}]}, r"'\.\./\.\./x'"),
    ],
)
def test_a_manifest_that_was_changed_is_not_believed(
    drop: Path, change: dict[str, Any], why: str
) -> None:
    path = manifest_of(land(drop))
    told = json.loads(path.read_text()) | change
    if "watermark" not in change:  # whoever changes it may count again
        told["sha256"] = landing._sha256({n: v for n, v in told.items() if n != "sha256"})
    path.write_text(json.dumps(told))
    with pytest.raises(NotLanded, match=why):
        landing.manifests("toys")


def test_a_copy_of_a_batch_s_folder_is_no_batch(drop: Path) -> None:
    folder = manifest_of(land(drop)).parent
    shutil.copytree(folder, folder.with_name("2017-03-06 backup"))
    with pytest.raises(NotLanded, match=r"backup/manifest.json .* of toys till/2017-03-06"):
        landing.manifests("toys")
