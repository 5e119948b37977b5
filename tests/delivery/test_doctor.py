"""A doctor names all that is wrong in one round, and does not wait long for who does not answer."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.crm import throttle
from jobs.crm.adapter import CrmError
from jobs.crm.file_drop_install import install
from jobs.delivery import check, doctor
from jobs.delivery import mapping as mappings
from jobs.delivery.access import way
from jobs.delivery.ledger import DeliveryError
from jobs.delivery.mapping import MappingError
from jobs.settings import settings
from tests.delivery import outbox

OF = """
adapter: {adapter}
server: {server}
match: [{{field: id, from: account_id}}]
purposes: {{p: {{text: to advise, legal_basis: consent}}}}
fields:
  grade: {{from: grade, as: as_is, ownership: always, purpose: p}}
"""
# What each asks for beside its way; a file drop has no server
OPTIONS = {
    "hubspot": "key: a",
    "http": "hosts: 127.0.0.1, read: /r, write: /w, key: a, fields: 'a:text'",
    "odoo": "",
    "salesforce": "object: Contact, key: A__c",
    "sql_drop": "table: t, key: a",
    "tryton": "",
}


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A server that lets everybody in and answers nobody."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as listening:
        listening.setblocking(False)
        yield listening


def callers(listening: socket.socket) -> int:
    """How many connections were made to it."""
    count = 0
    while True:
        try:
            listening.accept()[0].close()
        except BlockingIOError:
            return count
        count += 1


def connected(folder: Path, adapter: str, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    scheme = "postgresql" if adapter == "sql_drop" else "http"
    server = f"url: '{scheme}://127.0.0.1:{port}/a', user: u, secret: s"
    text = OF.format(adapter=adapter, server=f"{{{server}, {OPTIONS[adapter]}}}")
    (folder / f"{adapter}.yaml").write_text(text.replace(", }", "}"))
    monkeypatch.setenv("SALES_SECRET_S", "hunter2")


@pytest.mark.usefixtures("state")
@pytest.mark.parametrize("adapter", OPTIONS)
def test_who_does_not_answer_is_asked_once_or_twice_and_told_with_the_cure(
    adapter: str, connections: Path, silent: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert 2 * throttle.HURRIED_SECONDS < 10
    monkeypatch.setattr(throttle, "HURRIED_SECONDS", 0.2)
    port = silent.getsockname()[1]
    connected(connections, adapter, port, monkeypatch)
    with pytest.raises(DeliveryError) as told:
        next(doctor.examined(adapter))
    assert f"{adapter}: nobody answers at 127.0.0.1:{port}: see that the CRM runs" in str(
        told.value
    )
    assert "hunter2" not in str(told.value)
    assert 1 <= callers(silent) <= 2


@pytest.mark.usefixtures("state")
@pytest.mark.parametrize("adapter", OPTIONS)
def test_where_nobody_listens_it_is_told_at_once(
    adapter: str, connections: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    connected(connections, adapter, port, monkeypatch)
    with pytest.raises(DeliveryError, match=f"{adapter}: nobody answers at 127.0.0.1:{port}"):
        next(doctor.examined(adapter))


def test_a_crm_that_asks_to_wait_is_not_waited_for_by_who_is_hurried() -> None:
    hurried = throttle.Throttle()
    hurried.is_hurried = True
    hurried.wait()
    hurried.hold(3_600)
    with pytest.raises(throttle.Later, match=r"asks us to wait 3,\d+ s"):
        hurried.wait()


@pytest.fixture
def files(connections: Path, state: Path) -> Path:
    """A folder for dropped files, in use, whose connection is what a test makes of it."""
    fields = "grade:choice:A|B note:text"
    options = f"{{secret: '', folder: {state / 'drops'}, key: code, fields: '{fields}'}}"
    path = connections / "files.yaml"
    path.write_text(
        OF.format(adapter="file_drop", server=options).replace("field: id", "field: code")
    )
    settings.cache_clear()
    install(way(mappings.load("files")))
    return path


def test_what_is_sound_is_held_against_the_crm_beside_entries_that_are_not(files: Path) -> None:
    outbox.write([])
    # by which key customers are made stands in the rung that is wrong: nothing is said of it
    rungs = "{field: code, form: account_id}, {field: note, from: account_id}"
    told = files.read_text().replace("{field: code, from: account_id}", rungs)
    files.write_text(
        f"mode: create\nobjection: {{field: none, value: 'true'}}\n{told}"
        "  shade: {from: grade, as: as_is, ownership: always, purpose: q}\n"
        "  trend: {from: trend, as: upper, ownership: always, purpose: p}\n"
        "  value: {from: colour, as: as_is, ownership: always, purpose: p}\n"
        "limits: {changed: 1}\n"
    )
    with pytest.raises(MappingError) as refused:
        next(doctor.examined("files"))
    assert str(refused.value).removeprefix("files.yaml: ").split("; ") == [
        "match.0.from is missing",
        "match.0.form: there is no such setting",
        "fields.trend.as 'upper' must be 'as_is', 'lines', 'texts', 'words', 'first' or 'link'",
        "limits.changed: there is no such setting",
        "shade: purpose 'q' is none of p",
        "column colour: the outbox has none of this name",
        "a column of a newer version is there once sales_daily has built scores.crm_outbox",
        "objection or restriction none: files has no such field",
        "shade, value: files has no such fields",
        "how ours are made: docs/delivery.md, After an upgrade",
    ]


def test_where_the_crm_cannot_be_asked_the_faults_of_the_form_are_told_with_why(
    files: Path,
) -> None:
    outbox.write([])
    files.write_text(files.read_text().replace("key: code", "kee: code") + "limits: {a: 1}\n")
    with pytest.raises(MappingError) as refused:
        check.load("files")
    told = str(refused.value)
    assert "limits.a: there is no such setting" in told
    assert "the rest is not checked against the CRM: files: server.key is missing" in told
    assert "server.kee: there is no such setting; is it key?" in told


def test_a_secret_that_stands_in_the_file_is_sent_nowhere(files: Path) -> None:
    files.write_text(files.read_text().replace("secret: ''", "secret: sk-live-hunter2"))
    with pytest.raises(MappingError, match=r"server.secret is the name of a secret") as refused:
        check.load("files")
    assert "hunter2" not in str(refused.value)
    assert "not checked" not in str(refused.value)


def test_a_folder_that_is_not_there_is_nobodys_silence(files: Path, state: Path) -> None:
    (state / "drops").rename(state / "elsewhere")
    (state / "drops").touch()
    with pytest.raises(CrmError, match="is not there: make it, or mount it"):
        next(doctor.examined("files"))
