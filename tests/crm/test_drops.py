"""Drops where they are unlike a CRM: what a lost answer, a kill or a spreadsheet would spoil.

The rest is in test_conformance.py. PostgreSQL is the real server; wires are cut, its sessions ended
and writers killed for real.
"""

import csv
import datetime as dt
import hashlib
import io
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra import object_store
from jobs.crm import drop_cells, sql_writing
from jobs.crm.access import Access, connect
from jobs.crm.adapter import Adapter, Change, CrmError, Field, Result
from jobs.crm.drop_folder import Folder
from jobs.crm.file_drop_install import install as install_folder
from jobs.crm.sql_drop import SqlDrop
from jobs.crm.sql_drop_install import install as install_table
from jobs.crm.sql_session import Session
from jobs.crm.throttle import Throttle
from jobs.crm.writing import NoAnswer
from jobs.delivery.apply import apply
from jobs.delivery.plan import plan
from jobs.delivery.verify import verify
from jobs.settings import ROOT, from_environment
from tests.conftest import free_ports, settled
from tests.crm.cut import Cut
from tests.crm.rigs import sql_drop
from tests.crm.rigs.file_drop import FileDropRig
from tests.crm.rigs.sql_drop import KEY, REQUEST_SECONDS, TABLE, SqlDropRig
from tests.delivery import outbox

pytestmark = pytest.mark.services

KEYS = ["101", "102", "103"]
MANY = [str(number) for number in range(1001, 1101)]
KILLS = 8
COMMIT = b"\x00commit\x00"  # as a whole: there is a setting synchronous_commit

# Writes n = 1, 2, 3, … into the places of all customers, and tells the mark of each batch
WRITER = """
import json, sys
from jobs.crm.access import Access, connect
from jobs.crm.adapter import Change
told = json.loads(sys.stdin.read())
adapter = connect(told["adapter"], Access(**told["access"]))
for n in range(told["from"], 10_000):
    found = adapter.get(told["keys"], [])
    batch = [Change(k, k, found[k].revision, {"places": str(n)}) for k in told["keys"]]
    def started(mark):
        print(n, mark, flush=True)
    adapter.write(batch, started)
"""

# Kills itself when its first batch was written, before anybody is told
KILLED_AT_THE_END = """
import os, signal
from jobs.delivery import apply, mapping
from jobs.delivery.access import connect
crm = connect(mapping.load("drop"))
write = crm.write
def written(batch, started):
    write(batch, started)
    os.kill(os.getpid(), signal.SIGKILL)
crm.write = written
apply.apply("drop", crm=crm)
"""

CONNECTION = """
adapter: {adapter}
server: {server}
mode: {mode}
match: [{{field: code, from: account_id}}]
limits: {{changed_share: 1, creates: 100, clear_share: 1, mass_clear_share: 1, canary: 2}}
purposes: {{advice: {{text: advice, legal_basis: legitimate interest}}}}
fields:
  band:    {{from: spend_band, as: as_is, ownership: if_ours, purpose: advice}}
  reasons: {{from: reasons, as: texts, ownership: if_ours, purpose: advice}}
  value:   {{from: score, as: as_is, ownership: always, purpose: advice}}
  as_of:   {{from: as_of_date, as: as_is, ownership: always, purpose: advice}}
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlDropRig]:
    with sql_drop.rig(tmp_path_factory.mktemp("sql")) as rig:
        yield rig


@pytest.fixture
def table(served: SqlDropRig) -> SqlDropRig:
    served.has(KEYS)
    return served


@pytest.fixture
def folder(tmp_path: Path) -> FileDropRig:
    rig = FileDropRig(tmp_path)
    rig.has(KEYS)
    return rig


def changes(adapter: Adapter, keys: Collection[str] = KEYS, **values: str | None) -> list[Change]:
    found = adapter.get(keys, [])
    return [Change(key, key, found[key].revision, values) for key in keys]


def told(results: Collection[Result]) -> dict[str, tuple[str, str]]:
    return {r.subject: (r.outcome, r.reason) for r in results}


def shown(adapter: Adapter, field: str, keys: Collection[str] = KEYS) -> list[str | None]:
    return [adapter.get([key], [field])[key].values[field] for key in keys]


def own_table(rig: SqlDropRig, name: str, columns: str, key: str = "id") -> SqlDrop:
    """A table of a company's own, made ready for the delivery."""
    options = {"table": f"crm.{name}", "key": key}
    rig.say(f"drop table if exists crm.{name}", f"create table crm.{name} ({columns})")
    user, secret = rig.admin
    install_table(rig.access(user=user, secret=secret, options=options))
    session = Session(rig.access(user=user, secret=secret, options=options), REQUEST_SECONDS)
    return SqlDrop(session, f"crm.{name}", key, REQUEST_SECONDS)


