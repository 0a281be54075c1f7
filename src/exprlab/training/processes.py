"""The processes of one training: who starts them, and which of them this one is.

On one machine Lightning starts them itself. In a job that the workflow has submitted to SLURM
(`EXPRLAB_SRUN` says so, see workflow/rules/common.smk) `srun` does, one task for each device, on
all nodes of the job. Light: nothing here imports torch.
"""

from __future__ import annotations

import os
import signal
import sys

from exprlab.config.models import TrainerConfig
from exprlab.errors import UserError
from exprlab.failures.ends import TIME_WARNING

# Set by the workflow inside the jobs that it submits, ...
IN_SUBMITTED_JOB = "EXPRLAB_SRUN"
# ... and by us for the tasks that srun starts.
TASK = "EXPRLAB_TASK"

# How a cluster asks a job to end: now, or before its time is over (sbatch --signal=USR1@90).
ENDINGS = (signal.SIGTERM, signal.SIGUSR1)
TERMINATED = 143  # exit code


def end_when_told() -> None:
    """End as after an exception, so that the run's status says why; the default says nothing."""
    for number in ENDINGS:
        signal.signal(number, _end)


def _end(number: int, frame: object) -> None:
    say_if_warned(number)
    sys.exit(TERMINATED)


def say_if_warned(number: int) -> None:
    """Write into the log that the cluster has warned; the next try is then given more time."""
    if number == signal.SIGUSR1:
        print(TIME_WARNING, flush=True)


def quieten_torch(settings: TrainerConfig) -> None:
    """Leave out each process's warning of what `trainer.py` asks DDP for; before torch is there."""
    if settings.processes > 1:
        os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")


def needs_srun(settings: TrainerConfig) -> bool:
    """Tell whether `become_srun` has to start the processes: several, in a job of SLURM's.

    Raises
    ------
    UserError
        If several nodes are asked for where nothing can start a process on each of them.
    """
    if settings.processes == 1 or TASK in os.environ:
        return False
    if settings.num_nodes > 1 and IN_SUBMITTED_JOB not in os.environ:
        raise UserError(
            f"trainer.num_nodes: found {settings.num_nodes}, but on this machine nothing starts a "
            "process on each node; run the workflow with --profile profiles/slurm, or set "
            "num_nodes to 1"
        )
    return IN_SUBMITTED_JOB in os.environ


def become_srun(settings: TrainerConfig, threads: int) -> None:
    """Go over to srun, which starts this very command once for each device of the job."""
    os.execvp("srun", srun_command(settings, threads))


def srun_command(settings: TrainerConfig, threads: int) -> list[str]:
    """Return the line that starts all processes of a training in a job of SLURM's."""
    return [
        "srun",
        f"--nodes={settings.num_nodes}",
        f"--ntasks={settings.processes}",
        f"--ntasks-per-node={settings.devices}",
        f"--cpus-per-task={threads}",
        "--cpu-bind=none",
        # The first goes on when the others have done their part, for as long as it takes; ...
        "--wait=0",
        # ... but one that fails would leave the others waiting for it.
        "--kill-on-bad-exit=1",
        f"--export=ALL,{TASK}=1",
        sys.executable,
        "-m",
        "exprlab",
        *sys.argv[1:],
    ]


def is_task() -> bool:
    """Tell whether srun has started this process, not Lightning and not a shell."""
    return TASK in os.environ


def is_helper() -> bool:
    """Tell whether this process only trains along, beside the one that keeps the files."""
    names = ("SLURM_PROCID",) if is_task() else ("LOCAL_RANK", "NODE_RANK")
    return any(int(os.environ.get(name, "0")) > 0 for name in names)
