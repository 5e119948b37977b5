"""Where torch computes: on which device, and with how many threads."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from jobs.settings import settings


def device() -> str:
    """cpu or cuda, as SALES_DEVICE says; `auto` takes a GPU if there is one."""
    asked = settings().device
    if asked != "auto":
        return asked
    return "cuda" if torch.cuda.is_available() else "cpu"


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Torch's threads for a while; the number belongs to the whole process."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