# --- a table: what became of a batch


@pytest.mark.parametrize(
    ("statement", "is_heard", "outcome", "later"),
    [
        (COMMIT, True, "unknown", "written"),
        (COMMIT, False, "unknown", "transient"),
        (b'into "crm"."customers_sales_batches"', True, "transient", "transient"),
        (b"returning r.subject", False, "transient", "transient"),
    ],
)
def test_a_wire_that_is_cut_leaves_all_of_a_batch_or_nothing_and_its_mark_tells(
    table: SqlDropRig, statement: bytes, is_heard: bool, outcome: str, later: str
) -> None:
    to, marks = urlsplit(table.url), list[str]()
    with Cut(int(to.port or 0), statement, is_heard) as wire:
        behind = table.adapter(f"postgresql://127.0.0.1:{wire.port}{to.path}")
        ready = changes(table.adapter(), reasons="ours")
        behind.describe()
        sent_at, wire.is_armed = dt.datetime.now(dt.UTC), True
        results = behind.write(ready, marks.append)
        assert wire.cuts == 1
        assert {r.outcome for r in results} == {outcome}
        found = table.adapter().poll(ready, sent_at, marks[0])
        assert {r.outcome for r in found} == {later}
        assert set(shown(table.adapter(), "reasons")) == {"ours" if later == "written" else None}
        # what was not written may be sent again, once more and no more
        again = behind.write(changes(behind, reasons="ours"))
        assert {r.outcome for r in again} == {"written"}


def test_an_answer_that_was_lost_still_tells_which_record_was_refused(table: SqlDropRig) -> None:
    to, marks = urlsplit(table.url), list[str]()
    with Cut(int(to.port or 0), COMMIT, is_heard=True) as wire:
        behind = table.adapter(f"postgresql://127.0.0.1:{wire.port}{to.path}")
        ready = changes(table.adapter(), band="low")
        ready[0] = Change("101", "101", ready[0].revision, {"band": "x" * 21})
        ready += [Change("201", None, "", {"band": "new"}, (KEY, "201"))]
        table.edit("102", "age_band", "65+")
        behind.describe()
        wire.is_armed = True
        assert {r.outcome for r in behind.write(ready, marks.append)} == {"unknown"}
        results = behind.poll(ready, dt.datetime.now(dt.UTC), marks[0])
    assert told(results) == {
        "101": ("data", "too_long"),
        "102": ("conflict", "changed_meanwhile"),
        "103": ("written", "found_by_its_mark"),
        "201": ("written", ""),
    }
    assert {r.record_id for r in results} == {None, "201"}


def test_a_batch_that_was_given_up_cannot_be_committed_any_more(table: SqlDropRig) -> None:
    adapter, session = table.adapter(), Session(table.access(), REQUEST_SECONDS)
    ready = changes(adapter, reasons="late")
    told = adapter.poll(ready, dt.datetime.now(dt.UTC), "mark-of-a-writer-that-hangs")
    assert {r.outcome for r in told} == {"transient"}
    with (
        pytest.raises(CrmError, match="given_up_meanwhile"),
        session.transaction() as work,
    ):
        sql_writing.write(work, adapter._reading.rows, "mark-of-a-writer-that-hangs", ready)
    assert set(shown(adapter, "reasons")) == {None}


def test_a_look_waits_for_a_batch_that_is_about_to_be_committed(table: SqlDropRig) -> None:
    adapter, session = table.adapter(), Session(table.access(), REQUEST_SECONDS)
    ready, seen = changes(adapter, reasons="ours"), list[Result]()
    look = threading.Thread(
        target=lambda: seen.extend(table.adapter().poll(ready, dt.datetime.now(dt.UTC), "slow"))
    )
    with session.transaction() as work:
        sql_writing.write(work, adapter._reading.rows, "slow", ready)
        look.start()
        time.sleep(1)
        assert not seen
    look.join()
    assert {r.outcome for r in seen} == {"written"}


