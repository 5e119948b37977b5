"""How a command ends: what can be told in a sentence is told in one, anything else with its stack.

`command.run(main)` stands where `typer.run(main)` would; Ctrl-C ends with 130, as in a shell.
"""

import errno
import logging
import sys
from collections.abc import Callable

import typer

# Our own exceptions are raised for a person to read: the thing, the value, the cure.
OURS = ("jobs.", "infra.", "__main__")
SPARK = "pyspark.errors."
# what Spark's client says when its server has died under it
GONE = ("NO_ACTIVE_SESSION", "SESSION_CHANGED", "SESSION_NOT_FOUND", "StatusCode.UNAVAILABLE")


def tell_facts() -> None:
    """Our own log lines go to the terminal as they are; libraries tell of warnings only."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    for library in ("httpx", "mlflow"):
        logging.getLogger(library).setLevel(logging.WARNING)


def number(n: int, one: str, many: str) -> str:
    """How many of what, such as 1 batch and 2,469 batches."""
    return f"{n:,} {one if n == 1 else many}"


def run(main: Callable[..., object] | typer.Typer) -> None:
    """Run a function, or a Typer with several commands, as this process's command line."""
    try:
        if isinstance(main, typer.Typer):
            main()
        else:
            typer.run(main)
    except Exception as error:
        told = sentence(error)
        if told is None:
            raise
        sys.exit(f"error: {told}")


def sentence(error: Exception) -> str | None:
    """What a person needs to know of an error; null where only its stack can tell.

    Of a Spark error the first line: the rest is the JVM's stack or the query's plan.
    """
    home = f"{type(error).__module__}."
    if home.startswith(OURS):
        return str(error)
    if home.startswith(SPARK) and any(word in str(error) for word in GONE):
        return "the Spark server went away meanwhile: run again once `make status` calls it well"
    if home.startswith(SPARK):
        return str(error).strip().partition("\n")[0]
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        where = f" ({error.filename})" if error.filename else ""
        return f"the disk is full{where}: free some space and run again"
    return None
