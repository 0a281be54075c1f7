"""Lightning's Trainer as exprlab sets it up: deterministic, quiet, resumable."""

from __future__ import annotations

import logging
import os
import resource
import warnings
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.plugins.environments import LightningEnvironment, SLURMEnvironment
from pytorch_lightning.strategies import DDPStrategy

from exprlab.config.models import MLPConfig, TrainerConfig
from exprlab.errors import UserError
from exprlab.training.checkpoints import PlainCheckpointIO
from exprlab.training.processes import is_task


def quieten() -> None:
    """Leave out what Lightning says that no reader of this log can act on."""
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    messages = (
        "Checkpoint directory .* exists", ".*LeafSpec", ".*does not have many workers",
        ".*srun.* command is available on your system",
    )  # fmt: skip
    for message in messages:
        warnings.filterwarnings("ignore", message=message)


def make_trainer(
    settings: TrainerConfig, model: MLPConfig, resumes: bool, callbacks: list[pl.Callback]
) -> pl.Trainer:
    """Return a Trainer for these settings; `resumes` skips the look at the random weights.

    Raises
    ------
    UserError
        If Lightning cannot meet the settings on this machine.
    """
    # Lightning starts the processes of one machine itself: a SLURM job's variables must not make it
    # wait for processes that nobody starts. It never requeues a job; that is Snakemake's part.
    by_srun = settings.processes > 1 and is_task()
    starter = SLURMEnvironment(auto_requeue=False) if by_srun else LightningEnvironment()
    try:
        return pl.Trainer(
            accelerator=settings.accelerator,
            devices=settings.devices,
            num_nodes=settings.num_nodes,
            strategy=_strategy(settings),
            precision=settings.precision,
            max_epochs=model.max_epochs,
            callbacks=callbacks,
            plugins=[PlainCheckpointIO(), starter],
            deterministic=True,
            # All of validation before the first step: epoch 0 of the curves, random weights.
            num_sanity_val_steps=0 if resumes else -1,
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            use_distributed_sampler=False,
        )
    except Exception as error:  # Lightning raises many types for settings it cannot meet
        first = str(error).splitlines()[0]
        raise UserError(
            f"trainer: Lightning refuses accelerator {settings.accelerator}, devices "
            f"{settings.devices}, num_nodes {settings.num_nodes}, strategy {settings.strategy}, "
            f"precision {settings.precision} here: {first}"
        ) from None


def _strategy(settings: TrainerConfig) -> str | DDPStrategy:
    """Return what Lightning takes for a strategy.

    After its first step DDP lays out anew the buckets in which gradients are added up, and with
    them the order of the sums. A training that resumes would do so after another step, and end
    with other bytes, unless it looks for unused parameters: then the first layout stays.
    """
    if settings.strategy != "ddp":
        return settings.strategy
    return DDPStrategy(find_unused_parameters=True)


def hardware(trainer: pl.Trainer) -> dict[str, Any]:
    """Return what a training runs on, and the memory that it has taken so far, in MB."""
    device = trainer.strategy.root_device
    on_gpu = device.type == "cuda"
    return {
        "accelerator": type(trainer.accelerator).__name__.removesuffix("Accelerator").lower(),
        "device": torch.cuda.get_device_name(device) if on_gpu else str(device),
        "precision": str(trainer.precision),
        "threads": torch.get_num_threads(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "float32_matmul": torch.get_float32_matmul_precision(),
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "peak_gpu_memory_mb": round(torch.cuda.max_memory_allocated(device) / 2**20)
        if on_gpu
        else None,
        "cpus": os.cpu_count(),
    }