def test_sessions_that_the_server_ended_are_opened_again(table: SqlDropRig) -> None:
    adapter = table.adapter()
    assert {r.outcome for r in adapter.write(changes(adapter, reasons="one"))} == {"written"}
    table.cut()
    ready = changes(adapter, reasons="two")
    table.cut()
    assert {r.outcome for r in adapter.write(ready)} == {"written"}


def test_a_row_that_another_holds_is_not_waited_for_without_end(table: SqlDropRig) -> None:
    adapter = table.adapter()
    ready = changes(adapter, reasons="ours")
    table.say("begin", f"select 1 from {TABLE} where {KEY} = '102' for update")
    try:
        assert {r.outcome for r in adapter.write(ready)} == {"transient"}
    finally:
        table.say("rollback")
    assert {r.outcome for r in adapter.write(ready)} == {"written"}


def test_a_look_without_a_mark_reads_the_rows(table: SqlDropRig) -> None:
    adapter, now = table.adapter(), dt.datetime.now(dt.UTC)
    ready = changes(adapter, reasons="ours")
    new = Change("201", None, "", {"band": "low"}, (KEY, "201"))
    assert {r.outcome for r in adapter.poll([*ready, new], now)} == {"transient"}
    adapter.write([*ready, new])
    found = adapter.poll([*ready, new], now)
    assert {r.outcome for r in found} == {"written"}
    assert found[-1].record_id == "201"


# --- a table: whose it is


def test_a_record_that_another_made_meanwhile_is_left_alone(table: SqlDropRig) -> None:
    adapter = table.adapter()
    table.say(f"insert into {TABLE} ({KEY}, band) values ('201', 'theirs')")
    new = [Change("201", None, "", {"band": "ours"}, (KEY, "201"))]
    assert told(adapter.write(new)) == {"201": ("conflict", "created_meanwhile")}
    assert shown(adapter, "band", ["201"]) == ["theirs"]


def test_a_row_that_was_made_anew_is_not_at_our_revision(table: SqlDropRig) -> None:
    adapter = table.adapter()
    ready = changes(adapter, ["101"], reasons="ours")
    table.delete("101")
    table.say(f"insert into {TABLE} ({KEY}) values ('101')")
    assert told(adapter.write(ready)) == {"101": ("conflict", "changed_meanwhile")}


def test_the_delivery_may_write_what_it_delivers_and_no_more(table: SqlDropRig) -> None:
    adapter = table.adapter()
    fields = adapter.describe().fields
    assert not fields["age_band"].is_writable
    assert fields["reasons"].is_writable
    assert told(adapter.write(changes(adapter, ["101"], age_band="x"))) == {
        "101": ("permission", "not_allowed")
    }
    with pytest.raises(CrmError), Session(table.access()).transaction() as work:
        work.run(f"delete from {TABLE}")


def test_a_wait_of_constraints_for_the_commit_spoils_no_batch(table: SqlDropRig) -> None:
    table.say(
        "create table crm.bands (band text primary key)", "insert into crm.bands values ('A')"
    )
    adapter = own_table(
        table,
        "deferred",
        "id text primary key, band text references crm.bands deferrable initially deferred",
    )
    table.say("insert into crm.deferred values ('1'), ('2')")
    ready = changes(adapter, ["1", "2"], band="A")
    ready[0] = Change("1", "1", ready[0].revision, {"band": "Z"})
    results = told(adapter.write(ready))
    assert results["1"][0] == "data"
    assert results["2"][0] == "written"


# --- a table: what it is


