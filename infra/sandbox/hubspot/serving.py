"""A double in a thread of this process, for tests."""

import socket
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import uvicorn
from starlette.applications import Starlette

from infra.sandbox.hubspot.api import Sandbox, app

LOOPBACK = "127.0.0.1"


def served(sandbox: Sandbox) -> AbstractContextManager[str]:
    """The double's address while it listens."""
    return listening(app(sandbox))


@contextmanager
def listening(application: Starlette) -> Iterator[str]:
    """The address of an application while it listens, on any free port."""
    port = socket.create_server((LOOPBACK, 0))
    server = uvicorn.Server(uvicorn.Config(application, log_config=None, access_log=False))
    running = threading.Thread(target=server.run, args=([port],), daemon=True)
    running.start()
    try:
        yield f"http://{LOOPBACK}:{port.getsockname()[1]}"
    finally:
        server.should_exit = True
        running.join(timeout=10)
        port.close()
