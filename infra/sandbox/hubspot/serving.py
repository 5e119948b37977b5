"""The double in a thread of this process, for tests."""

from contextlib import AbstractContextManager

import uvicorn
from starlette.applications import Starlette

from infra.sandbox.hubspot.api import Sandbox, app
from infra.sandbox.listening import in_a_thread


def served(sandbox: Sandbox) -> AbstractContextManager[str]:
    """The double's address while it listens."""
    return listening(app(sandbox))


def listening(application: Starlette) -> AbstractContextManager[str]:
    """The address of an application while it listens, on any free port."""
    return in_a_thread(uvicorn.Config(application, log_config=None, access_log=False))