def test_the_catalog_says_what_a_table_takes(table: SqlDropRig) -> None:
    table.say("drop type if exists crm.grade cascade", "create type crm.grade as enum ('B', 'A')")
    crm = own_table(
        table,
        "described",
        """id bigint generated always as identity primary key, mail text not null unique,
        grade crm.grade, name varchar(40) not null, since date not null default now(),
        score numeric(6,2), ratio double precision, twice numeric generated always as (score * 2)
        stored, at timestamptz, local timestamp, tags text[], loose text unique""",
    ).describe()
    fields = crm.fields
    assert crm.enforced_keys == ("id", "mail"), "a key that may be empty is none"
    assert crm.system == "postgresql"
    assert fields["grade"] == Field("grade", "choice", choices=("B", "A"))
    assert fields["name"] == Field("name", "text", length=40, is_required=True)
    assert fields["score"] == Field("score", "number", scale=2)
    assert fields["ratio"] == Field("ratio", "number")
    assert (fields["since"].kind, fields["since"].is_required) == ("date", False)
    assert not fields["id"].is_writable
    assert not fields["twice"].is_writable
    # no zone, or several values: what they mean would be a guess
    assert (fields["local"].kind, fields["tags"].kind) == ("other", "other")
    assert "sales_revision" not in fields


def test_a_key_of_numbers_is_found_by_its_digits_only(table: SqlDropRig) -> None:
    adapter = own_table(table, "numbered", "id int primary key, band text")
    table.say("insert into crm.numbered values (7, 'low'), (8, null)")
    found = adapter.find("id", ["7", "007", "x", "9" * 30, "1.5", "9"], ["band"])
    assert {key: len(records) for key, records in found.items() if records} == {"7": 1}
    assert told(adapter.write(changes(adapter, ["7"], band="high"))) == {"7": ("written", "")}
    assert shown(adapter, "band", ["7"]) == ["high"]
    assert [r.id for r in adapter.read(["band"])] == ["7", "8"]


def test_a_record_is_created_by_any_key_and_keeps_defaults(table: SqlDropRig) -> None:
    adapter = own_table(
        table,
        "made",
        """id bigint generated always as identity primary key, mail text not null unique,
        tier text not null default 'plain', band text""",
    )
    new = [
        Change("1", None, "", {"band": "low"}, ("mail", "a@x")),
        Change("2", None, "", {"band": "low", "tier": "gold"}, ("mail", "b@x")),
    ]
    made = {r.subject: r.record_id for r in adapter.write(new)}
    assert sorted(made.values(), key=str) == ["1", "2"]
    found = adapter.find("mail", ["a@x", "b@x"], ["tier"])
    assert [found[key][0].values["tier"] for key in ("a@x", "b@x")] == ["plain", "gold"]


@pytest.mark.parametrize("value", ["a\x00b", "\ud800", "\\", '"', "'; drop table x; --", "$1 %s ?"])
def test_a_text_is_written_as_it_is_or_refused_alone(table: SqlDropRig, value: str) -> None:
    adapter = table.adapter()
    ready = changes(adapter, reasons="ours")
    ready[0] = Change("101", "101", ready[0].revision, {"reasons": value})
    results = told(adapter.write(ready))
    assert (results["102"][0], results["103"][0]) == ("written", "written")
    if results["101"][0] == "written":
        assert shown(adapter, "reasons", ["101"]) == [value]
    else:
        assert results["101"][0] == "data"


def test_values_of_others_that_no_field_of_ours_holds_are_read_as_they_are(
    table: SqlDropRig,
) -> None:
    table.say(f"update {TABLE} set as_of = 'infinity', value = 'NaN' where {KEY} = '101'")
    adapter = table.adapter()
    [record] = adapter.get(["101"], ["as_of", "value"]).values()
    assert record.values == {"as_of": "infinity", "value": "NaN"}


def test_a_table_that_was_not_made_ready_is_told_with_the_cure(table: SqlDropRig) -> None:
    user, secret = table.admin
    table.say(
        "drop table if exists crm.bare", "create table crm.bare (id text primary key, b text)"
    )
    options = {"table": "crm.bare", "key": "id"}
    access = table.access(user=user, secret=secret, options=options)
    with pytest.raises(CrmError, match=r'no table "crm"."bare_sales_batches": install it'):
        connect("sql_drop", access).describe()
    install_table(access)
    table.say("drop trigger sales_touch on crm.bare")
    with pytest.raises(CrmError, match="no trigger sales_touch: install it"):
        connect("sql_drop", access).describe()
    install_table(access)
    table.say("delete from crm.bare_sales_batches")
    with pytest.raises(CrmError, match="has no row `installed`: install it"):
        connect("sql_drop", access).describe()
    install_table(access)
    assert connect("sql_drop", access).describe().instance
    other = table.access(user=user, secret=secret, options=options | {"key": "b"})
    with pytest.raises(CrmError, match=r"column b is not kept unique and filled.* `key`: id"):
        connect("sql_drop", other).describe()
    table.say("drop table crm.bare")
    with pytest.raises(CrmError, match="is not there, or not ours to see"):
        connect("sql_drop", access).describe()
    with pytest.raises(CrmError, match=r"server\.key, server\.table is missing"):
        connect("sql_drop", table.access(options={}))


