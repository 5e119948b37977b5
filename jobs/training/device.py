"""Where torch computes: on which device, in which precision, with how many threads."""

import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache

import torch

from jobs.settings import settings

logger = logging.getLogger(__name__)


def device() -> str:
    """cpu or cuda, as SALES_DEVICE says; `auto` takes a GPU if there is one."""
    found = settings().device
    if found == "auto":
        found = "cuda" if torch.cuda.is_available() else "cpu"
    _tell(found)
    return found


@cache
def _tell(device: str) -> None:
    """Once a process: a bench asks hundreds of times."""
    logger.info("torch computes on %s", device)


def processes(device: str) -> int:
    """Processes that learn one network together: one for each GPU, one on a CPU."""
    return max(1, torch.cuda.device_count()) if device == "cuda" else 1


def precision(device: str) -> AbstractContextManager[None]:
    """bfloat16 for what gains by it on a GPU; a CPU computes in single precision."""
    kind = device.partition(":")[0]
    return torch.autocast(kind, torch.bfloat16, enabled=kind == "cuda")


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Torch's threads for a while; the number belongs to the whole process."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
