"""The double on a port of loopback, in this process or, for tests, in a thread of it."""

from contextlib import AbstractContextManager

import uvicorn

from infra.sandbox.listening import LOOPBACK, in_a_thread
from infra.sandbox.salesforce.api import app
from infra.sandbox.salesforce.certificate import Pair
from infra.sandbox.salesforce.org import Org

IDLE_SECONDS = 300  # a client may leave a connection open between two requests


def config(org: Org, pair: Pair, port: int = 0) -> uvicorn.Config:
    return uvicorn.Config(
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


def served(org: Org, pair: Pair) -> AbstractContextManager[str]:
    """The double's address while it listens, on any free port."""
    return in_a_thread(config(org, pair))