def test_installing_twice_changes_nothing_and_a_dry_run_writes_nothing(table: SqlDropRig) -> None:
    user, secret = table.admin
    access = table.access(user=user, secret=secret)
    before = table.adapter().describe()
    revisions = [r.revision for r in table.adapter().read([])]
    install_table(access, sql_drop.USER)
    assert table.adapter().describe() == before
    assert [r.revision for r in table.adapter().read([])] == revisions
    options = {"table": "crm.never", "key": "id", "fields": "grade:choice:A|B'"}
    said = install_table(
        table.access(user=user, secret=secret, options=options), "delivery", dry_run=True
    )
    assert any("check (\"grade\" in ('A', 'B'''))" in statement for statement in said)
    assert table.say("select to_regclass('crm.never') is null") == [(True,)]


@pytest.mark.parametrize("url", ["postgresql://u:hush@h/d", "http://u:hush@h/d", "u:hush@h"])
def test_an_address_is_not_shown_with_a_secret(url: str) -> None:
    with pytest.raises(CrmError) as refused:
        Session(Access("x", url, "u", "hush"))
    assert "hush" not in str(refused.value)
    assert "hush" not in repr(refused.value.__context__)


# --- a folder: what others find in it


def test_a_file_is_utf8_with_line_feeds_and_no_formulas(folder: FileDropRig) -> None:
    adapter = folder.adapter()
    values = {"101": "=1+1", "102": '@me\n-x, "y" 漢', "103": "plain"}
    ready = [
        replace(change, values={"reasons": values[change.subject], "value": "-5"})
        for change in changes(adapter)
    ]
    assert {r.outcome for r in adapter.write(ready)} == {"written"}
    *_, newest = sorted(Path(folder.url).glob("*.csv"))
    assert newest.read_bytes().decode() == (
        '"code","age_band","reasons","value","places","as_of","scored_at","is_new","band"\n'
        '"101",,"\'=1+1","-5",,,,,\n'
        '"102",,"\'@me\n-x, ""y"" 漢","-5",,,,,\n'
        '"103",,"plain","-5",,,,,\n'
    )
    assert shown(adapter, "reasons") == [values[key] for key in KEYS]
    # also in a process that reads the files
    assert shown(folder.adapter(), "reasons") == [values[key] for key in KEYS]


@settings(max_examples=200, deadline=None)
@given(texts=st.lists(st.text("'=+-@\t\r\n\",;ab é漢", max_size=6), min_size=1, max_size=20))
def test_every_text_comes_back_from_a_file_and_none_is_a_formula(texts: list[str]) -> None:
    fields = {name: Field(name, "text") for name in ("key", "a", "b")}
    rows = [(str(n), text or None, None) for n, text in enumerate(texts)]
    schema = pa.schema([(name, pa.string()) for name in fields])
    listed = [dict(zip(fields, row, strict=True)) for row in rows]
    content = drop_cells.written(pa.Table.from_pylist(listed, schema), fields)
    read = drop_cells.read(content, list(fields), fields)
    assert read["a"].to_pylist() == [row[1] for row in rows]
    assert set(read["b"].to_pylist()) == {None}
    for _, cell, _ in csv.reader(io.StringIO(content.decode(), newline="")):
        assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))


def test_the_manifest_says_what_each_file_is_and_files_do_not_change(folder: FileDropRig) -> None:
    adapter, home = folder.adapter(), Path(folder.url)
    before = {path.name: path.read_bytes() for path in home.glob("*.csv")}
    marks: list[str] = []
    adapter.write(changes(adapter, ["102", "103"], band="low"), marks.append)
    manifest = json.loads((home / "manifest.json").read_text())
    first, second = manifest["files"]
    assert {name: (home / name).read_bytes() for name in before} == before
    content = (home / second["name"]).read_bytes()
    assert (first["sequence"], second["sequence"], second["rows"]) == (1, 2, 2)
    assert (second["bytes"], second["batch"]) == (len(content), marks[0])
    assert second["columns"][0] == KEY
    assert second["sha256"] == hashlib.sha256(content).hexdigest()
    assert {path.name for path in home.iterdir()} == {
        "manifest.json",
        ".lock",
        first["name"],
        second["name"],
    }
    assert (home / second["name"]).stat().st_mode & 0o777 == 0o640


