"""Ways in which the world may differ while no scientific file may.

Each perturbation runs the workflow in its own way and returns it, finished. The tests do all of
them on the smaller world; `python tests/workflow/prove.py` does them on the default experiment.
"""

from __future__ import annotations

import json
import platform
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
from cluster.lab import HURRY, PROFILE, groups_of_profile, lab_cluster, submitted_jobs
from workflow.conftest import PROJECT, Workflow
from workflow.disturb import benchmarks, kill_all, kill_each, kill_in, wait_until

# A world and the options of Snakemake that it is run with; and one that is run, from the first.
Way = tuple[Workflow, tuple[str, ...]]
Perturbation = Callable[[Workflow, Path], Workflow]
# Everything but the publication.
TARGET = "results/manifest.json"
# Processors as QEMU calls them, without features that it would warn about.
HASWELL = "Haswell,-pcid,-x2apic,-tsc-deadline,-hle,-invpcid,-rtm"
EPYC = "EPYC,-pcid,-x2apic,-tsc-deadline"
# Rule -> command of exprlab, in the order of the DAG.
COMMANDS = {
    "simulate_cohort": "simulate", "compute_oracle": "oracle", "check_data": "check",
    "describe_data": "describe",
    "plot_data": "plot-data", "split_samples": "split",
    "preprocess_counts": "preprocess",
    "train_network": "train", "train_baseline": "train-baseline", "calibrate_model": "calibrate",
    "evaluate_model": "evaluate", "evaluate_oracle": "evaluate-oracle",
    "evaluate_new_samples": "evaluate-new-samples",
    "present_run": "present-run", "predict_samples": "predict",
    "guard_leakage": "guard",
    "explain_model": "explain", "test_genes": "test-genes", "compare_genes": "compare-genes",
    "plot_genes": "plot-genes",
    "compare_models": "compare", "write_report": "report",
    "fill_checklist": "checklist", "write_manifest": "manifest",
}  # fmt: skip

# Their jobs share none with others (profiles/slurm).
REPORT = ["compare_models", "compare_genes", "plot_genes", "evaluate_new_samples", "write_report",
          "fill_checklist"]  # fmt: skip


def finish(workflow: Workflow, *arguments: str) -> Workflow:
    """Run to the end."""
    done = workflow.run(TARGET, *arguments)
    assert done.returncode == 0, done.stdout
    return workflow


def again(first: Workflow, folder: Path) -> Workflow:
    """Everything a second time, over the files of the first."""
    shutil.copytree(first.folder, folder)
    return finish(replace(first, folder=folder), "--forceall")


def one_core(world: Workflow) -> Way:
    """One job after another."""
    return world, ("--cores", "1")


def four_cores(world: Workflow) -> Way:
    """Four jobs at once."""
    return world, ("--cores", "4")


def other_threads(world: Workflow) -> Way:
    """More threads for each training, fewer for the simulation, jobs in another order."""
    threads = ["train_network=2", "train_baseline=2", "simulate_cohort=1", "preprocess_counts=2"]
    return world, ("--set-threads", *threads, "--scheduler", "greedy", "--cores", "3")


def odd_folder(world: Workflow) -> Way:
    """A folder whose name has spaces, quotes and letters beyond ASCII."""
    return replace(world, folder=world.folder / "Dr. Müller's $HOME (copy)"), ()


