"""The wire proxy before a small real server: every fault, the witness's log, its command."""

import contextlib
import datetime as dt
import gzip
import ipaddress
import itertools
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import hubspot
import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hubspot.crm.contacts import ApiException, BatchInputSimplePublicObjectBatchInputUpsert
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import SalesforceExpiredSession, SalesforceMalformedRequest

from infra.sandbox import script
from infra.sandbox.dialects import DIALECTS, named
from infra.sandbox.dialects.plain import Request, WireError
from infra.sandbox.faults import KINDS, Fault, drawn
from infra.sandbox.wire import Tls, Wire
from jobs.settings import ROOT
from tests.conftest import free_ports, wait_for_port

SECRET, PERSON = "token-4711", "anna@example.com"
LOST = (httpx.ReadError, httpx.RemoteProtocolError)
FIRST = (1,)
FORCE = "/services/data/v59.0"


class Server(ThreadingHTTPServer):
    """Answers with what it gets, and remembers it."""

    daemon_threads = True

    def __init__(self, port: int = 0, tls: Tls | None = None) -> None:
        super().__init__(("127.0.0.1", port), Echo)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.server_port}"
        if tls:
            self.socket = tls.server().wrap_socket(self.socket, server_side=True)
        self.got: list[bytes] = []
        self.targets: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.answer: bytes | None = None  # in place of what it got
        self.seconds = 0.0  # that it thinks before it answers
        self.done = 0  # requests that it has thought about
        self.connections: list[socket.socket] = []
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        self.connections.append(connection)
        return connection, address

    def stop(self) -> None:
        """As a process that is killed: its connections end with it."""
        self.shutdown()
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.server_close()


class Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except ConnectionError:
            self.close_connection = True

    def any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.got.append(body)
        self.server.targets.append(f"{self.command} {self.path}")
        self.server.headers.append(dict(self.headers))
        time.sleep(self.server.seconds)
        self.server.done += 1
        answer = body if self.server.answer is None else self.server.answer
        self.send_response(200)
        self.send_header("Content-Type", self.headers.get("Content-Type", "application/json"))
        self.send_header("Content-Length", str(len(answer)))
        self.send_header("Set-Cookie", "one=1")
        self.send_header("Set-Cookie", "two=2")
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = any

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.stop()


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    """A certificate that this machine's own address signs for itself."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now, address = dt.datetime.now(dt.UTC), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "ca.pem").write_bytes(certificate.public_bytes(pem))
    (folder / "key.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return Tls(folder / "ca.pem", folder / "key.pem", ca=folder / "ca.pem")


def tryton_write(*pairs: Any, method: str = "model.party.party.write") -> bytes:
    context = {"_timestamp": {}}
    return json.dumps({"id": 1, "method": method, "params": [*pairs, context]}).encode()


WRITE = tryton_write([1], {"score_grade": "A"}, [2], {"score_grade": "B"})
READ = tryton_write([1], ["score_grade"], method="model.party.party.read")


def post(wire: Wire, body: bytes = WRITE, path: str = "/tryton/rpc/") -> httpx.Response:
    return httpx.post(wire.url + path, content=body, timeout=30)


def until(holds: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


# What the proxy leaves alone


def test_a_request_and_its_answer_go_through_as_they_are(server: Server) -> None:
    body, headers = b"\x00\xff" * 9, {"Content-Type": "text/x", "X-One": "1", "Host": "there"}
    with Wire(server.url) as wire, httpx.Client() as client:
        answers = [
            client.request(method, f"{wire.url}/a%2Fb/c?q=%20+x", content=body, headers=headers)
            for method in ("POST", "PUT", "PATCH", "DELETE")
        ]
        answers.append(client.get(f"{wire.url}/a%2Fb/c?q=%20+x", headers=headers))
    assert [answer.content for answer in answers] == [body] * 4 + [b""]
    assert answers[0].headers["Content-Type"] == "text/x"
    assert answers[0].headers.get_list("Set-Cookie") == ["one=1", "two=2"]
    assert {target.partition(" ")[2] for target in server.targets} == {"/a%2Fb/c?q=%20+x"}
    assert {told["X-One"] for told in server.headers} == {"1"}
    assert {told["Host"] for told in server.headers} == {server.url.partition("//")[2]}


def test_a_connection_of_the_client_is_kept_over_many_requests(server: Server) -> None:
    with Wire(server.url) as wire, socket.create_connection(("127.0.0.1", wire.port)) as client:
        for _ in range(3):
            client.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi")
            told = b""
            while not told.endswith(b"\r\n\r\nhi"):
                told += client.recv(4096)
            assert told.startswith(b"HTTP/1.1 200 OK\r\n")


def test_a_client_that_asks_before_it_sends_a_body_is_told_to_go_on(server: Server) -> None:
    with Wire(server.url) as wire, socket.create_connection(("127.0.0.1", wire.port)) as client:
        asks = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
        client.sendall(asks)
        assert client.recv(4096) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"hi")
        assert client.recv(4096).startswith(b"HTTP/1.1 200 OK\r\n")


def test_a_body_of_a_hundred_megabytes_goes_through(server: Server) -> None:
    body = bytes(100_000_000)
    with Wire(server.url) as wire:
        answer = httpx.put(wire.url, content=body, timeout=120)
    assert answer.content == body
    assert wire.entries[0].bytes == len(body)


def test_many_clients_are_served_at_once(server: Server) -> None:
    server.seconds = 0.5
    began = time.monotonic()
    with Wire(server.url) as wire:
        clients = [threading.Thread(target=post, args=(wire,)) for _ in range(20)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
    assert time.monotonic() - began < 20 * server.seconds / 2
    assert sorted(entry.n for entry in wire.entries) == list(range(1, 21))


def test_a_server_that_is_not_there_is_named_and_no_write_is_counted(server: Server) -> None:
    server.stop()
    with Wire(server.url, dialect="tryton") as wire:
        answer = post(wire)
    assert (answer.status_code, wire.writes) == (502, 0)
    assert str(server.server_port) in answer.text
    assert (wire.entries[0].forwarded, wire.entries[0].status) == (False, 502)


def test_a_server_that_goes_away_leaves_the_client_without_an_answer() -> None:
    listening = socket.create_server(("127.0.0.1", 0))

    def hang_up() -> None:
        connection, _ = listening.accept()
        connection.recv(4096)
        connection.close()

    threading.Thread(target=hang_up, daemon=True).start()
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    with Wire(url, dialect="tryton") as wire, pytest.raises(LOST):
        post(wire)
    assert (wire.writes, wire.entries[0].forwarded, wire.entries[0].status) == (1, True, 0)
    listening.close()


# The faults


def test_cut_before_gives_the_server_nothing(server: Server) -> None:
    with Wire(server.url, [Fault("cut_before", on=FIRST)], "tryton") as wire:
        with pytest.raises(httpx.ReadError, match="reset by peer"):
            post(wire)
        assert (server.got, wire.writes) == ([], 0)
        assert post(wire).content == WRITE
    assert (wire.hits("cut_before"), wire.writes) == (1, 1)
    assert [(e.fault, e.forwarded, e.status) for e in wire.entries] == [
        ("cut_before", False, 0),
        ("", True, 200),
    ]


def test_cut_after_loses_the_answer_of_what_was_done(server: Server) -> None:
    with Wire(server.url, [Fault("cut_after", on=FIRST)], "tryton") as wire:
        with pytest.raises(httpx.ReadError, match="reset by peer"):
            post(wire)
        assert (server.done, wire.writes) == (1, 1)
    assert [(e.fault, e.forwarded, e.status) for e in wire.entries] == [("cut_after", True, 200)]


def test_cut_early_leaves_the_server_at_work(server: Server) -> None:
    server.seconds = 1.0
    with Wire(server.url, [Fault("cut_early", on=FIRST)], "tryton") as wire:
        with pytest.raises(LOST):
            post(wire)
        until(lambda: bool(server.got))
        assert (server.got, server.done) == ([WRITE], 0), "cut before the server has answered"
        assert wire.writes == 1
    assert server.done == 1, "the proxy's end waits for what is under way"
    assert [(e.fault, e.forwarded, e.status) for e in wire.entries] == [("cut_early", True, 200)]


def test_delay_keeps_a_request_back(server: Server) -> None:
    with Wire(server.url, [Fault("delay", on=FIRST, seconds=0.7)], "tryton") as wire:
        waiting = threading.Thread(target=post, args=(wire,))
        waiting.start()
        until(lambda: wire.hits("delay") == 1)
        assert server.got == []
        waiting.join()
    assert server.got == [WRITE]


def test_busy_names_the_time_to_wait(server: Server) -> None:
    with Wire(server.url, [Fault("busy", on=range(1, 3), retry_after=7)], "tryton") as wire:
        answers = [post(wire) for _ in range(3)]
    assert [(a.status_code, a.headers.get("Retry-After")) for a in answers] == [
        (429, "7"),
        (429, "7"),
        (200, None),
    ]
    assert (len(server.got), wire.writes, wire.hits("busy")) == (1, 1, 2)


def test_unavailable_comes_with_and_without_a_time(server: Server) -> None:
    faults = [Fault("unavailable", on=(1,), retry_after=2), Fault("unavailable", on=(2,))]
    with Wire(server.url, faults, "tryton") as wire:
        answers = [post(wire) for _ in range(3)]
    assert [(a.status_code, a.headers.get("Retry-After")) for a in answers] == [
        (503, "2"),
        (503, None),
        (200, None),
    ]


@pytest.mark.parametrize(
    ("dialect", "path", "told"),
    [
        ("plain", "/x", "unauthorized"),
        ("tryton", "/tryton/rpc/", "unauthorized"),
        ("odoo", "/json/2/res.partner/write", "werkzeug.exceptions.Unauthorized"),
        ("salesforce", f"{FORCE}/sobjects/Contact", "INVALID_SESSION_ID"),
        ("hubspot", "/crm/v3/objects/contacts", "EXPIRED_AUTHENTICATION"),
    ],
)
def test_expired_is_said_in_the_words_of_the_crm(
    server: Server, dialect: str, path: str, told: str
) -> None:
    with Wire(server.url, [Fault("expired", on=FIRST)], dialect) as wire:
        answer = post(wire, b"{}", path)
    assert (answer.status_code, server.got) == (401, [])
    assert told in answer.text


def test_partial_hands_over_the_first_half_and_loses_the_answer(server: Server) -> None:
    packed = gzip.compress(WRITE)
    faults = [Fault("partial", on=(1, 2))]
    with Wire(server.url, faults, "tryton") as wire:
        with pytest.raises(LOST):
            post(wire)
        with pytest.raises(LOST):
            httpx.post(
                f"{wire.url}/tryton/rpc/", content=packed, headers={"Content-Encoding": "gzip"}
            )
        assert post(wire, READ).content == READ, "not a batch of writes"
    half = tryton_write([1], {"score_grade": "A"})
    assert [json.loads(got) for got in server.got[:2]] == [json.loads(half)] * 2
    assert "Content-Encoding" not in server.headers[1]
    assert wire.writes == 2
    assert [each.id for each in wire.entries[0].records] == ["1", "2"], "as the client meant it"


def test_reordered_results_come_the_other_way_round(server: Server) -> None:
    results = [{"id": "1"}, {"id": "2"}, {"id": "3"}]
    server.answer = json.dumps({"status": "COMPLETE", "results": results}).encode()
    with Wire(server.url, [Fault("reordered")], "hubspot") as wire:
        told = post(wire, b"{}", "/crm/v3/objects/contacts/batch/upsert").json()
        alone = post(wire, b"{}", "/crm/v3/objects/contacts/search").json()
    assert told == {"status": "COMPLETE", "results": results[::-1]}
    assert alone["results"] == results
    assert "Accept-Encoding" not in server.headers[0], "the proxy must read the answer"


def test_restart_loses_the_answer_and_the_next_request_finds_the_server(server: Server) -> None:
    server.seconds = 5.0
    restarted: list[Server] = []

    def restart() -> None:
        until(lambda: bool(server.got))
        server.stop()
        server.seconds = 0
        restarted.append(Server(server.server_port))

    with Wire(server.url, [Fault("restart", on=FIRST)], "tryton", restart=restart) as wire:
        with pytest.raises(LOST):
            post(wire)
        assert post(wire, READ).content == READ
    assert server.got == [WRITE]
    assert restarted[0].got == [READ]
    restarted[0].stop()


def test_garbled_is_a_page_in_place_of_the_answer(server: Server) -> None:
    with Wire(server.url, [Fault("garbled", on=FIRST)], "tryton") as wire:
        answer = post(wire)
    assert answer.headers["Content-Type"].startswith("text/html")
    assert answer.text.startswith("<!DOCTYPE html>")
    assert (server.got, wire.writes) == ([WRITE], 1)


def test_on_write_is_called_when_the_server_has_answered_and_may_lose_the_answer(
    server: Server,
) -> None:
    calls: list[tuple[int, int]] = []

    def on_write(n: int) -> bool:
        calls.append((n, server.done))
        return n == 2

    with Wire(server.url, dialect="tryton", on_write=on_write) as wire:
        post(wire, READ)
        post(wire)
        with pytest.raises(LOST):
            post(wire)
    assert calls == [(1, 2), (2, 3)]
    assert wire.writes == 2


def test_a_client_that_is_killed_at_a_write_leaves_a_whole_log(server: Server) -> None:
    process: list[subprocess.Popen[bytes]] = []

    def on_write(n: int) -> bool:
        if n == 3:
            process[0].kill()
        return False

    with Wire(server.url, on_write=on_write) as wire:
        forever = "import httpx, sys\nwhile True: httpx.post(sys.argv[1], content=b'x')"
        process.append(subprocess.Popen([sys.executable, "-c", forever, wire.url]))
        assert process[0].wait(timeout=60) == -signal.SIGKILL
    assert [entry.status for entry in wire.entries[:3]] == [200] * 3
    assert len(wire.entries) == len(server.got) == wire.writes


# When a fault strikes


def test_a_fault_counts_the_requests_that_fit_it_only(server: Server) -> None:
    faults = [Fault("unavailable", writes=True, on=(2,)), Fault("busy", call="read$", on=(1,))]
    with Wire(server.url, faults, "tryton") as wire:
        told = [post(wire, body).status_code for body in (WRITE, READ, READ, WRITE, WRITE)]
    assert told == [200, 429, 200, 503, 200]


def test_of_two_faults_at_one_request_the_first_is_made(server: Server) -> None:
    faults = [Fault("busy", on=(2,)), Fault("unavailable", on=(2, 3))]
    with Wire(server.url, faults) as wire:
        told = [post(wire).status_code for _ in range(4)]
    assert told == [200, 429, 503, 200]


@pytest.mark.parametrize("dialect", sorted(DIALECTS))
def test_a_fault_is_drawn_by_its_seed_and_each_kind_has_its_turn(dialect: str) -> None:
    speaks = named(dialect)
    faults = [drawn(seed, speaks, requests=5) for seed in range(300)]
    assert faults == [drawn(seed, speaks, requests=5) for seed in range(300)]
    assert {fault.kind for fault in faults} == set(KINDS) - speaks.lacks - {"restart"}
    assert {number for fault in faults for number in fault.on or ()} == {1, 2, 3, 4, 5}
    Wire("http://127.0.0.1:1", faults, dialect)


@pytest.mark.parametrize(
    ("faults", "dialect", "told"),
    [
        ([Fault("explode")], "plain", "no fault is called 'explode': one of cut_before"),  # type: ignore[arg-type]
        ([Fault("reordered")], "odoo", "odoo cannot have the fault 'reordered'"),
        ([Fault("restart")], "odoo", "nothing says how"),
        ([], "sugar", "speaks no 'sugar': one of .*hubspot, odoo"),
    ],
)
def test_what_cannot_be_is_refused_with_its_reason(
    faults: list[Fault], dialect: str, told: str
) -> None:
    with pytest.raises(WireError, match=told):
        Wire("http://127.0.0.1:1", faults, dialect)


def test_a_port_that_is_taken_is_an_error_at_once(server: Server) -> None:
    with pytest.raises(WireError, match="in use"), Wire(server.url, port=server.server_port):
        pass


# The witness


def test_the_log_has_a_line_for_each_request_and_nothing_to_hide(
    server: Server, tmp_path: Path
) -> None:
    log = tmp_path / "wire.jsonl"
    upsert = {"inputs": [{"id": PERSON, "idProperty": "email", "properties": {"name": "Anna"}}]}
    headers = {"Authorization": f"Bearer {SECRET}", "Cookie": SECRET}
    with Wire(server.url, [Fault("busy", on=(2,))], "hubspot", log=log) as wire:
        path = f"{wire.url}/crm/v3/objects/contacts/batch/upsert?hapikey={SECRET}"
        httpx.post(path, json=upsert, headers=headers)
        httpx.post(path, json=upsert, headers=headers)
        httpx.patch(f"{wire.url}/crm/v3/objects/contacts/{PERSON}", json={"name": "Anna"})
        httpx.get(f"{wire.url}/crm/v3/objects/contacts/anna%40example.com?q={PERSON}")
    text = log.read_text()
    for hidden in (SECRET, PERSON, "anna", "Anna", "hapikey"):
        assert hidden not in text
    first, second, third, fourth = (json.loads(line) for line in text.splitlines())
    assert first == {
        "n": 1,
        "at": first["at"],
        "method": "POST",
        "path": "/crm/v3/objects/contacts/batch/upsert",
        "call": "",
        "is_write": True,
        "records": first["records"],
        "bytes": first["bytes"],
        "fault": "",
        "forwarded": True,
        "status": 200,
    }
    assert dt.datetime.fromisoformat(first["at"]).utcoffset() == dt.timedelta(0)
    assert second["records"] == first["records"], "the same record and values, twice"
    assert (second["fault"], second["forwarded"], second["status"]) == ("busy", False, 429)
    assert third["is_write"]
    assert not fourth["is_write"]


def test_what_the_witness_saw_is_what_the_server_got_whatever_went_wrong(server: Server) -> None:
    speaks = named("tryton")
    faults = [drawn(seed, speaks, requests=200) for seed in range(120)]
    faults = [replace(fault, seconds=0.01, retry_after=None) for fault in faults]

    def client(number: int) -> None:
        with httpx.Client(timeout=30) as kept:
            for n in range(40):
                body = tryton_write([number], {"n": n}, [number + 100], {"n": n})
                with contextlib.suppress(*LOST):
                    kept.post(f"{wire.url}/tryton/rpc/", content=body)

    with Wire(server.url, faults, "tryton") as wire:
        clients = [threading.Thread(target=client, args=(number,)) for number in range(6)]
        for each in clients:
            each.start()
        for each in clients:
            each.join()
    assert len(wire.entries) == 6 * 40, "no client sends again by itself"
    forwarded = [entry for entry in wire.entries if entry.forwarded]
    assert len(server.got) == wire.writes == len(forwarded) < 6 * 40
    assert len({entry.fault for entry in wire.entries}) > 5
    whole = [speaks.records(Request("POST", "/tryton/rpc/", "", {}, got)) for got in server.got]
    seen = Counter(tuple(each.records) for each in forwarded if each.fault != "partial")
    assert seen == Counter(tuple(records) for records in whole if len(records) == 2)


# What it does not understand, and what it must remember


@pytest.mark.parametrize("dialect", sorted(DIALECTS))
def test_a_malformed_request_is_the_servers_to_refuse(server: Server, dialect: str) -> None:
    faults = [Fault("partial", on=(99,))] if "partial" not in named(dialect).lacks else []
    bodies = (b"", b"[]", b"{}", b'{"params": 3, "inputs": 3}', b'{"params": {}}', b"\xff\x00")
    places = ("/jobs/ingest/1/batches", "/composite", "/batch/upsert")
    paths = ("/", "/tryton/rpc/", "/jsonrpc", "/json/2/m/write", *(FORCE + p for p in places))
    with Wire(server.url, faults, dialect) as wire, httpx.Client() as client:
        for body, path in itertools.product(bodies, paths):
            assert client.post(wire.url + path, content=body).content == body
    assert len(wire.entries) == len(bodies) * len(paths)


def test_rows_of_a_salesforce_job_are_known_by_the_field_that_the_job_named(
    server: Server,
) -> None:
    server.answer = json.dumps({"id": "750R0", "externalIdFieldName": "Key__c"}).encode()
    with Wire(server.url, dialect="salesforce") as wire:
        post(wire, b"{}", f"{FORCE}/jobs/ingest")
        httpx.put(
            f"{wire.url}{FORCE}/jobs/ingest/750R0/batches",
            content=b'A__c,Key__c\n"1\n2",77\n',
        )
    assert [each.id for each in wire.entries[1].records] == ["77"]


# Vendors' and community clients through it


def test_the_salesforce_client_goes_through_over_tls(tls: Tls) -> None:
    server = Server(tls=tls)
    server.answer = json.dumps({"records": [], "done": True}).encode()
    session = requests.Session()
    session.verify, session.trust_env = str(tls.certificate), False
    faults = [Fault("expired", on=(1,)), Fault("cut_after", on=(2,)), Fault("locked", on=(2,))]
    with Wire(server.url, faults, "salesforce", tls=tls) as wire:
        assert wire.url.startswith("https://127.0.0.1:")
        client = Salesforce(instance_url=wire.url, session_id=SECRET, session=session)
        with pytest.raises(SalesforceExpiredSession):
            client.query("select Id from Contact")
        with pytest.raises(requests.ConnectionError):
            client.Contact.update("003A", {"A__c": 1})
        with pytest.raises(SalesforceMalformedRequest, match="UNABLE_TO_LOCK_ROW"):
            client.Contact.update("003A", {"A__c": 1})
        assert client.query("select Id from Contact")["records"] == []
    assert (len(server.got), wire.writes) == (2, 1)
    server.stop()


def test_the_hubspot_client_understands_what_it_is_told(server: Server) -> None:
    server.answer = json.dumps({"status": "COMPLETE", "results": []}).encode()
    faults = [Fault("busy", on=(1,), retry_after=3), Fault("locked", on=(2,))]
    batch = BatchInputSimplePublicObjectBatchInputUpsert(inputs=[])
    with Wire(server.url, faults, "hubspot") as wire:
        upsert = hubspot.Client.create(
            access_token=SECRET, host=wire.url
        ).crm.contacts.batch_api.upsert
        with pytest.raises(ApiException) as busy:
            upsert(batch)
        with pytest.raises(ApiException) as locked:
            upsert(batch)
        assert upsert(batch).status == "COMPLETE"
    assert (busy.value.status, busy.value.headers["Retry-After"]) == (429, "3")
    assert locked.value.status == 423


# The file and the command


def test_a_file_says_what_goes_wrong(tmp_path: Path) -> None:
    file = tmp_path / "faults.yaml"
    file.write_text(
        """
        faults:
          - {kind: busy, on: 1-3, retry_after: 2}
          - {kind: cut_after, writes: true, call: load$, on: [2, 5-6]}
          - kind: delay
            seconds: 0.5
        restart: [echo, "yes"]
        """
    )
    assert script.read(file) == (
        [
            Fault("busy", on=(1, 2, 3), retry_after=2),
            Fault("cut_after", writes=True, call="load$", on=(2, 5, 6)),
            Fault("delay", seconds=0.5),
        ],
        ["echo", "yes"],
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("faults: [{on: 1}]", "fault 1 has no `kind`"),
        (
            "faults: [{kind: busy}, {kind: busy, at: 1}]",
            r"fault 2 has \['at'\]; known are kind, on",
        ),
        ("faults: [{kind: busy, on: 0}]", "`on` is '0': give numbers from 1"),
        ("faults: [{kind: busy, on: soon}]", "`on` is 'soon'"),
        ("faults: [{kind: busy, writes: perhaps}]", "`writes` is 'perhaps': give true or false"),
        ("faults: [{kind: busy, call: '('}]", "not a regular expression"),
        ("faults: [{kind: delay, seconds: long}]", "`seconds` is 'long'"),
        ("faults: [busy]", "fault 1 is 'busy'"),
        ("faults: busy", "`faults` is no list"),
        ("fault: []", r"has \['fault'\]; known are"),
        ("- {kind: busy}", "known are `faults`"),
        ("{", "cannot be read as YAML"),
        ("restart: [echo]", "`faults` is no list"),
    ],
)
def test_a_wrong_file_is_refused_with_the_place(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "faults.yaml"
    file.write_text(text)
    with pytest.raises(WireError, match=told):
        script.read(file)


def test_the_command_stands_before_a_server_until_it_is_ended(
    server: Server, tmp_path: Path
) -> None:
    faults, log, out = tmp_path / "faults.yaml", tmp_path / "wire.jsonl", tmp_path / "out"
    mark = tmp_path / "restarted $(id)"
    restart = f"restart: [touch, '{mark}']"
    faults.write_text(
        f"faults: [{{kind: unavailable, on: 1}}, {{kind: restart, on: 2}}]\n{restart}\n"
    )
    port = free_ports(1)
    told = {"to": server.url, "port": port, "dialect": "tryton", "faults": faults, "log": log}
    options = [f"--{name}={value}" for name, value in told.items()]
    with out.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "infra.sandbox.wire", *options],
            cwd=ROOT,
            stdout=file,
            stderr=file,
        )
        try:
            wait_for_port(port, process, out)
            url = f"http://127.0.0.1:{port}/tryton/rpc/"
            assert httpx.post(url, content=WRITE).status_code == 503
            with pytest.raises(LOST):
                httpx.post(url, content=WRITE)
            process.terminate()
            assert process.wait(timeout=30) == 0, out.read_text()
        finally:
            process.kill()
    assert mark.exists(), "no shell reads the words of the command"
    assert [json.loads(line)["fault"] for line in log.open()] == ["unavailable", "restart"]
    assert out.read_text().endswith("1 write requests were handed over\n")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--to=http://127.0.0.1:1", "--dialect=sugar"], "speaks no 'sugar'"),
        (["--to=https://127.0.0.1:1"], "speaks TLS"),
        (["--to=127.0.0.1:1"], "no address of a server"),
    ],
)
def test_the_command_says_in_a_sentence_what_it_cannot_do(
    tmp_path: Path, options: list[str], told: str
) -> None:
    command = [sys.executable, "-m", "infra.sandbox.wire", f"--log={tmp_path}/log", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert told in done.stderr
    assert "Traceback" not in done.stderr