def test_a_row_is_whole_though_a_change_is_of_one_field(folder: FileDropRig) -> None:
    adapter = folder.adapter()
    adapter.write(changes(adapter, ["101"], band="low", places="3"))
    adapter.write(changes(adapter, ["101"], band=None))
    *_, newest = sorted(Path(folder.url).glob("*.csv"))
    assert newest.read_text().splitlines()[1] == '"101",,,,"3",,,,'


def test_what_a_field_cannot_hold_is_refused_alone(folder: FileDropRig) -> None:
    adapter = folder.adapter()
    one, two, three = changes(adapter, reasons="x")
    results = adapter.write(
        [
            Change("101", one.record_id, one.revision, {"places": "many"}),
            Change("102", two.record_id, two.revision, {"reasons": "a\x00b"}),
            Change("103", three.record_id, three.revision, {"colour": "red"}),
            Change("201", None, "", {"band": "low"}, (KEY, "201")),
            Change("201", None, "", {"band": "low"}, (KEY, "201")),
        ]
    )
    assert [(r.outcome, r.reason) for r in results] == [
        ("data", "not_a_number places"),
        ("data", "not_a_text reasons"),
        ("data", "no_such_field colour"),
        ("written", ""),
        ("conflict", "twice_in_batch"),
    ]


def test_a_folder_knows_whose_its_records_are(folder: FileDropRig) -> None:
    adapter, other = folder.adapter(), folder.adapter()
    ready = changes(adapter, reasons="ours")
    new = Change("201", None, "", {"band": "ours"}, (KEY, "201"))
    other.write(
        [*changes(other, ["102"], band="theirs"), Change("202", None, "", {}, (KEY, "202"))]
    )
    gone = Change("9", "9", "1", {"band": "low"})
    again = Change("202", None, "", {"band": "ours"}, (KEY, "202"))
    assert told(adapter.write([*ready, new, gone, again])) == {
        "101": ("written", ""),
        "102": ("conflict", "changed_meanwhile"),
        "103": ("written", ""),
        "201": ("written", ""),
        "9": ("conflict", "record_is_gone"),
        "202": ("conflict", "created_meanwhile"),
    }


def test_what_a_killed_writer_left_is_never_read_and_swept(folder: FileDropRig) -> None:
    home = Path(folder.url)
    left = [home / f"000002-{'a' * 32}.csv", home / f".000002-{'b' * 32}.csv.new"]
    theirs = home / "notes.csv"
    for path in (*left, theirs):
        path.write_text("code,band\n101,never\n")
    adapter = folder.adapter()
    assert shown(adapter, "band") == [None] * 3
    adapter.write(changes(adapter, band="low"))
    assert [path.exists() for path in left] == [False, False]
    assert theirs.exists()


@pytest.mark.parametrize("is_gone", [True, False])
def test_a_file_that_is_other_than_it_was_dropped_is_told_by_name(
    folder: FileDropRig, is_gone: bool
) -> None:
    [path] = Path(folder.url).glob("*.csv")
    adapter = folder.adapter()
    if is_gone:
        path.unlink()
    else:
        path.write_text(path.read_text().replace("102", "109"))
    with pytest.raises(CrmError, match=f"{path.name} is gone, or other than it was dropped"):
        adapter.describe()
    ready = [Change("101", "101", "1", {"band": "low"})]
    assert [r.outcome for r in adapter.write(ready)] == ["transient"]


