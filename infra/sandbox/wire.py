"""The wire proxy: stands before a CRM's server, makes faults, and logs every request as a witness.

Whoever talks to `Wire.url` talks to the server behind it. What goes wrong, and at which request, is
a list of faults; how the CRM would say so is a matter of its dialect.
"""

import asyncio
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

import typer
from aiohttp import web

from infra.sandbox import script
from infra.sandbox.dialects import DIALECTS, named
from infra.sandbox.dialects.plain import (
    MALFORMED,
    Plain,
    Request,
    Touched,
    WireError,
    shown,
    shown_path,
)
from infra.sandbox.downstream import cut, received, response
from infra.sandbox.exchange import Exchange
from infra.sandbox.faults import Fault, Faults
from infra.sandbox.upstream import Tls, Upstream
from infra.sandbox.witness import Entry, Witness
from jobs import command

__all__ = ["Fault", "Tls", "Wire"]

LOOPBACK = "127.0.0.1"
CLOSE_SECONDS = 60.0  # how long requests that are under way may take when the proxy is closed
LARGE_BYTES = 1 << 18  # a body that takes longer to read than to hand to another thread


class Wire:
    """The proxy on a port of its own, from `with` to its end.

    Args:
        url: of the server behind.
        faults: what goes wrong; none: it is a witness only.
        dialect: of the CRM behind, by name or made to measure.
        port: on loopback; 0: any that is free.
        tls: needed where `url` is https, as the proxy speaks what the server speaks.
        log: file to which each request is appended; null: they are kept in `entries`.
        on_write: called when the server has answered the n-th write request, before the answer
            goes on; if it returns true the answer is lost.
        restart: restarts the server and returns when it listens; for the fault of that name.
    """

    def __init__(
        self,
        url: str,
        faults: Sequence[Fault] = (),
        dialect: str | Plain = "plain",
        *,
        port: int = 0,
        tls: Tls | None = None,
        log: Path | None = None,
        on_write: Callable[[int], bool] = lambda n: False,
        restart: Callable[[], object] | None = None,
    ) -> None:
        self._to, self._tls, self._log = url.rstrip("/"), tls, log
        self._dialect = named(dialect) if isinstance(dialect, str) else dialect
        self._faults = Faults(faults, self._dialect)
        self._exchange = Exchange(self._faults, self._dialect, on_write, restart)
        self.port, self._requests = port, 0
        self._under_way: set[asyncio.Task[Any]] = set()
        if any(fault.kind == "restart" for fault in faults) and restart is None:
            raise WireError("a fault is `restart`, and nothing says how: give `restart` a command")
        if urlsplit(url).scheme not in {"http", "https"}:
            raise WireError(f"{url!r} is no address of a server: give http://… or https://…")
        if urlsplit(url).scheme == "https" and tls is None:
            raise WireError(f"{url} speaks TLS: give `tls` a certificate to show to clients")

    @property
    def url(self) -> str:
        return f"{urlsplit(self._to).scheme}://{LOOPBACK}:{self.port}"

    @property
    def writes(self) -> int:
        """Write requests that the server has been given, whole or in part."""
        return self._exchange.writes

    @property
    def entries(self) -> list[Entry]:
        """All requests that have ended, where no file takes them."""
        return self._witness.entries

    def hits(self, kind: str) -> int:
        """How often a fault was made."""
        return self._exchange.hits[kind]

    def __enter__(self) -> Self:
        self._witness = Witness(self._log)
        self._loop, self._over = asyncio.new_event_loop(), asyncio.Event()
        listening: Future[int] = Future()
        self._thread = threading.Thread(target=self._run, args=(listening,), daemon=True)
        self._thread.start()
        try:
            self.port = listening.result()
        except OSError as error:  # also where the certificate cannot be read
            self._witness.close()
            raise WireError(f"{self.url} cannot be listened on: {error}") from error
        return self

    def __exit__(self, *_: object) -> None:
        """Requests that the server still has are waited for: the witness sees them all."""
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()
        self._witness.close()

    def _run(self, listening: Future[int]) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            try:
                runner.run(self._serve(listening))
            except Exception as error:
                if listening.done():
                    raise
                listening.set_exception(error)

    async def _serve(self, listening: Future[int]) -> None:
        server = web.Server(self._handle, access_log=None, auto_decompress=False)
        runner = web.ServerRunner(server, shutdown_timeout=CLOSE_SECONDS)
        await runner.setup()
        certificate = self._tls.server() if self._tls else None
        async with Upstream(self._to, self._tls) as self._upstream:
            await web.TCPSite(runner, LOOPBACK, self.port, ssl_context=certificate).start()
            listening.set_result(runner.addresses[0][1])
            await self._over.wait()
            if self._under_way:
                await asyncio.wait(self._under_way, timeout=CLOSE_SECONDS)
            await runner.cleanup()

    async def _handle(self, asked: web.BaseRequest) -> web.StreamResponse:
        """Also when the client has gone meanwhile: the server has not."""
        request, at = await received(asked), datetime.now(UTC)
        seeing = asyncio.ensure_future(self._seen(request, at, asked))
        self._under_way.add(seeing)
        seeing.add_done_callback(self._under_way.discard)
        return await asyncio.shield(seeing)

    async def _seen(
        self, request: Request, at: datetime, asked: web.BaseRequest
    ) -> web.StreamResponse:
        self._requests += 1
        n, is_write = self._requests, self._dialect.is_write(request)
        records = await self._records(request) if is_write else []
        fault = self._faults.due(request)
        course = await self._exchange.course(fault, request, self._upstream, lambda: cut(asked))
        entry = Entry(
            n=n,
            at=at.isoformat(timespec="milliseconds"),
            method=request.method,
            path=shown_path(request.path),
            call=shown(self._dialect.call(request)),
            is_write=is_write,
            records=records,
            bytes=len(request.body),
            fault=fault.kind if fault else "",
            forwarded=course.forwarded,
            status=course.status,
        )
        self._witness.note(entry)
        return cut(asked) if course.answer is None else response(course.answer)

    async def _records(self, request: Request) -> list[Touched]:
        try:
            if len(request.body) < LARGE_BYTES:
                return self._dialect.records(request)
            return await asyncio.to_thread(self._dialect.records, request)
        except MALFORMED:
            return []


