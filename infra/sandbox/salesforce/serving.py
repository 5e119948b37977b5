"""The double on a port of loopback, in this process or, for tests, in a thread of it."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from infra.sandbox.salesforce.api import app
from infra.sandbox.salesforce.certificate import Pair
from infra.sandbox.salesforce.org import Org

LOOPBACK = "127.0.0.1"
IDLE_SECONDS = 300  # a client may leave a connection open between two requests


def server(org: Org, pair: Pair, port: int) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(
            app(org),
            host=LOOPBACK,
            port=port,
            ssl_certfile=pair.certificate,
            ssl_keyfile=pair.key,
            timeout_keep_alive=IDLE_SECONDS,
            timeout_graceful_shutdown=2,
            log_level="warning",
            access_log=False,
        )
    )


@contextmanager
def served(org: Org, pair: Pair) -> Iterator[str]:
    """The double's address while it listens, on any free port."""
    listening = socket.create_server((LOOPBACK, 0))
    running = server(org, pair, 0)
    thread = threading.Thread(target=running.run, args=([listening],), daemon=True)
    thread.start()
    try:
        yield f"https://{LOOPBACK}:{listening.getsockname()[1]}"
    finally:
        running.should_exit = True
        thread.join(timeout=10)
        listening.close()