def test_a_folder_that_is_not_in_use_is_never_begun_by_a_delivery(tmp_path: Path) -> None:
    options = {"folder": str(tmp_path / "drops"), "key": "id", "fields": "band:text"}
    access = Access("files", "", "", "", options)
    adapter = connect("file_drop", access)
    with pytest.raises(CrmError, match="was not taken into use: install it"):
        adapter.describe()
    new = Change("1", None, "", {"band": "low"}, ("id", "1"))
    assert [r.outcome for r in adapter.write([new])] == ["transient"]
    assert install_folder(access, dry_run=True) == [f"manifest of {tmp_path / 'drops'}"]
    assert not (tmp_path / "drops").exists()
    install_folder(access)
    instance = adapter.describe().instance
    assert install_folder(access) == []
    assert adapter.describe().instance == instance
    assert [r.outcome for r in adapter.write([new])] == ["written"]
    other = Access("files", "", "", "", options | {"key": "mail"})
    with pytest.raises(CrmError, match="keyed by id, the connection by mail"):
        connect("file_drop", other).describe()
    with pytest.raises(CrmError, match="in use with the key id"):
        install_folder(other)
    (tmp_path / "drops/manifest.json").write_text("{")
    with pytest.raises(CrmError, match="is not as it was written"):
        adapter.describe()


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"folder": "drops", "key": "id", "fields": "a:text"}, "'drops': write all of its path"),
        ({"key": "id"}, r"server\.fields, server\.folder is missing"),
        ({"folder": "/d", "key": "id", "fields": "a:float"}, "a:float: a kind is one of text"),
        ({"folder": "/d", "key": "id", "fields": "a:text:x"}, "'x' is no number of characters"),
        ({"folder": "/d", "key": "id", "fields": "a:text a:date"}, "a stands in `fields` twice"),
    ],
)
def test_options_that_are_wrong_are_told_at_once(options: dict[str, str], why: str) -> None:
    with pytest.raises(CrmError, match=why):
        connect("file_drop", Access("files", "", "", "", options))