Url = Annotated[str, typer.Option("--to", help="The server behind.")]
Port = Annotated[int, typer.Option(help="Here the proxy listens, on loopback; 0: any.")]
Dialect = Annotated[str, typer.Option(help=", ".join(DIALECTS))]
Script = Annotated[Path | None, typer.Option("--faults", help="YAML; without: a witness only.")]
Log = Annotated[Path, typer.Option(help="JSON lines are appended to it.")]
Certificate = Annotated[Path | None, typer.Option(help="PEM, shown to clients of an https server.")]
Key = Annotated[Path | None, typer.Option(help="PEM, of the certificate.")]
Ca = Annotated[Path | None, typer.Option(help="PEM, by which the server behind is believed.")]


def main(
    to: Url,
    log: Log,
    port: Port = 0,
    dialect: Dialect = "plain",
    faults: Script = None,
    certificate: Certificate = None,
    key: Key = None,
    ca: Ca = None,
) -> None:
    """Stand before a server until Ctrl-C, making the faults of a file and logging every request."""
    wanted, restart = script.read(faults) if faults else ([], [])
    tls = Tls(certificate, key, ca) if certificate and key else None
    wire = Wire(
        to,
        wanted,
        dialect,
        port=port,
        tls=tls,
        log=log,
        restart=(lambda: subprocess.run(restart, check=True)) if restart else None,
    )
    signals: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: signals.append(number))
    with wire:
        print(f"{wire.url} stands before {to} and logs to {log}", flush=True)
        while not signals:
            # a signal may be given to another thread: it wakes no wait without end
            time.sleep(0.2)
    print(f"{wire.writes} write requests were handed over")


if __name__ == "__main__":
    command.run(main)
