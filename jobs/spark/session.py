"""Spark sessions: a fixed one per table on the long-lived Spark JVM, over Spark Connect."""

import atexit
import contextlib
import logging
import socket
import uuid
from collections.abc import Iterator

from pyspark.sql import SparkSession
from pyspark.sql.connect.client.retries import DefaultPolicy
from pyspark.sql.connect.session import SparkSession as RemoteSession

from jobs.settings import settings
from jobs.spark import store

# A query that fails writes its whole stack as one JSON line; the exception carries the message.
for logger in ("SQLQueryContextLogger", "DataFrameQueryContextLogger"):
    logging.getLogger(logger).setLevel(logging.CRITICAL)

# Waits of .05 to 12.8 s, 17 s in all: a JVM that died is told of within a breath. The client's own
# 15 retries ask a dead port for ten minutes.
RETRIES = 5


class SparkUnreachable(Exception):
    """No Spark JVM answers at the address of the settings."""


def connect(name: str) -> RemoteSession:
    """The session that belongs to `name`, with whatever a killed client left running stopped.

    A killed client's query goes on in the JVM and may commit later (seen: 33 s after its death),
    over its successor's work. So the id is fixed, and the first act is to interrupt.

    Raises:
        SparkUnreachable: nothing listens there.
    """
    # of this lake: a trial build must not stop the real one's
    owner = f"sales-lakehouse/{settings().lake_uri}/{name}"
    session = _remote(uuid.uuid5(uuid.NAMESPACE_URL, owner))
    # the id must stay usable for the next process: close the channel, keep the server's session
    session.release_session_on_close = False
    session.interruptAll()
    # a MERGE that was killed left its watermark: the next OPTIMIZE would commit it as its own
    store.forget_merge(session)
    return session


@contextlib.contextmanager
def opened(name: str) -> Iterator[RemoteSession]:
    """`connect` for a block; closed at its end."""
    with _closing(connect(name)) as session:
        yield session


@contextlib.contextmanager
def passing() -> Iterator[RemoteSession]:
    """A session that stops nobody's work and is gone at the block's end: to look, not to build."""
    with _closing(_remote(uuid.uuid4())) as session:
        yield session


def _remote(session_id: uuid.UUID) -> RemoteSession:
    here = settings()
    # the host must be the word localhost: with 127.0.0.1 and a token the client insists on TLS
    address = f"sc://localhost:{here.spark_port}/;token={here.secret('spark_token')}"
    _fail_fast(here.spark_port)
    session = SparkSession.builder.remote(
        f"{address};session_id={session_id};user_id=lakehouse"
    ).create()
    assert isinstance(session, RemoteSession)
    session.client.set_retry_policies([DefaultPolicy(max_retries=RETRIES)])
    # a channel that is still open when Python shuts down is waited for without end
    atexit.register(session.stop)
    # Delta 4.4.0 answers max(date) from the log alone, as a class that Connect cannot cast
    session.conf.set("spark.databricks.delta.optimizeMetadataQuery.enabled", "false")
    return session


@contextlib.contextmanager
def _closing(session: RemoteSession) -> Iterator[RemoteSession]:
    try:
        yield session
    finally:
        atexit.unregister(session.stop)
        session.stop()


def _fail_fast(port: int) -> None:
    """The Connect client retries a dead address silently for minutes: ask the port first."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        raise SparkUnreachable(
            f"no Spark server at 127.0.0.1:{port}; start the services with `make up`"
        ) from None
