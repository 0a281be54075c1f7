"""Failed jobs: what is heard of them, how they ended, and the cards."""

from __future__ import annotations

import json
import logging
import os
import types
from pathlib import Path

import pytest

from exprlab import slurm
from exprlab.failures.cards import make_cards
from exprlab.failures.ends import (
    CANCELLED,
    NODE_FAILURE,
    OUT_OF_MEMORY,
    TIME_LIMIT,
    earlier_ends,
    how_it_ended,
    limits_of,
)
from exprlab.failures.listen import FailedJobs

# As SLURM 22.05 and 23.11 write them, with and without cgroups.
TOLD = [
    ("slurmstepd: error: Job 40 exceeded memory limit (1790000 > 1536000), being killed",
     OUT_OF_MEMORY),
    ("slurmstepd: error: Detected 1 oom-kill event(s) in StepId=5.batch.", OUT_OF_MEMORY),
    ("slurmstepd: error: Detected 1 oom_kill event in StepId=5.0. Some of the step", OUT_OF_MEMORY),
    ("srun: error: n1: task 0: Out Of Memory", OUT_OF_MEMORY),
    ("error: train: out of memory; give the job more of it", OUT_OF_MEMORY),
    ("slurmstepd: error: *** JOB 7 ON n1 CANCELLED AT 2026-11-27T15:00:00 DUE TO TIME LIMIT ***",
     TIME_LIMIT),
    ("slurmstepd: error: *** JOB 7 ON n1 CANCELLED AT 2026-11-27T15:00:00 DUE TO NODE FAILURE ***",
     NODE_FAILURE),
    ("slurmstepd: error: *** JOB 7 ON n1 CANCELLED AT 2026-11-27T15:00:00 ***", CANCELLED),
    ("told that its time is nearly over", TIME_LIMIT),
    ("error: train: CUDA out of memory. Tried to allocate 20.00 MiB", None),
    ("error: training: val/loss is not finite", None),
]  # fmt: skip


@pytest.mark.parametrize(("line", "end"), TOLD)
def test_ends_are_read_from_what_slurm_writes(line: str, end: str | None) -> None:
    assert how_it_ended(f"some words\n{line}\nsrun: error: exit code 1\n") == end


def log(folder: Path, name: str, line: str, split: str = "seed-1") -> Path:
    """Write the log of a job of the group `run`, calibration and evaluation of one run."""
    path = folder / "group_run_calibrate_model_evaluate_model" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    words = f"        wildcards: dataset=tumours, model=mlp, split={split}\n"
    steps = [f"    rule {rule}:\n{words}" for rule in ("calibrate_model", "evaluate_model")]
    path.write_text(f"Select jobs\n{''.join(steps)}\nrule write_report:\n    log: a\n{line}\n")
    return path


def test_only_a_jobs_own_ends_of_this_call_count(tmp_path: Path) -> None:
    mine = {"dataset": "tumours", "model": "mlp", "split": "seed-1"}
    memory, time = TOLD[0][0], TOLD[5][0]
    log(tmp_path, "1.log", memory)
    log(tmp_path, "2.log", time)
    log(tmp_path, "3.log", memory)
    log(tmp_path, "4.log", memory, split="seed-10")
    log(tmp_path, "5.log", "error: bad input")
    os.utime(log(tmp_path, "6.log", memory), (1000, 1000))
    for rule in ("calibrate_model", "evaluate_model"):
        ends = earlier_ends(tmp_path, rule, mine, since=2000)
        assert ends == {OUT_OF_MEMORY: 2, TIME_LIMIT: 1}
    # Neither another rule of the same run, nor one of these rules for all.
    assert earlier_ends(tmp_path, "train_network", mine, since=2000) == {}
    assert earlier_ends(tmp_path, "calibrate_model", {}, since=2000) == {}
    # A rule without wildcards is told by its name.
    assert earlier_ends(tmp_path, "write_report", {}, since=2000)[OUT_OF_MEMORY] == 3
    assert earlier_ends(None, "calibrate_model", mine, since=0) == {}


