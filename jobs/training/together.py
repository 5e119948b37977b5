"""One network, several processes: each learns from its share of a batch, gradients are averaged.

PyTorch's DistributedDataParallel; processes are started by Spark's TorchDistributor where a Spark
session is open, otherwise by torchrun, which is what TorchDistributor runs too.
"""

import pickle
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import distributed, nn

from jobs.settings import ROOT
from jobs.training.device import threads
from jobs.training.learning import Examples, Learning, Plan, identity
from jobs.training.written import whole


def learn(
    network: nn.Module,
    examples: Examples,
    plan: Plan,
    device: str,
    together: int,
    folder: Path,
    seconds: float,
) -> list[float]:
    """Let several processes learn: work goes to them as a file, what they learnt comes as one."""
    file = folder / f"{identity(network, examples, plan)}-{together}.pt"
    with tempfile.TemporaryDirectory() as place:
        work = Path(place, "work.pkl")
        work.write_bytes(pickle.dumps((network.cpu(), examples, plan, device, file, seconds)))
        _start(together, work, device)
        learnt: dict[str, Any] = torch.load(work.with_name("learnt.pt"), weights_only=True)
    network.load_state_dict(learnt["network"])
    network.to(device).eval()
    return list(learnt["losses"])


def _start(together: int, work: Path, device: str) -> None:
    """By Spark's TorchDistributor where a Spark session is open, else by torchrun: it does too."""
    spark = sys.modules.get("pyspark.sql")
    if spark is not None and spark.SparkSession.getActiveSession() is not None:
        from pyspark.ml.torch.distributor import TorchDistributor

        def begin(root: str, work: str) -> None:
            # in here: what has no module goes to the process whole, with its search path
            import sys

            sys.path.insert(0, root)
            from jobs.training.together import take_part

            take_part(work)

        distributor = TorchDistributor(together, local_mode=True, use_gpu=device == "cuda")
        distributor.run(begin, str(ROOT), str(work))
        return
    torchrun = ("-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={together}")
    subprocess.run(
        [sys.executable, *torchrun, "-m", "jobs.training.together", str(work)],
        check=True,
        cwd=ROOT,
    )


def take_part(work: str) -> None:
    """What each of several processes does; the first one writes what was learnt."""
    network, examples, plan, device, file, seconds = pickle.loads(Path(work).read_bytes())  # noqa: S301 - our own, from a folder of our own
    distributed.init_process_group("nccl" if device == "cuda" else "gloo")
    try:
        if device == "cuda":
            device = f"cuda:{distributed.get_node_local_rank()}"
            torch.cuda.set_device(device)
        torch.manual_seed(plan.seed + distributed.get_rank())
        with threads(plan.threads):
            learning = Learning(network.to(device), examples, plan, device, file, seconds)
            losses = learning.run()
        if learning.rank == 0:
            with whole(Path(work).with_name("learnt.pt")) as candidate:
                torch.save({"network": network.cpu().state_dict(), "losses": losses}, candidate)
    finally:
        distributed.destroy_process_group()


if __name__ == "__main__":
    take_part(sys.argv[1])
