"""A double in a thread of this process, for tests and benches."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

LOOPBACK = "127.0.0.1"


@contextmanager
def in_a_thread(config: uvicorn.Config) -> Iterator[str]:
    """The server's address while it listens, on any free port."""
    port, server = socket.create_server((LOOPBACK, 0)), uvicorn.Server(config)
    running = threading.Thread(target=server.run, args=([port],), daemon=True)
    running.start()
    scheme = "https" if config.is_ssl else "http"
    try:
        yield f"{scheme}://{LOOPBACK}:{port.getsockname()[1]}"
    finally:
        server.should_exit = True
        running.join(timeout=10)
        port.close()
