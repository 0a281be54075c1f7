# %% [markdown]
# # 8 The experiment as a workflow
#
# After this lesson you can
#
# - read a rule, and say how rules become a graph of jobs;
# - say which jobs run again after a change, and ask `snakemake -n` and `exprlab why`;
# - find in the files of a run what happened, and show that a result is the same to the last byte;
# - query runs in MLflow, and send the same experiment to a cluster.
#
# An experiment is a dozen steps: simulate, check, split, preprocess, train, judge. A script that
# does them all begins from the start whenever one line changes. A **workflow** knows what depends
# on what. Here it is Snakemake, as in a terminal, on a world so small that it takes seconds.

# %%
import json
import os
import shutil
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import yaml
from snakemake.utils import update_config

from exprlab.config.experiment import parse_config
from exprlab.errors import UserError
from exprlab.files import sha256
from exprlab.lessons.commands import (
    block_of,
    call,
    code_digests,
    done_jobs,
    forget_surroundings,
    lines_with,
    without_times,
)
from exprlab.lessons.show import show
from exprlab.plotting.job_figures import jobs_figure
from exprlab.plotting.lesson_figures import curves_figure
from exprlab.reproduce.plan import Request, parse_jobs
from exprlab.reproduce.rerun import find_snakefile
from exprlab.reproduce.why import explain
from exprlab.reproduce.why_text import as_text
from exprlab.tracking.publish import ENVIRONMENT

forget_surroundings()  # this may run inside another workflow
PROJECT = find_snakefile(None).parent  # where exprlab's Snakefile lies
place = TemporaryDirectory()  # everything below happens in here
world = Path(place.name)

# %% [markdown]
# ## A rule
#
# A **rule** says which files come out, which files go in, and the command that makes one from the
# other. Names in braces, such as `{dataset}`, stand for any name: one rule serves all data sets
# and splits. This is how samples are divided:

# %%
rules = (PROJECT / "workflow/rules/preprocess.smk").read_text()
print(block_of(rules, "rule split_samples"))

# %% [markdown]
# Between input and shell stand what it may cost (threads, memory, time), where its log goes, and
# its **params**: the settings of this step, and a digest of the code that it runs. The command is
# one line that you can type yourself.
#
# ## The settings
#
# All settings have defaults in `config/config.yaml`. A file of your own names what differs. Here
# are two: the smaller world of the tests, and on top of it one for this lesson.

# %%
small = """
experiment:
  models: [scratch_mlp, logistic]    # two models ...
  seeds: [0]                         # ... on one split
datasets:
  tumours: {n_samples: 160, n_genes: 400}
models:
  scratch_mlp: {hidden: [16], learning_rate: 0.05, max_epochs: 60}
  logistic: {tuning: validation}
"""
(world / "small.yaml").write_text(small)
print((PROJECT / "config/test.yaml").read_text().strip())

# %% [markdown]
# ## What would run
#
# We ask for two files, the evaluation of each model. `snakemake -n` is a **dry run**: it says
# what would be done, and does nothing. In a terminal:
#
# ```bash
# snakemake -n FILES --configfile config/test.yaml small.yaml
# ```
#
# Here the same, from Python:

# %%
models = ("scratch_mlp", "logistic")
run = {model: f"results/tumours/{model}/seed-0" for model in models}
wanted = [f"{folder}/evaluation.json" for folder in run.values()]
settings = [PROJECT / "config/test.yaml", world / "small.yaml"]


def snakemake(*words, folder=world):
    """Call Snakemake in a folder, and return what it says."""
    words += ("--snakefile", PROJECT / "Snakefile", "--directory", folder)
    return call("snakemake", *words, "--configfile", *settings, folder=world)


# %%
jobs = parse_jobs(snakemake(*wanted, "-n", "--printshellcmds"))
for job in jobs:
    print(f"{job.rule:18}{job.wildcards.get('model', '')}")

# %% [markdown]
# Nobody said in which order. Snakemake found it from the files: who needs what, who makes it.
# That is short enough to write down:


# %%
def name(job):
    """Return the rule of a job, with its model if it has one."""
    return "\n".join([job.rule, *filter(None, [job.wildcards.get("model")])])


makers = {path: name(job) for job in jobs for path in job.outputs}
needs = {(path, name(job)) for job in jobs for path in job.inputs if path in makers}
arrows = {(makers[path], taker) for path, taker in needs}
show(
    jobs_figure(arrows),
    "Twelve jobs from top to bottom: simulate_cohort; check_data, compute_oracle; "
    "split_samples; preprocess_counts and evaluate_oracle; then for each of two "
    "models train_baseline, calibrate_model, evaluate_model",
)

