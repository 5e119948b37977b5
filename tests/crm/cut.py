"""A wire to PostgreSQL that is cut at a statement: before the server hears it, or its answer."""

import contextlib
import socket
import threading
from typing import Self

PIECE = 1 << 20
# https://www.postgresql.org/docs/current/protocol-message-formats.html: Execute, no row limit
EXECUTE = b"E\x00\x00\x00\t\x00\x00\x00\x00\x00"


class Cut:
    """Stands before a server on loopback; once armed cuts the wire once, and passes on all else.

    Args:
        statement: words of the one at which it is cut: where the client, which had it parsed
            before, asks to run it.
        is_heard: the server is still told to run it.
    """

    def __init__(self, port: int, statement: bytes, is_heard: bool) -> None:
        self._server, self._statement, self._is_heard = port, statement, is_heard
        self.cuts, self.is_armed = 0, False
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.close()

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                server = socket.create_connection(("127.0.0.1", self._server))
                for pump in (self._up, self._down):
                    threading.Thread(target=pump, args=(client, server), daemon=True).start()

    def _up(self, client: socket.socket, server: socket.socket) -> None:
        is_parsed = False
        while piece := received(client):
            is_parsed = is_parsed or (self.is_armed and self._statement in piece)
            if is_parsed and EXECUTE in piece and not self.cuts:
                self.cuts += 1
                end(client)
                if self._is_heard:
                    server.sendall(piece)
                    return  # the answer goes to a client that is gone
                break
            server.sendall(piece)
        end(server)

    def _down(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := received(server):
                client.sendall(piece)
        end(client)
        end(server)


def received(wire: socket.socket) -> bytes:
    try:
        return wire.recv(PIECE)
    except OSError:
        return b""


def end(wire: socket.socket) -> None:
    with contextlib.suppress(OSError):
        wire.shutdown(socket.SHUT_RDWR)