def test_nothing_grows_beyond_the_partition(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = (
        "cpu*|up|2:00:00|4|4000|3|OFF\ncpu*|up|2:00:00|4|8000|1|OFF\nbig|up|infinite|9|9000|1|OFF"
    )
    monkeypatch.setattr(slurm, "output_of", lambda command: listed)
    limits_of.cache_clear()
    assert limits_of("") == limits_of("cpu") == {OUT_OF_MEMORY: 8000, TIME_LIMIT: 120}
    # SLURM takes the first of them that is free.
    assert limits_of("cpu,big") == {OUT_OF_MEMORY: 9000, TIME_LIMIT: float("inf")}
    limits_of.cache_clear()
    monkeypatch.setattr(slurm, "output_of", lambda command: None)
    assert set(limits_of("").values()) == {float("inf")}
    limits_of.cache_clear()


def event(kind: str, **facts: object) -> logging.LogRecord:
    return logging.makeLogRecord({"event": types.SimpleNamespace(value=kind), **facts})


def job(rule: str, output: Path, log: Path, **aux: str) -> dict[str, object]:
    return {"rule_name": rule, "output": [str(output)], "log": [str(log)], "aux": aux}


def heard(tmp_path: Path, *events: logging.LogRecord) -> list[dict[str, object]]:
    jobs = FailedJobs()
    for one in events:
        jobs.emit(one)
    jobs.write(tmp_path / "jobs.json")
    return json.loads((tmp_path / "jobs.json").read_text())


def test_a_job_that_failed_thrice_has_one_card_and_one_that_succeeded_none(tmp_path: Path) -> None:
    lost, made, text = tmp_path / "lost.tsv", tmp_path / "made.tsv", tmp_path / "lost.log"
    made.write_text("")
    text.write_text("[lost] epoch 1\nerror: counts.tsv, row 3: found 'x'; whole numbers\n")
    events = [event("job_error", **job("split_samples", lost, text)) for _ in range(3)]
    events.append(event("job_error", **job("split_samples", made, text)))
    events.append(event("job_info", **job("split_samples", tmp_path / "other", text)))
    (card,) = make_cards(heard(tmp_path, *events), ["snakemake", "--cores", "4"])
    assert card.cause == "counts.tsv, row 3: found 'x'; whole numbers"
    assert card.command == f"snakemake {lost} --cores 4"
    assert card.last_lines[-1].startswith("error: counts.tsv")
    assert card.slurm == ""


def slurm_log(begun: list[Path], failed: list[Path], group: list[Path]) -> str:
    """Return what the Snakemakes in a job write: the inner one, and around it the outer one."""
    blocks = [f"localrule r:\n    input: x\n    output: {path}\n    jobid: 1" for path in begun]
    blocks += [f"Error in rule r:\n    message: None\n    output: {path}" for path in failed]
    blocks += ["    message: Error in group run\n    jobs:"]
    blocks += [f"    Error in rule r:\n        message: None\n        output: {p}" for p in group]
    return "\n".join([*blocks, "WorkflowError:", ""])


def group_of(tmp_path: Path, number: str, log: str, rules: list[str]) -> list[logging.LogRecord]:
    """Return what Snakemake logs of a group that failed."""
    slurm = tmp_path / f"{number}.log"
    slurm.write_text(log)
    jobs = [
        job(rule, tmp_path / number / rule, tmp_path / f"{rule}.log", external_jobid=number)
        for rule in rules
    ]
    group = event("group_error", groupid="run", aux_logs=[str(slurm)], job_error_info=jobs)
    # Each is logged once more, without what the group knows.
    return [group, *(event("job_error", indent=True, **one) for one in jobs)]


def test_of_a_group_the_job_that_failed_has_the_card(tmp_path: Path) -> None:
    rules = ["train", "calibrate", "evaluate", "plot"]
    outputs = [tmp_path / "7" / rule for rule in rules]
    (tmp_path / "calibrate.log").write_text("Traceback (most recent call last):\nKeyError: 'x'\n")
    events = group_of(tmp_path, "7", slurm_log(outputs[:2], outputs[1:2], outputs), rules)
    (card,) = make_cards(heard(tmp_path, *events), ["snakemake"])
    assert (card.rule, card.cause) == ("calibrate", "a bug: KeyError: 'x'")
    assert card.slurm == "job 7"


def test_of_a_group_ended_from_outside_the_job_under_way_has_the_card(tmp_path: Path) -> None:
    rules = ["train", "calibrate", "evaluate"]
    outputs = [tmp_path / "7" / rule for rule in rules]
    log = slurm_log(outputs[:2], [], outputs) + TOLD[0][0] + "\n"
    (card,) = make_cards(heard(tmp_path, *group_of(tmp_path, "7", log, rules)), ["snakemake"])
    assert (card.rule, card.cause) == ("calibrate", "it took more memory than it had")


def test_what_slurm_refuses_has_a_card_each_with_its_words(tmp_path: Path) -> None:
    old = tmp_path / "single.log"
    old.write_text("error: of an earlier try\n")
    words = "SLURM sbatch failed. The error message was 'sbatch: error: invalid partition: cqu'.\n"
    words += "    sbatch call:\n        sbatch --parsable\n"
    events = [event("job_error", rule_msg=words, **job("single", tmp_path / "single", old))]
    for number in ("a", "b"):
        jobs = [job(rule, tmp_path / number / rule, old) for rule in ("train", "evaluate")]
        events.append(event("group_error", groupid="run", aux_logs=[], job_error_info=jobs))
    cards = make_cards(heard(tmp_path, *events), ["snakemake"])
    assert len(cards) == 3
    refusal = "SLURM did not take it: 'sbatch: error: invalid partition: cqu'."
    assert cards[0].cause == refusal
    for card in cards:
        assert card.cause.startswith("SLURM did not take it")
        assert "exprlab doctor" in card.remedy
        assert card.last_lines == []


def test_what_the_executor_itself_refuses_is_told(tmp_path: Path) -> None:
    words = "Job submission failed with exception: The given account labb appears to be invalid."
    jobs = FailedJobs()
    single = job("single", tmp_path / "single", tmp_path / "none.log")
    jobs.emit(event("job_error", rule_msg=words, **single))
    group = [job(rule, tmp_path / rule, tmp_path / "none.log") for rule in ("train", "evaluate")]
    told = event("group_error", groupid="run", aux_logs=[], job_error_info=group)
    with jobs.because("sbatch: error: QOSMaxSubmitJobPerUserLimit"):
        jobs.emit(told)
    jobs.write(tmp_path / "jobs.json")
    cards = make_cards(json.loads((tmp_path / "jobs.json").read_text()), ["snakemake"])
    assert [card.cause for card in cards] == [
        "SLURM did not take it: The given account labb appears to be invalid.",
        "SLURM did not take it: sbatch: error: QOSMaxSubmitJobPerUserLimit",
    ]
    assert "exprlab doctor" in cards[0].remedy
    assert "`jobs:`" in cards[1].remedy


def test_a_job_whose_node_failed_leaves_no_words_and_slurm_tells(tmp_path: Path) -> None:
    (tmp_path / "train.log").write_text("[train] epoch 1\n")
    words = "SLURM-job '7' failed due to a node failure, SLURM status is: 'NODE_FAIL'. Failed nodes"
    job_of_it = job("train", tmp_path / "out", tmp_path / "train.log", external_jobid="7")
    (card,) = make_cards(
        heard(tmp_path, event("job_error", rule_msg=words, **job_of_it)), ["snakemake"]
    )
    assert card.cause == "the node that it ran on failed"


def test_a_job_ended_from_outside_says_by_what(tmp_path: Path) -> None:
    output, own, slurm = tmp_path / "weights", tmp_path / "own.log", tmp_path / "7.log"
    own.write_text("[tumours/mlp/seed-0] epoch 3\n")
    slurm.write_text(f"{TOLD[0][0]}\n")
    jobs = [job("train", output, own, external_jobid="7")]
    group = event("group_error", groupid="run", aux_logs=[str(slurm)], job_error_info=jobs)
    (card,) = make_cards(heard(tmp_path, group), ["snakemake"])
    assert card.cause == "it took more memory than it had"
    assert "set-resources: train: mem_mb" in card.remedy
    assert card.text().startswith(f"FAILED  train  {tmp_path}")


def test_a_silent_end_asks_the_status_of_the_training(tmp_path: Path) -> None:
    one = event("job_error", **job("train", tmp_path / "weights", tmp_path / "none.log"))
    (card,) = make_cards(heard(tmp_path, one), ["snakemake"])
    assert "killed" in card.cause
    (tmp_path / ".attempt").mkdir()
    (tmp_path / ".attempt/status.json").write_text('{"cause": "told to end (exit code 143)"}')
    (card,) = make_cards(heard(tmp_path, one), ["snakemake"])
    assert card.cause == "told to end (exit code 143)"
