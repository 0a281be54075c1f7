"""Every perturbation on a whole experiment, the default one unless told otherwise.

    python tests/workflow/prove.py [--config FILE] [--only NAME ...] [--kills 20]

`make prove` calls it; it takes as long as the experiment times the perturbations.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from cluster.lab import has_slurm
from workflow.conftest import PROJECT, Workflow
from workflow.disturb import chaos
from workflow.perturbations import KILLS, OTHERS, WAYS, finish, on_slurm, other_processor, together


def main() -> int:
    """Run them, print a table, and fail if one changed a byte."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=Path, default=PROJECT / "config/config.yaml")
    parser.add_argument("--only", nargs="*", help="names of perturbations")
    parser.add_argument("--kills", type=int, default=20, help="jobs that chaos kills; 0: none")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="exprlab-prove-") as folder:
        first = finish(Workflow(Path(folder) / "first", args.config.resolve()))
        wanted = [
            p
            for p in (*map(together, WAYS), *OTHERS, *KILLS)
            if not args.only or p.__name__ in args.only
        ]
        if not args.only and args.config.name == "config.yaml":
            wanted.remove(other_processor)
        if not args.only and not has_slurm():
            print("on_slurm is left out: no SLURM (tests/cluster/one_node_cluster.sh install)")
            wanted.remove(on_slurm)
        failed = [p.__name__ for p in wanted if not _same(p, first, Path(folder))]
        if args.kills and not args.only:
            failed += [] if _same(_chaos(args.kills), first, Path(folder)) else ["chaos"]
    print(f"FAILED: {', '.join(failed)}" if failed else "every manifest is equal")
    return len(failed)


def _same(perturb, first: Workflow, folder: Path) -> bool:
    began = time.monotonic()
    world = perturb(first, folder / perturb.__name__)
    one, other = first.manifest(), world.manifest()
    apart = sorted(name for name in {*one, *other} if one.get(name) != other.get(name))
    verdict = f"DIFFERS: {', '.join(apart[:5])}" if apart else "equal"
    print(f"{perturb.__name__:20} {time.monotonic() - began:6.0f} s  {verdict}", flush=True)
    return not apart


def _chaos(kills: int):
    def after_chaos(first: Workflow, folder: Path) -> Workflow:
        world = Workflow(folder, first.config)
        chaos(world, kills, seed=8, say=lambda line: print(f"  {line}", flush=True))
        return finish(world)

    return after_chaos


if __name__ == "__main__":
    sys.exit(main())
