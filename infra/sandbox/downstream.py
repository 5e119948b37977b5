"""The client before the wire proxy: its request as it came, an answer, or a cut."""

import socket
import struct

from aiohttp import web

from infra.sandbox.dialects.plain import Answer, Request
from infra.sandbox.upstream import passed_on

RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # on, 0 seconds


async def received(asked: web.BaseRequest) -> Request:
    if asked.headers.get("Expect", "").lower() == "100-continue":
        await asked.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        asked.writer.output_size = 0  # the answer has its headers still to come
    path, _, query = asked.raw_path.partition("?")
    return Request(asked.method, path, query, asked.headers, await asked.content.read())


def response(answer: Answer) -> web.Response:
    headers = passed_on(answer.headers, frozenset({"content-length"}))
    return web.Response(status=answer.status, body=answer.body, headers=headers)


def cut(asked: web.BaseRequest) -> web.Response:
    """Close the client's connection without a word, by a reset.

    Returns:
        what aiohttp asks for; it goes nowhere.
    """
    if asked.transport is not None:
        of_client = asked.transport.get_extra_info("socket")
        of_client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        asked.transport.abort()
    return web.Response()