def test_a_clock_that_is_put_back_leaves_the_order(
    folder: FileDropRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter = folder.adapter()
    before = adapter.newest_change()
    assert before is not None
    monkeypatch.setattr("jobs.crm.file_drop.dt", Yesterday)
    adapter.write(changes(adapter, ["101"], band="low"))
    assert adapter.newest_change() == before
    assert "101" in {r.id for r in adapter.read([], before)}


class Yesterday:
    """The clock, a day behind."""

    UTC = dt.UTC

    class datetime(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> dt.datetime:  # type: ignore[override]
            return dt.datetime.now(tz) - dt.timedelta(days=1)


@pytest.mark.parametrize("is_taken", [True, False])
def test_a_manifest_that_may_have_been_swapped_is_looked_at(
    folder: FileDropRig, monkeypatch: pytest.MonkeyPatch, is_taken: bool
) -> None:
    """As a network file system does: the rename is done, and its answer does not come."""
    adapter, swap, marks = folder.adapter(), Folder.take, list[str]()
    ready = changes(adapter, band="low")

    def lost(self: Folder, manifest: object) -> None:
        if is_taken:
            swap(self, manifest)  # type: ignore[arg-type]
        raise NoAnswer("unknown", "no answer")

    with monkeypatch.context() as broken:
        broken.setattr(Folder, "take", lost)
        assert {r.outcome for r in adapter.write(ready, marks.append)} == {"unknown"}
    found = adapter.poll(ready, dt.datetime.now(dt.UTC), marks[0])
    assert {r.outcome for r in found} == {"written" if is_taken else "transient"}
    assert shown(adapter, "band") == ["low" if is_taken else None] * 3


def test_two_writers_at_once_leave_both_their_files(folder: FileDropRig) -> None:
    def drops(number: int) -> None:
        adapter = folder.adapter()
        for n in range(10):
            key = f"{number}{n:03d}"
            results = adapter.write([Change(key, None, "", {"band": "low"}, (KEY, key))])
            assert results[0].outcome == "written", results

    writers = [threading.Thread(target=drops, args=(number,)) for number in (2, 3)]
    for each in writers:
        each.start()
    for each in writers:
        each.join()
    assert len(list(folder.adapter().read([]))) == len(KEYS) + 20


# --- killed at any instant


def killed_writes(adapter: Adapter, name: str, access: Access, seed: int) -> None:
    """Kill a writer again and again; after each kill all customers have the values of one batch."""
    chance, first = random.Random(seed), 1
    way = {
        "connection": access.connection,
        "url": access.url,
        "user": access.user,
        "secret": access.secret,
        "options": dict(access.options),
    }
    for _ in range(KILLS):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        assert writer.stdin is not None
        assert writer.stdout is not None
        writer.stdin.write(
            json.dumps({"adapter": name, "access": way, "keys": MANY, "from": first})
        )
        writer.stdin.close()
        lines = [writer.stdout.readline()]
        time.sleep(chance.uniform(0, 0.4))
        writer.send_signal(signal.SIGKILL)
        lines += writer.stdout.readlines()
        writer.wait()
        last, mark = [line for line in lines if line.endswith("\n")][-1].split()
        batch = [Change(key, key, "", {"places": last}) for key in MANY]
        [outcome] = {r.outcome for r in adapter.poll(batch, dt.datetime.now(dt.UTC), mark)}
        values = set(shown(adapter, "places", MANY))
        before = None if last == "1" else str(int(last) - 1)
        assert values == {last if outcome == "written" else before}, (outcome, last)
        first = int(last) + (outcome == "written")


def test_a_writer_to_a_table_that_is_killed_leaves_whole_batches(table: SqlDropRig) -> None:
    table.has(MANY)
    killed_writes(table.adapter(), "sql_drop", table.access(throttle=Throttle(1000)), seed=6)


def test_a_writer_of_files_that_is_killed_leaves_whole_files(folder: FileDropRig) -> None:
    folder.has(MANY)
    killed_writes(folder.adapter(), "file_drop", folder.access, seed=6)
    for file in Folder(folder.url).manifest().files:  # type: ignore[union-attr]
        Folder(folder.url).content(file)


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder with a short path: its supervisor listens on a socket in it."""
    with tempfile.TemporaryDirectory(prefix="s3-") as folder:
        yield Path(folder)


def test_a_folder_on_an_object_store_is_one_too(short: Path) -> None:
    told = {"SALES_STATE": str(short), "SALES_PORT_BASE": str(free_ports(30))}
    here = from_environment({**os.environ, **told})
    place = {
        "S3_ENDPOINT": object_store.endpoint(here),
        "LAKE_URI": f"s3a://{object_store.BUCKET}/lake",
        **told,
    }
    try:
        object_store.start(here)
        with settled(place):
            folder = f"s3a://{object_store.BUCKET}/drops"
            options = {"folder": folder, "key": KEY, "fields": "band:text:20"}
            access = Access("files", "", "", "", options)
            install_folder(access)
            adapter, marks = connect("file_drop", access), list[str]()
            new = [Change(key, None, "", {"band": "low"}, (KEY, key)) for key in KEYS]
            assert {r.outcome for r in adapter.write(new, marks.append)} == {"written"}
            other = connect("file_drop", access)
            assert {r.outcome for r in other.write(changes(other, band="high"))} == {"written"}
            assert shown(adapter, "band") == ["high"] * 3
            found = other.poll(new, dt.datetime.now(dt.UTC), marks[0])
            assert {r.outcome for r in found} == {"written"}
    finally:
        object_store.stop(here)


# --- delivered by a plan


@pytest.mark.parametrize(("name", "mode"), [("sql_drop", "update_only"), ("file_drop", "create")])
def test_a_plan_is_delivered_and_what_a_kill_left_is_found_out(
    name: str,
    mode: str,
    table: SqlDropRig,
    folder: FileDropRig,
    state: Path,
    connections: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder.has([])
    access = table.access() if name == "sql_drop" else folder.access
    server = {"url": access.url, "user": access.user, **access.options}
    text = CONNECTION.format(adapter=name, server=json.dumps(server), mode=mode)
    (connections / "drop.yaml").write_text(text)
    monkeypatch.setenv("SALES_SECRET_CRM_DROP", access.secret or "none")
    outbox.write([outbox.row(key) for key in [*KEYS, "104"]])
    made = plan("drop")
    assert (made.creates, made.records) == ((4, 4) if mode == "create" else (0, 3))
    killed = subprocess.run([sys.executable, "-c", KILLED_AT_THE_END], cwd=ROOT, check=False)
    assert killed.returncode == -signal.SIGKILL
    done = apply("drop")
    # the batch was written, and its answer lost with the process: it is not sent again
    assert (done.sent, done.outcomes) == (made.records - 2, {"written": made.records})
    assert not verify("drop").differing
    adapter = connect(name, access)
    assert shown(adapter, "band") == ["high"] * 3
    assert plan("drop").records == 0
