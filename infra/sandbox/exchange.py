"""What becomes of one request at the wire proxy: it meets its fault, or the server answers it."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

from infra.sandbox.dialects.plain import MALFORMED, Answer, Plain, Request
from infra.sandbox.faults import Fault, Faults
from infra.sandbox.upstream import NoAnswer, Unreachable, Upstream

PAGE = Answer(
    200,
    b"<!DOCTYPE html><html><body><h1>Please stand by</h1></body></html>",
    {"Content-Type": "text/html"},
)


@dataclass(frozen=True)
class Course:
    """What became of a request."""

    forwarded: bool  # the server has been given it, or a part of it
    status: int  # of the server's answer, else of the proxy's; 0: there was none
    answer: Answer | None  # that the client gets; null: its connection is cut


class Exchange:
    """All requests of one proxy.

    Args:
        on_write: called when the server has answered the n-th write request; if it returns true
            the answer is lost.
        restart: restarts the server and returns when it listens.
    """

    def __init__(
        self,
        faults: Faults,
        dialect: Plain,
        on_write: Callable[[int], bool],
        restart: Callable[[], object] | None,
    ) -> None:
        self._faults, self._dialect = faults, dialect
        self._on_write, self._restart = on_write, restart
        self._is_up = asyncio.Event()
        self._is_up.set()
        self.writes, self.hits = 0, Counter[str]()

    async def course(
        self, fault: Fault | None, request: Request, server: Upstream, cut: Callable[[], object]
    ) -> Course:
        """Let the request meet its fault, or none.

        Args:
            cut: cuts the client's connection now.
        """
        if fault is None:
            return await self._forward(request, server)
        self.hits[fault.kind] += 1
        match fault.kind:
            case "cut_before":
                return Course(False, 0, None)
            case "busy" | "unavailable" | "expired" | "locked":
                refusal = self._faults.refusal(fault, request)
                return Course(False, refusal.status, refusal)
            case "delay":
                await asyncio.sleep(fault.seconds)
            case "partial":
                request = request.with_body(self._dialect.first_half(request))
            case "reordered":
                request = request.without("Accept-Encoding")
        return self._changed(await self._forward(request, server, fault, cut), fault, request)

    async def _forward(
        self,
        request: Request,
        server: Upstream,
        fault: Fault | None = None,
        cut: Callable[[], object] = lambda: None,
    ) -> Course:
        await self._is_up.wait()
        is_write = self._dialect.is_write(request)
        self.writes += is_write
        n, handed = self.writes, asyncio.get_running_loop().create_future()
        answering = asyncio.ensure_future(server.answer(request, handed))
        if fault is not None and fault.kind in {"cut_early", "restart"}:
            await asyncio.wait((answering, handed), return_when=asyncio.FIRST_COMPLETED)
            await self._restarted() if fault.kind == "restart" else cut()
        try:
            answer = await answering
        except Unreachable as error:
            self.writes -= is_write
            return Course(False, 502, bad_gateway(error))
        except NoAnswer:
            return Course(True, 0, None)
        self._learn(request, answer)
        is_lost = is_write and await asyncio.to_thread(self._on_write, n)
        return Course(True, answer.status, None if is_lost else answer)

    async def _restarted(self) -> None:
        """Other requests wait until the server is there again."""
        assert self._restart is not None
        self._is_up.clear()
        try:
            await asyncio.to_thread(self._restart)
        finally:
            self._is_up.set()

    def _learn(self, request: Request, answer: Answer) -> None:
        try:
            self._dialect.learn(request, answer)
        except MALFORMED:
            return

    def _changed(self, course: Course, fault: Fault, request: Request) -> Course:
        """What the fault leaves of the server's answer."""
        if course.answer is None or not course.forwarded:
            return course
        match fault.kind:
            case "cut_after" | "cut_early" | "partial" | "restart":
                return replace(course, answer=None)
            case "garbled":
                return replace(course, answer=PAGE)
            case "reordered":
                return replace(course, answer=self._reordered(request, course.answer))
        return course

    def _reordered(self, request: Request, answer: Answer) -> Answer:
        """An answer without results, an error perhaps, stays as it is."""
        try:
            return replace(answer, body=self._dialect.reordered(request, answer.body))
        except MALFORMED:
            return answer


def bad_gateway(error: Unreachable) -> Answer:
    told = f"the wire proxy cannot reach the server behind it: {error}"
    return Answer(502, told.encode(), {"Content-Type": "text/plain"})
