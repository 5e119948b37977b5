"""The faults that the wire proxy makes: which, and at which requests."""

import random
import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

from infra.sandbox.dialects.plain import MALFORMED, Answer, Plain, Request, WireError

Kind = Literal[
    "cut_before",  # the connection is cut, the server gets nothing
    "cut_early",  # the connection is cut as soon as the server has the request; it goes on
    "cut_after",  # the server has answered, the answer is lost
    "delay",  # the server gets it some seconds later
    "busy",  # 429, with the time to wait
    "unavailable",  # 503
    "expired",  # the session has ended
    "locked",  # another holds a row
    "partial",  # the server gets the first half of the batch, the answer is lost
    "reordered",  # results that are joined by key come in another order
    "restart",  # the server is restarted while it has the request, the answer is lost
    "garbled",  # the server has answered, a page comes instead
]
KINDS: tuple[Kind, ...] = get_args(Kind)
NAMES_A_WAIT = frozenset({"busy", "unavailable"})


@dataclass(frozen=True)
class Fault:
    """What goes wrong, and when."""

    kind: Kind
    on: Collection[int] | None = None  # which of the requests that fit, from 1; null: all
    writes: bool = False  # only write requests fit
    call: str = ""  # regular expression, found in `METHOD path call` of those that fit
    seconds: float = 1.0  # of a delay
    retry_after: float | None = None  # seconds that `busy` and `unavailable` name


class Faults:
    """Counts requests and says which of them meet a fault."""

    def __init__(self, faults: Sequence[Fault], dialect: Plain) -> None:
        self._faults, self._dialect = list(faults), dialect
        self._fitting: Counter[int] = Counter()
        for fault in faults:
            if fault.kind not in KINDS:
                raise WireError(f"no fault is called {fault.kind!r}: one of {', '.join(KINDS)}")
            if fault.kind in dialect.lacks:
                raise WireError(f"{dialect.name} cannot have the fault {fault.kind!r}: remove it")

    def due(self, request: Request) -> Fault | None:
        """The fault that this request meets: the first, if several are due. All count it."""
        due = None
        for at, fault in enumerate(self._faults):
            if not self._fits(fault, request):
                continue
            self._fitting[at] += 1
            if due is None and (fault.on is None or self._fitting[at] in fault.on):
                due = fault
        return due

    def refusal(self, fault: Fault, request: Request) -> Answer:
        """What the proxy says in the server's stead."""
        answer = {
            "busy": self._dialect.busy,
            "unavailable": self._dialect.unavailable,
            "expired": self._dialect.expired,
            "locked": self._dialect.locked,
        }[fault.kind](request)
        assert answer is not None, "see `_fits`"
        if fault.retry_after is None or fault.kind not in NAMES_A_WAIT:
            return answer
        wait = {"Retry-After": f"{fault.retry_after:g}"}
        return replace(answer, headers={**answer.headers, **wait})

    def _fits(self, fault: Fault, request: Request) -> bool:
        dialect = self._dialect
        if fault.writes and not dialect.is_write(request):
            return False
        called = f"{request.method} {request.path} {dialect.call(request)}"
        if fault.call and not re.search(fault.call, called):
            return False
        match fault.kind:
            case "partial":
                return dialect.is_write(request) and self._can_be_parted(request)
            case "reordered":
                return dialect.is_joined(request)
            case "locked":
                return dialect.is_write(request) and dialect.locked(request) is not None
        return True

    def _can_be_parted(self, request: Request) -> bool:
        try:
            return self._dialect.first_half(request) is not None
        except MALFORMED:
            return False


def drawn(
    seed: int, dialect: Plain, requests: int, without: Collection[str] = ("restart",)
) -> Fault:
    """A random fault, the same for the same seed, at one of the first requests that it fits.

    Args:
        requests: how many of those there are to choose from.
        without: kinds that are not drawn; `restart` needs a server that the caller can restart.
    """
    chance = random.Random(seed)
    kinds = [kind for kind in KINDS if kind not in without and kind not in dialect.lacks]
    return Fault(
        kind=chance.choice(kinds),
        on=(chance.randint(1, requests),),
        writes=chance.random() < 0.75,
        seconds=round(chance.uniform(0.1, 3.0), 2),
        retry_after=chance.choice((None, 1, 2)),
    )
