"""The server behind the wire proxy: each request is handed to it once, and never again."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from infra.sandbox.dialects.plain import Answer, Request

CONNECT_SECONDS = 10.0
# A server closes idle connections after some seconds; a request sent at that moment would be lost,
# a fault that nobody asked for.
IDLE_SECONDS = 0.5
# They are of one connection, not of both: https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1
HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
# What the client says of its body and to whom; here it is said anew
OF_THE_REQUEST = HOP_BY_HOP | {"host", "content-length", "expect"}
OWN_HEADERS = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")


class Unreachable(Exception):
    """The server has been given nothing."""


class NoAnswer(Exception):
    """The server has been given the request, or a part of it, and did not answer."""


@dataclass(frozen=True)
class Tls:
    """How the proxy shows itself, and whom it believes."""

    certificate: Path
    key: Path
    ca: Path | None = None  # of the server behind; null: the system's own

    def server(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context

    def client(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.ca)


def passed_on(headers: Mapping[str, str], without: frozenset[str]) -> CIMultiDict[str]:
    return CIMultiDict((name, of) for name, of in headers.items() if name.lower() not in without)


class Upstream:
    """Connections to the server."""

    def __init__(self, url: str, tls: Tls | None) -> None:
        self._url, self._ssl = url, tls.client() if tls else True

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=IDLE_SECONDS, ssl=self._ssl),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
            skip_auto_headers=OWN_HEADERS,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        await self._session.close()

    async def answer(self, request: Request, handed: asyncio.Future[None]) -> Answer:
        """Give the server a request.

        Args:
            handed: is done when it has been given all of it; never, if that has no body.

        Raises:
            Unreachable: it could not be given anything.
            NoAnswer: it went away.
        """
        headers = passed_on(request.headers, OF_THE_REQUEST)
        if request.body or request.method not in {"GET", "HEAD"}:
            headers["Content-Length"] = str(len(request.body))

        async def body() -> AsyncIterator[bytes]:
            yield request.body
            if not handed.done():
                handed.set_result(None)

        try:
            async with self._session.request(
                request.method,
                URL(f"{self._url}{request.target}", encoded=True),
                headers=headers,
                data=body() if request.body else None,
                allow_redirects=False,
            ) as answer:
                told = await answer.read()
        except aiohttp.ClientConnectorError as error:
            raise Unreachable(str(error)) from error
        except (aiohttp.ClientError, OSError) as error:
            raise NoAnswer(str(error)) from error
        return Answer(answer.status, told, passed_on(answer.headers, HOP_BY_HOP))
