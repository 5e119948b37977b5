"""How fast neuralforecast's LSTM learns; infra/bench/throughput.py runs it in its own environment.

Reads one JSON object on the command line (file, window, horizon, hidden, windows, steps, threads),
prints the CPU seconds of a fit of each number of steps.
"""

import json
import logging
import sys
import time
import warnings

import pandas as pd
import torch
from neuralforecast import NeuralForecast
from neuralforecast.losses.pytorch import MQLoss
from neuralforecast.models import LSTM

told = json.loads(sys.argv[1])
warnings.simplefilter("ignore")
logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
logging.getLogger("lightning_fabric").setLevel(logging.ERROR)
torch.set_num_threads(told["threads"])
frame = pd.read_parquet(told["file"]).rename(columns={"series_id": "unique_id"})


def seconds(steps: int) -> float:
    """CPU seconds of a fit of so many steps."""
    model = LSTM(
        h=told["horizon"],
        input_size=told["window"],
        encoder_hidden_size=told["hidden"],
        encoder_n_layers=1,
        decoder_hidden_size=told["hidden"],
        decoder_layers=1,
        loss=MQLoss(quantiles=[0.1, 0.5, 0.9]),
        batch_size=frame["unique_id"].nunique(),
        windows_batch_size=told["windows"],
        max_steps=steps,
        val_check_steps=10**6,
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_checkpointing=False,
        enable_model_summary=False,
    )
    begun = time.process_time()
    NeuralForecast(models=[model], freq="D").fit(frame)
    return time.process_time() - begun


print(json.dumps([seconds(steps) for steps in told["steps"]]))