# %% [markdown]
# A graph of jobs whose arrows never lead in a circle is called a **DAG** (directed acyclic
# graph). What to conclude: what is not above or below each other may run at the same time. So may
# the two models, on two cores. (Arrows that follow from others are left out. On a machine with
# Graphviz, `snakemake --rulegraph` gives the same for rules.)
#
# ## Run it

# %%
text = snakemake(*wanted, "--cores", 2)
print(*(f"{count} x {rule}" for rule, count in done_jobs(text).items()), sep="\n")

# %% [markdown]
# ## A lost file, and the same bytes
#
# A **digest** such as SHA-256 is 64 letters made from all bytes of a file: one bit more or less,
# and it is another one. We note that of the network's weights, lose the file, and ask for it
# again.

# %%
weights = world / run["scratch_mlp"] / "weights.safetensors"
digest = sha256(weights)
weights.unlink()
text = snakemake(f"{run['scratch_mlp']}/weights.safetensors", "--cores", 2)
print(dict(done_jobs(text)))
print("the same bytes:", sha256(weights) == digest)

# %% [markdown]
# What to conclude: only the training ran again. It drew random weights and shuffled the samples
# as before, and every byte is the same, because each random number comes from a seed
# (`src/exprlab/data/streams.py`). `make verify` does this to a whole experiment
# (`docs/reproducibility.md`).
#
# ## Run it again
#
# We ask for the same two files once more.

# %%
print(lines_with(snakemake(*wanted, "--cores", 2), "Nothing to be done"))

# %% [markdown]
# What to conclude: what is there and up to date stays. The weights are newer now than the
# evaluation that was made from them, but Snakemake has compared their digests (it does so for
# files up to 1 MB). The same bytes need no other evaluation.
#
# ## Change a setting
#
# The hidden layer shall have 32 units in place of 16. Before you read on: which of the twelve
# jobs will have to run again?
#
# `snakemake -n` tells. So does `exprlab why`, which tells the reason, too. It takes the same
# options; here it is from Python:

# %%
larger = world / "larger.yaml"
larger.write_text("models: {scratch_mlp: {hidden: [32]}}")
question = Request(
    snakefile=PROJECT / "Snakefile",
    targets=tuple(wanted),
    configfiles=(*settings, larger),
    directory=world,
)
why = explain(question)
show(
    jobs_figure(arrows, again=[name(job) for job in why.jobs]),
    "The same graph; training, calibration and evaluation of scratch_mlp are dark",
)
print(without_times(as_text(why)))

# %% [markdown]
# What to conclude: a change runs again what reads the setting, and all below it in the graph
# (here dark). A network of another size needs no other tumours and no other split, and the
# logistic regression has nothing to do with it.
#
# A setting that does not exist stops everything before it starts:

# %%
try:
    parse_config({"models": {"my_mlp": {"kind": "scratch_mlp", "hiden": [32]}}})
except UserError as error:
    print(lines_with(str(error), "hiden"))

# %% [markdown]
# ## Change the code
#
# A result depends on code, too. The params of each rule hold a digest of the modules that its
# command imports, without comments, docstrings and layout (`src/exprlab/provenance/code.py`). We
# try it on a copy of the package: first a comment, then a number.

# %%
copy = shutil.copytree(PROJECT / "src/exprlab", world / "edited")
steps = ["simulate", "preprocess", "train_baseline", "calibrate", "evaluate"]
first = code_digests(copy, steps)
module = copy / "evaluation/calibration.py"
text = module.read_text()
edits = {
    "a comment": text + "# Changes nothing.\n",
    "a number": text.replace("STRONGEST = 0.01, 20.0", "STRONGEST = 0.01, 30.0"),
}
assert text != edits["a number"], "the line to change is not there any more"
for edit, edited in edits.items():
    module.write_text(edited)
    after = code_digests(copy, steps)
    print(f"{edit} reruns", [step for step in steps if after[step] != first[step]])

# %% [markdown]
# What to conclude: the comment reruns nothing; the number reruns the rules whose command imports
# this module, and Snakemake adds what follows from them. Nobody has to remember what to delete
# after an edit.
#
# ## What a run leaves
#
# Everything about a run is in plain files; `docs/files.md` describes each.

# %%
folder = world / run["scratch_mlp"]
for path in sorted(folder.iterdir()):
    print(path.name + ("/" if path.is_dir() else ""))

# %% [markdown]
# `params.json` has the settings, `record.json` the digests of inputs and code, `evaluation.json`
# the metrics, `model/` is all that a prediction needs (lesson 6), and `metrics.csv` has the
# curves:

# %%
curves = pd.read_csv(folder / "metrics.csv")
loss = {
    part: curves[curves.name == f"{part}/loss"].set_index("epoch").value
    for part in ("train", "val")
}
show(
    curves_figure(
        {part: (values.index, values) for part, values in loss.items()},
        "epoch",
        "loss (nats)",
    ),
    "Training loss falls to nearly 0, validation loss until epoch 9, then it rises",
)
for model, path in run.items():
    metrics = json.loads((world / path / "evaluation.json").read_text())["metrics"]
    value, low, high = (metrics["auroc"][part] for part in ("value", "low", "high"))
    print(f"{model:12} AUROC {value:.2f}, from {low:.2f} to {high:.2f}")

# %% [markdown]
# What to conclude: from the epoch on at which the validation loss is lowest, the network only
# learns its training samples by heart. The weights of that epoch are kept, and the training ends
# when it has not been better for 20 epochs (`patience`).
#
# ## MLflow: the same runs, to browse
#
# Two runs can be compared by eye, two hundred cannot. **MLflow** keeps parameters, metrics and
# curves of runs in a database and shows them in a browser (`make ui`). At its end the workflow
# publishes all runs (rule `publish_runs`); here we call the same command for our two.

# %%
words = ["--runs", *run.values(), "--experiment", "lesson"]
words += ["--store", "results/mlflow", "--history", "results/history"]
words += ["--receipt", "results/mlflow/published.json"]
call("exprlab", "publish", *words, folder=world)

os.environ.update(ENVIRONMENT)  # MLflow shall tell nobody that it is used
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it asks for widgets that it does not need
    import mlflow

mlflow.set_tracking_uri(f"sqlite:///{world}/results/mlflow/mlflow.db")
one_split = "tags.split = 'seed-0'"  # and not the summary of all
found = mlflow.search_runs(experiment_names=["lesson"], filter_string=one_split)
columns = ["params.model.kind", "params.model.hidden", "params.dataset.n_genes"]
columns += ["metrics.test/auroc", "metrics.truth/auroc_gap"]
print(found.set_index("tags.mlflow.runName")[columns].sort_index().round(2).T)

# %% [markdown]
# A filter picks runs by what they hold. Which have an AUROC above 0.9?

# %%
good = mlflow.search_runs(
    experiment_names=["lesson"],
    filter_string="metrics.`test/auroc` > 0.9",
)
print(good["tags.mlflow.runName"].tolist())

# %% [markdown]
# The database is a **view**: files are the record. Delete `results/mlflow/`, call `snakemake`
# again, and it comes back with the same runs, those of earlier settings included.
#
# ## From laptop to cluster
#
# A cluster has many machines and a queue, here that of SLURM. The call for the computer on your
# desk works there with one change (`docs/cluster.md`):
#
# ```bash
# snakemake --cores 4
# snakemake --profile profiles/slurm
# ```
#
# A **profile** is a file of options. This one says who runs the jobs (`executor`), how many may
# queue at once, how often a failed one is tried again, and what each asks for unless its rule
# says otherwise:

# %%
profile = yaml.safe_load((PROJECT / "profiles/slurm/config.yaml").read_text())
for key in ("executor", "jobs", "retries", "keep-going", "default-resources"):
    print(f"{key}: {profile[key]}")

# %% [markdown]
# A job of a second is not worth a place in the queue, so steps that follow each other share one
# (`groups`). A dry run tells what would be submitted, on a computer without SLURM, too. We ask
# for it in an empty folder, where everything is still to be done:

# %%
groups = dict(pair.split("=") for pair in profile["groups"])
options = ["-n", "--printshellcmds", "--profile", PROJECT / "profiles/slurm"]
text = snakemake(*wanted, *options, folder=world / "empty")
planned = parse_jobs(text)
for job in planned:
    memory, minutes = job.resources["mem_mb"], job.resources["runtime"]
    shared = groups.get(job.rule, "alone")
    print(f"{job.rule:18}{shared:7}{memory:>5} MB {minutes:>3} min")
alone = sum(job.rule not in groups for job in planned)
print(len(planned), "steps in", alone + text.count("] Group job "), "jobs of SLURM")

# %% [markdown]
# What to conclude: the rules, the files and the bytes are the same; only who runs them differs.
# Before the first run there, `exprlab doctor --profile profiles/slurm` says what would go wrong.
#
# ## Exercises
#
# **1.** Predict: more of the samples shall validate, `split: {val_fraction: 0.3}`. Only
# `split_samples` reads this setting. Which *rules* run again?

# %% tags=["exercise"]
prediction = {"train_baseline"}

# %% tags=["solution"]
# The split reads it. Below the split lies all but the cohort, its checks and the oracle.
prediction = {
    "split_samples",
    "preprocess_counts",
    "train_baseline",
    "calibrate_model",
    "evaluate_model",
    "evaluate_oracle",
}