def clone(world: Workflow) -> Way:
    """The project itself at another path: its Snakefile, its config, its package."""
    project = world.folder / "somewhere/else"
    listed = ["git", "-C", str(PROJECT), "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, capture_output=True, text=True, check=True).stdout.splitlines()
    for name in names:
        if (PROJECT / name).is_file():
            (project / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(PROJECT / name, project / name)
    is_its_own = world.config.is_relative_to(PROJECT)
    config = project / world.config.relative_to(PROJECT) if is_its_own else world.config
    environment = {**world.environment, "PYTHONPATH": str(project / "src")}
    return Workflow(world.folder / "work", config, project, environment), ()


def other_surroundings(world: Workflow) -> Way:
    """Another user's shell: language, time zone, home, hash seed, threads, plot style, SLURM."""
    home = world.folder / "home"
    (home / ".config/matplotlib").mkdir(parents=True)
    style = "figure.facecolor: black\nsavefig.dpi: 31\nfont.size: 30\naxes.grid: False\n"
    for place in (home / ".config/matplotlib/matplotlibrc", world.folder / "matplotlibrc"):
        place.write_text(style)
    environment = {
        "HOME": str(home), "XDG_CONFIG_HOME": str(home / ".config"), "TZ": "Pacific/Kiritimati",
        "MATPLOTLIBRC": str(world.folder / "matplotlibrc"), "MPLBACKEND": "svg", "COLUMNS": "31",
        "LANG": "tr_TR.UTF-8", "LC_ALL": "C", "PYTHONHASHSEED": "7", "OMP_NUM_THREADS": "3",
        "MKL_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "4", "NO_COLOR": "1", "USER": "nobody",
        "SLURM_JOB_ID": "4711", "SLURM_NTASKS": "4", "SLURM_PROCID": "0", "SLURM_LOCALID": "0",
    }  # fmt: skip
    return replace(world, environment={**world.environment, **environment}), ()


def together(*ways: Callable[[Workflow], Way]) -> Perturbation:
    """Return a perturbation that is different in all these ways at once."""

    def perturb(first: Workflow, folder: Path) -> Workflow:
        world, options = replace(first, folder=folder), []
        for way in ways:
            world, more = way(world)
            options += more
        return finish(world, *options)

    perturb.__name__ = "+".join(way.__name__ for way in ways)
    return perturb


def other_disk(first: Workflow, folder: Path) -> Workflow:
    """Another file system, in memory where there is one."""
    memory = Path("/dev/shm")
    if not memory.is_dir():
        return finish(replace(first, folder=folder))
    with tempfile.TemporaryDirectory(dir=memory, prefix="exprlab-") as place:
        finish(replace(first, folder=Path(place)))
        shutil.copytree(place, folder)
    return replace(first, folder=folder)


def half_lost(first: Workflow, folder: Path) -> Workflow:
    """Half of the files, taken by chance, are gone and made again."""
    shutil.copytree(first.folder, folder)
    names = sorted(first.manifest())
    for name in random.Random(5).sample(names, len(names) // 2):
        (folder / "results" / name).unlink()
    (folder / TARGET).unlink()
    return finish(replace(first, folder=folder))


def each_rule_killed(first: Workflow, folder: Path) -> Workflow:
    """Every rule in turn has a job killed (kill -9) in its midst, which is then tried again."""
    workflow, chance = replace(first, folder=folder), random.Random(6)
    lengths = {command: _seconds(first.folder, rule) for rule, command in COMMANDS.items()}
    moments = {command: chance.uniform(0.3, 0.8) * s for command, s in lengths.items()}
    missed = kill_each(workflow, moments)
    for rule in [rule for rule, command in COMMANDS.items() if command in missed]:
        # Its job had ended before the blow.
        options, command = ("--forcerun", rule), COMMANDS[rule]
        if not any(kill_in(workflow, command, s * lengths[command], *options) for s in (0.2, 0)):
            raise AssertionError(f"no job of {rule} could be killed")
    done = workflow.run()  # all: what was lost after the manifest had been written, too
    assert done.returncode == 0, done.stdout
    return workflow


def workflow_killed(first: Workflow, folder: Path) -> Workflow:
    """Snakemake and all its jobs are killed at three moments."""
    workflow = replace(first, folder=folder)
    for rule in ("check_data", "train_network", "present_run"):
        process = workflow.start(TARGET, start_new_session=True)
        logs = folder / "results/logs" / rule
        wait_until(lambda logs=logs: logs.exists() and any(logs.iterdir()), process)
        kill_all(process)
        workflow.run("--unlock")
    return finish(workflow)


def on_slurm(first: Workflow, folder: Path) -> Workflow:
    """Each job submitted to a real SLURM of three nodes."""
    with lab_cluster() as environment:
        world = replace(first, folder=folder, environment=environment)
        options = ("--profile", str(PROFILE), "--slurm-keep-successful-logs")
        finish(world, *options, *HURRY, "--cores", "6")
        jobs = submitted_jobs(environment)
    # That the bytes are equal says little unless it really ran there.
    assert {job.state for job in jobs.values()} == {"COMPLETED"}, jobs
    alone = {"simulate_cohort", "compute_oracle", "train_network", *REPORT}
    assert {job.rule for job in jobs.values()} == alone | groups_of_profile()
    assert len(jobs) < 25, "steps of seconds were meant to share jobs"
    logs = list((folder / "results/logs/slurm").rglob("*.log"))
    assert logs, "they were meant to be kept"
    for log in logs:
        # One that SLURM starts, and one below srun, however many steps there are.
        assert log.read_text().count("Building DAG of jobs") == 2, log
    for path in sorted((folder / "results").rglob("status.json")):
        status = json.loads(path.read_text())
        assert jobs[status["slurm_job_id"]].rule in ("train_network", "run"), path
        # What the user typed, not what Snakemake calls itself with inside a job.
        environment = json.loads(path.with_name("environment.json").read_text())
        assert str(PROFILE) in environment["workflow_command"], path
    return world


def other_processor(first: Workflow, folder: Path) -> Workflow:
    """An older processor of the same maker, with AVX2 and without AVX-512, which QEMU emulates.

    Intel's of 2013 (Haswell) or AMD's of 2017 (EPYC): MKL takes another path on AMD's. For the
    smaller world; the default experiment would take hours.
    """
    if not has_emulator():
        raise NotImplementedError("needs qemu-x86_64 (Debian: apt install qemu-user)")
    folder.mkdir(parents=True)
    shell = folder / "emulate.sh"
    is_amd = "AuthenticAMD" in Path("/proc/cpuinfo").read_text()
    model = EPYC if is_amd else HASWELL
    shell.write_text(f'python() {{ qemu-x86_64 -cpu {model} "{sys.executable}" "$@"; }}\n')
    world = replace(first, folder=folder, environment={"BASH_ENV": str(shell)})
    # QEMU itself dies at times in a program of many threads (signal 11 of its own).
    return finish(world, "--retries", "3")


def assert_same(first: Workflow, other: Workflow) -> None:
    """Compare every scientific file of two worlds."""
    one, two = first.manifest(), other.manifest()
    assert one.keys() == two.keys()
    assert [name for name in one if one[name] != two[name]] == []
    # The manifest itself among them.
    assert first.files() == other.files()


def has_emulator() -> bool:
    """Return whether another processor of this kind can be emulated."""
    return platform.machine() == "x86_64" and shutil.which("qemu-x86_64") is not None


def _seconds(folder: Path, rule: str) -> float:
    """Return how long the first job of a rule took."""
    place = benchmarks(folder) / rule
    file = min(place.glob("*.tsv")) if place.is_dir() else place.with_suffix(".tsv")
    return float(pd.read_csv(file, sep="\t")["s"].iloc[0])


# By themselves, to see which one it is; ...
WAYS = (one_core, four_cores, other_threads, odd_folder, clone, other_surroundings)
# ... and in runs of several, to see sooner that it is none.
RUNS = ((one_core, odd_folder), (four_cores, other_surroundings), (other_threads, clone))
OTHERS: tuple[Perturbation, ...] = (again, other_disk, half_lost, on_slurm, other_processor)
KILLS: tuple[Perturbation, ...] = (each_rule_killed, workflow_killed)
