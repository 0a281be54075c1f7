"""What Snakemake 9.27 leaves out of groups of jobs that SLURM has not taken."""

from __future__ import annotations

from typing import Any

from exprlab.failures.listen import FailedJobs


def tell_of_groups(failed: FailedJobs, group_job: Any) -> None:
    """Let Snakemake report a group that could not be submitted, and pass on why.

    The SLURM executor names such a job by its rule. A group has none: the error is then lost in a
    thread, and Snakemake waits for the job for ever. And of groups Snakemake drops the message.

    Parameters
    ----------
    failed
        Is told the message.
    group_job
        The class `snakemake.jobs.GroupJob`.
    """
    log_error = group_job.log_error

    def rule(group: Any) -> Any:
        return min((job.rule for job in group.jobs), key=lambda rule: rule.name)

    def log_error_with_reason(group: Any, msg: str | None = None, **kwargs: Any) -> None:
        with failed.because(msg):
            log_error(group, msg, **kwargs)

    group_job.rule = property(rule)
    group_job.log_error = log_error_with_reason