# %% tags=["check"]
below = {"split_samples"}
for _ in jobs:  # one level down each time
    below |= {b.split()[0] for a, b in arrows if a.split()[0] in below}
too_many, missing = set(prediction) - below, below - set(prediction)
assert not too_many, f"{sorted(too_many)} stay: nothing above them changes"
assert not missing, f"{len(missing)} are missing: follow the arrows down"
print("right: exercise 1")

# %% [markdown]
# **2.** At which epoch is the validation loss lowest? Ask `metrics.csv`; its columns are `step`,
# `epoch`, `name` and `value`.

# %% tags=["exercise"]
best_epoch = None

# %% tags=["solution"]
table = pd.read_csv(folder / "metrics.csv")
table = table[table.name == "val/loss"]
best_epoch = int(table.epoch[table.value.idxmin()])

# %% tags=["check"]
assert best_epoch is not None, "best_epoch is not set yet"
kept = json.loads((folder / "network.json").read_text())["best_epoch"]
assert best_epoch != int(curves.epoch.max()), "that is the last epoch, not the best"
assert best_epoch == kept, "take the smallest value of the rows named val/loss"
print("right: exercise 2")

# %% [markdown]
# **3.** Write the settings of a study that compares two activations of the hidden layer, `relu`
# and `tanh`, in everything else as `scratch_mlp` above, on three seeds. Models are defined by a
# name of your choice and a `kind`, and picked in `experiment`.

# %% tags=["exercise"]
study = """
experiment:
  models: [scratch_mlp]
  seeds: [0]
"""

# %% tags=["solution"]
study = """
experiment:
  models: [with_relu, with_tanh]
  seeds: [0, 1, 2]
models:
  with_relu: &network
    kind: scratch_mlp
    hidden: [16]
    learning_rate: 0.05
    max_epochs: 60
    activation: relu
  with_tanh:
    <<: *network
    activation: tanh
"""

# %% tags=["check"]
merged = {}
for path in (PROJECT / "config/config.yaml", *settings):
    update_config(merged, yaml.safe_load(path.read_text()))  # as Snakemake does
update_config(merged, yaml.safe_load(study))
try:
    mine = parse_config(merged)
except UserError as error:
    raise AssertionError(f"the workflow refuses it: {error}") from None
picked = [mine.models[model] for model in mine.experiment.models]
assert len(picked) == 2, f"pick two models; found {mine.experiment.models}"
assert len(mine.experiment.seeds) == 3, f"three seeds; not {mine.experiment.seeds}"
assert {model.kind for model in picked} == {"scratch_mlp"}, "both are scratch_mlp"
own = {model.activation for model in picked}
assert own == {"relu", "tanh"}, f"one relu and one tanh; found {sorted(own)}"
first, second = (model.settings() | {"activation": "any"} for model in picked)
assert first == second, "they differ in more than the activation"
assert (first["hidden"], first["max_epochs"]) == ([16], 60), "else as above"
print("right: exercise 3")

# %% [markdown]
# **4.** Compute the digest of a file yourself: `hashlib.sha256` takes bytes, and `hexdigest()`
# gives the 64 letters. Then change one byte, and look at it again.


# %% tags=["exercise"]
def my_digest(path):
    """Return the SHA-256 of a file's bytes, as 64 letters."""


# %% tags=["solution"]
import hashlib


def my_digest(path):
    """Return the SHA-256 of a file's bytes, as 64 letters."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


# %% tags=["check"]
assert my_digest(weights) is not None, "the function returns nothing yet"
assert my_digest(weights) == digest, "hash the bytes of the file, not its name"
one, other = world / "one", world / "other"
one.write_bytes(b"tumour 1"), other.write_bytes(b"tumour 2")
assert my_digest(one) != my_digest(other), "other bytes have another digest"
print("right: exercise 4")

# %% [markdown]
# The temporary folder goes, with all that was made in it.

# %%
place.cleanup()

# %% [markdown]
# ## Where it lives in the pipeline
#
# | idea | file |
# |---|---|
# | the entry, and what is made in the end | `Snakefile` |
# | the rules | `workflow/rules/preprocess.smk` and its neighbours |
# | settings and their defaults | `config/config.yaml`, `config/README.md` |
# | studies to copy | `config/examples/perceptron.yaml` and its neighbours |
# | the digest of the code behind a rule | `src/exprlab/provenance/code.py` |
# | `exprlab why` | `src/exprlab/reproduce/why.py` |
# | the same bytes, proven | `docs/reproducibility.md`, `src/exprlab/reproduce/verify.py` |
# | the files of a run | `docs/files.md` |
# | publication to MLflow | `workflow/rules/track.smk`, `src/exprlab/tracking/publish.py` |
# | the profile for SLURM | `profiles/slurm/config.yaml`, `docs/cluster.md` |
