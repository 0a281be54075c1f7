# Reads and validates the config; the only file of rules with functions.
import atexit
import gc
import json
import os
import shlex
import signal
import sys
import time
from pathlib import Path

from snakemake.jobs import GroupJob
from snakemake.logging import logger

try:
    from exprlab.cohort.plan import plan_design
    from exprlab.config.designs import designs_to_json
    from exprlab.config.experiment import parse_config, picked, tracking_uri
    from exprlab.config.files import files_in, float32_bytes
    from exprlab.config.models import NETWORK_KINDS
    from exprlab.errors import UserError
    from exprlab.failures.ends import OUT_OF_MEMORY, TIME_LIMIT, earlier_ends, limits_of
    from exprlab.failures.groups import tell_of_groups
    from exprlab.failures.listen import FailedJobs
    from exprlab.files import digest_of, files_below, sha256
    from exprlab.keys import LEAVE_ONE_BATCH_OUT, ORACLE, SIDE_FILES
    from exprlab.keys import SPLIT_PATTERN, WHOLE_SPLIT_PATTERN, split_name, split_parts
    from exprlab.provenance.code import code_digest
    from exprlab.provenance.lineage import lineage_of, pack
except ImportError as error:
    raise WorkflowError(
        f"{error}: activate the environment that `make run` made in .venv"
    )

# A plan is millions of objects that all stay: looking for garbage among them again and again is an
# eighth of the time that a thousand runs take to plan, and once more at the end a fifteenth.
gc.set_threshold(200_000, 50, 1000)
atexit.register(gc.freeze)

try:
    CONFIG = parse_config(config)
    # How the samples of each data set are divided; batches are counted in its sample table.
    DESIGNS = {
        name: plan_design(name, CONFIG.datasets[name], CONFIG.split)
        for name in CONFIG.experiment.datasets
    }
except UserError as error:
    raise WorkflowError(str(error))

DATASETS, MODELS = CONFIG.experiment.datasets, CONFIG.experiment.models
NETWORKS = [name for name in MODELS if CONFIG.models[name].kind in NETWORK_KINDS]
BASELINES = [name for name in MODELS if name not in NETWORKS]
# Of these the truth is known, ...
SIMULATED = [name for name in DATASETS if CONFIG.datasets[name].source == "simulate"]
# ... these are read from files, ...
OWN = [name for name in DATASETS if CONFIG.datasets[name].source == "files"]
# ... and these have samples to predict.
WITH_NEW = [name for name in DATASETS if CONFIG.datasets[name].has_new_samples]


# Of these each repeat has several folds, which are judged together.
FOLDED = [name for name in DATASETS if DESIGNS[name].folds]


def splits_of(dataset):
    """Give the splits of a data set in which all training samples train."""
    return CONFIG.experiment.splits(DESIGNS[dataset])


def smaller_splits_of(dataset):
    """Give those with fewer training samples, for learning curves."""
    return CONFIG.experiment.smaller_splits(DESIGNS[dataset])


def repeats_of(dataset):
    """Give what models are judged by: all folds of a seed together, or its one split."""
    return CONFIG.experiment.repeats()


def smaller_repeats_of(dataset):
    """Give the same with fewer training samples."""
    return CONFIG.experiment.smaller_repeats()


def finals_of(dataset):
    """Give the splits in which all samples train, beside the folds that judge."""
    return repeats_of(dataset) if dataset in FOLDED else []


def runs_of(splits, datasets):
    """Give the folder of each run, a training of a model in a split."""
    return [
        f"results/{dataset}/{model}/{split}"
        for dataset in datasets
        for model in MODELS
        for split in splits(dataset)
    ]


RUNS = runs_of(splits_of, DATASETS)
# With fewer training samples models are trained and judged, no more.
SMALLER_RUNS = runs_of(smaller_splits_of, DATASETS)
# What is compared: where there are folds, all of a repeat together, else the runs themselves.
REPEATS = runs_of(repeats_of, DATASETS)
SMALLER_REPEATS = runs_of(smaller_repeats_of, DATASETS)
POOLED = runs_of(repeats_of, FOLDED) + runs_of(smaller_repeats_of, FOLDED)
# Folds judge; the model to use is trained once more, on all samples. It is judged by its folds.
FINALS = runs_of(finals_of, DATASETS)
CURVE_DATASETS = [name for name in DATASETS if smaller_splits_of(name)]
CURVES = ["results/report/learning_curves.json"] if CURVE_DATASETS else []
# What is kept of every run ...
JUDGED_FILES = [
    "metrics.csv",
    "params.json",
    "record.json",
    "timing.csv",
    "status.json",
    "environment.json",
    "uncommitted.diff",
    "model",
    "evaluation.json",
    "predictions.parquet",
]
FIGURES = ["training", "roc", "precision_recall", "calibration", "confusion", "scores"]
# ... of a model to use that its folds judge, with what a person reads of it ...
FINAL_FILES = [
    *JUDGED_FILES,
    "model_card.md",
    *(f"figures/{figure}.png" for figure in FIGURES),
]
# ... and of one that all training samples have trained.
RUN_FILES = [*FINAL_FILES, "attribution.tsv"]
# Those of them that hold times and machines; nothing scientific reads them.
RUN_SIDE_FILES = [name for name in RUN_FILES if name in SIDE_FILES]
NEW_SAMPLE_FILES = [
    "new_samples.h5ad",
    "new_samples.checks.json",
    "new_samples.evaluation.json",
]
# Of every split, whatever part of its training samples trains.
SPLIT_FILES = [
    "{dataset}/splits/{split}.tsv",
    "{dataset}/preprocessing/{split}/preprocessor.json",
    "{dataset}/preprocessing/{split}/preprocessor.safetensors",
    "{dataset}/preprocessing/{split}/features.npy",
]
DATA_FIGURES = ["levels", "quality", "pca"]
GENE_FIGURES = ["recovery", "top_genes"]
MLFLOW_URI = tracking_uri(CONFIG.tracking)
if MLFLOW_URI:
    # Never on a command line, where everybody could read its password.
    os.environ.update(MLFLOW_TRACKING_URI=MLFLOW_URI)
if CONFIG.tracking.live:
    # Trainings stream to this experiment; in no params, because no result depends on it.
    os.environ.update(EXPRLAB_LIVE=CONFIG.experiment.name)
# A server keeps its own store; the embedded one is a file of this workflow.
MLFLOW_STORE = [] if MLFLOW_URI else ["results/mlflow/mlflow.db"]

# Snakemake logs each job that fails; at the end the cards tell of those that failed for good.
FAILED_JOBS = FailedJobs()
if not workflow.remote_exec:
    logger.addHandler(FAILED_JOBS)
    tell_of_groups(FAILED_JOBS, GroupJob)
# Why jobs of SLURM's ended is told by the logs that are newer than this.
STARTED = time.time()

# For the record: how this Snakemake was called (a job on a cluster keeps what it was told).
os.environ.setdefault("EXPRLAB_COMMAND", shlex.join(["snakemake", *sys.argv[1:]]))

# The conda environment's own set-up script is told nothing else of where this project is.
RULES = workflow.current_basedir.get_path_or_uri(secret_free=True)
SOURCE = os.path.dirname(os.path.dirname(RULES))
os.environ.update(EXPRLAB_SOURCE=SOURCE)
PROJECT = Path(SOURCE)
# In a job that was submitted to SLURM, srun starts the processes of a training that has several.
if workflow.remote_exec and "SLURM_JOB_ID" in os.environ:
    os.environ.update(EXPRLAB_SRUN="1")
    # The warning before a time limit (sbatch --signal=USR1@90) is for the training alone.
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
# Rules call `python -m exprlab`: with the Python of this Snakemake, activated or not.
os.environ.update(
    PATH=os.pathsep.join([os.path.dirname(sys.executable), os.environ.get("PATH", "")])
)


def one_of(names):
    """Give a regular expression that matches these names only, nothing if there are none."""
    return "|".join(names) or "(?!)"


wildcard_constraints:
    dataset=one_of(CONFIG.datasets),
    model=one_of(CONFIG.models),
    split=SPLIT_PATTERN,
    cohort="cohort|new_samples",


def as_json(section):
    """Spell a section of the config as the JSON that --params takes."""
    return json.dumps(section.settings(), sort_keys=True)


def cohort_params(wildcards):
    return as_json(CONFIG.datasets[wildcards.dataset].of_cohort(wildcards.cohort))


def own_files(wildcards):
    """Give the user's files of a cohort; of a folder all that is in it."""
    settings = CONFIG.datasets[wildcards.dataset].of_cohort(wildcards.cohort)
    return [str(file) for path in settings.paths() for file in files_in(path)]


def files_to_check(wildcards):
    """Give a simulated cohort, or the files of a cohort of one's own."""
    if wildcards.dataset in OWN:
        return own_files(wildcards)
    return f"results/{wildcards.dataset}/data/{wildcards.cohort}.h5ad"


def check_arguments(wildcards):
    """Give what `exprlab check` is told of the cohort, in words of the command line."""
    if wildcards.dataset in OWN:
        needed = ["--smallest-class", str(DESIGNS[wildcards.dataset].smallest_class)]
        return [
            "--params",
            cohort_params(wildcards),
            "--cohort",
            wildcards.cohort,
            *needed,
        ]
    labels = ["--no-labels"] if wildcards.cohort == "new_samples" else []
    classes = CONFIG.datasets[wildcards.dataset].classes
    return [files_to_check(wildcards), "--classes", *classes, *labels]


def split_settings(wildcards):
    """Give what decides how the samples of a data set are divided."""
    return CONFIG.split.of_design(DESIGNS[wildcards.dataset].name)


def training_params(wildcards):
    """Give every setting that a run depends on, by section."""
    sections = {
        "dataset": CONFIG.datasets[wildcards.dataset].of_cohort("cohort"),
        "split": split_settings(wildcards),
        "preprocess": CONFIG.preprocess,
        "model": CONFIG.models[wildcards.model],
    }
    if wildcards.model in NETWORKS:
        sections["trainer"] = CONFIG.trainer
    settings = {k: v.settings() for k, v in sections.items()}
    _, fold, size = split_parts(wildcards.split)
    if fold is not None:
        settings["fold"] = fold
    if size is not None:
        settings["train_size"] = size
    return json.dumps(settings, sort_keys=True)


def split_seed(wildcards):
    return split_parts(wildcards.split).seed


def split_fold(wildcards):
    """Give the number of the fold that a split tests; nothing without folds."""
    fold = split_parts(wildcards.split).fold
    return "" if fold is None else fold


def folds_of(wildcards, *names):
    """Give files of the folds that a repeat pools."""
    seed, _, size = split_parts(wildcards.split)
    runs = [
        f"results/{wildcards.dataset}/{wildcards.model}/{split}"
        for split in DESIGNS[wildcards.dataset].splits(seed, size)
    ]
    return expand("{run}/{name}", run=runs, name=names)


def oracle_predictions(wildcards):
    """Give the oracle's predictions of a run's test samples, where the truth is known."""
    # Whatever part of the training samples trains, the test samples are the same.
    seed, fold, _ = split_parts(wildcards.split)
    split = split_name(seed, fold=fold)
    path = f"results/{wildcards.dataset}/oracle/{split}/predictions.parquet"
    known = wildcards.dataset in SIMULATED and getattr(wildcards, "model", "") != ORACLE
    return path if known else []


def left_out_batch(wildcards):
    """Give what the shift of the tested batch is told from, where training has not seen it."""
    if DESIGNS[wildcards.dataset].name != LEAVE_ONE_BATCH_OUT:
        return []
    data = f"results/{wildcards.dataset}"
    return [
        f"{data}/data/cohort.h5ad",
        f"{data}/preprocessing/{wildcards.split}/features.npy",
    ]


def oracle_evaluation(wildcards):
    """Give the oracle's evaluation on a run's test samples, where the truth is known."""
    path = f"results/{wildcards.dataset}/oracle/{wildcards.split}/evaluation.json"
    return path if wildcards.dataset in SIMULATED else []


def oracle_of_new_samples(wildcards):
    """Give the oracle's verdict on the new samples, where the truth is known."""
    path = f"results/{wildcards.dataset}/data/new_samples.oracle.h5ad"
    return path if wildcards.dataset in SIMULATED else []


def bytes_of_values(dataset, cohort):
    """Give the size in memory of all values of a cohort, as float32, as far as it is known."""
    is_new = cohort == "new_samples"
    if dataset.source == "simulate":
        n_samples = dataset.n_new_samples if is_new else dataset.n_samples
        return n_samples * dataset.n_genes * 4
    return float32_bytes(dataset.new_expression if is_new else dataset.expression)


def grown(base, end, rulename, wildcards, attempt):
    """Give twice as much for each time that SLURM has ended a job for want of it, and only then.

    No more than the partition has: for that SLURM would let the job wait for ever.
    """
    if attempt == 1:
        return base
    logs = (
        getattr(workflow.executor_settings, "logdir", None) or ".snakemake/slurm_logs"
    )
    times = earlier_ends(logs, rulename, dict(wildcards.items()), STARTED)[end]
    return max(base, min(base * 2**times, share_of_partition(end, rulename)))


def share_of_partition(end, rulename):
    """Give the most that a job may ask for; the jobs of a group have it together."""
    groups = workflow.group_settings.overwrite_groups
    members = max(1, list(groups.values()).count(groups.get(rulename)))
    asked = workflow.get_rule(rulename).resources.get("slurm_partition")
    # As the profile writes it: a rule has no value of it, only its jobs have.
    name = "" if asked is None else str(asked.raw or "").strip("'\"")
    limits = limits_of(name)
    return int(min(limits[end] / members, sys.maxsize))


def minutes(base):
    """Give minutes, as a function of how often a job has run out of time."""

    def runtime(wildcards, attempt, rulename):
        return grown(base, TIME_LIMIT, rulename, wildcards, attempt)

    return runtime


def memory(base, copies=0, processes=1):
    """Give megabytes as a function of the data set: `base` and so many float32 copies of it.

    And of how often a job has run out of memory.
    """

    def mem_mb(wildcards, attempt, rulename):
        names = [wildcards.dataset] if hasattr(wildcards, "dataset") else DATASETS
        cohort = getattr(wildcards, "cohort", "cohort")
        largest = max(bytes_of_values(CONFIG.datasets[name], cohort) for name in names)
        once = processes * (base + int(copies * largest / 2**20))
        return grown(once, OUT_OF_MEMORY, rulename, wildcards, attempt)

    return mem_mb


def call_without_targets():
    """Give the words of this call of Snakemake that are no targets, to do one job again."""
    targets = workflow.dag_settings.targets or ()
    return shlex.join(["snakemake", *(w for w in sys.argv[1:] if w not in targets)])


def failure_cards():
    """Give the command that tells of the jobs that failed and have not been done since."""
    words = [
        "python",
        "-m",
        "exprlab",
        "failures",
        "--jobs",
        "results/logs/failed_jobs.json",
    ]
    words += ["--output", "results/report/failures.html"]
    words += ["--title", CONFIG.experiment.name, "--command", call_without_targets()]
    # Snakemake reads braces as names.
    return shlex.join(words).replace("{", "{{").replace("}", "}}")


def of_processes(value):
    """Give a resource that only a training of several processes asks for."""
    return value if CONFIG.trainer.processes > 1 else None


def threads_of_process(wildcards, threads):
    """Give the CPUs of each process of a training, of which `threads` are a node's."""
    return max(1, threads // CONFIG.trainer.devices)


def run_files(*names):
    """Give these files of every run that all training samples have trained."""
    return expand("{run}/{name}", run=RUNS, name=names)


def repeat_files(*names):
    """Give these files of every repeat of every model in which all training samples train."""
    return expand("{run}/{name}", run=REPEATS, name=names)


def smaller_repeat_files(*names):
    """Give these files of every repeat with fewer training samples."""
    return expand("{run}/{name}", run=SMALLER_REPEATS, name=names)


def final_files(*names):
    """Give these files of every model that is trained on all samples, beside its folds."""
    return expand("{run}/{name}", run=FINALS, name=names)


def new_sample_files():
    """Give what every model to use predicts for new samples, where there are any."""
    return expand("{run}/new_samples.tsv", run=runs_of(repeats_of, WITH_NEW))


def smaller_run_files(*names):
    """Give these files of every run with fewer training samples."""
    return expand("{run}/{name}", run=SMALLER_RUNS, name=names)


def split_files(pattern, datasets=DATASETS, splits=splits_of):
    """Give a file of every split of these data sets; `pattern` follows results/."""
    return [
        f"results/{pattern}".format(dataset=dataset, split=split)
        for dataset in datasets
        for split in splits(dataset)
    ]


def data_files(*names, datasets=DATASETS):
    """Give these files of the data of these data sets."""
    return expand("results/{dataset}/data/{name}", dataset=datasets, name=names)


def oracle_files(name, splits=splits_of):
    """Give this file of the oracle in every split of the data sets whose truth is known."""
    return split_files(f"{{dataset}}/oracle/{{split}}/{name}", SIMULATED, splits)


def lost_files(wildcards):
    """Give what is gone of the files that the manifest lists: nothing else makes it again."""
    if not os.path.exists(rules.write_manifest.output.manifest):
        return []
    return [path for path in rules.write_manifest.input if not os.path.exists(path)]


def lesson_digest(wildcards):
    """Give a digest of the code behind a lesson: of the whole project where it calls commands."""
    lesson = PROJECT / "lessons" / f"{wildcards.lesson}.py"
    code = code_digest("build_lesson", lesson)
    if "exprlab.lessons.commands" not in lesson.read_text(encoding="utf-8"):
        return code
    called = [PROJECT / "Snakefile", *sorted((PROJECT / "src").rglob("*.py"))]
    for folder in ("config", "profiles", "workflow"):
        called += files_below(PROJECT / folder)
    return digest_of([code, *map(sha256, called)])


def run_folders(wildcards, input):
    """Give the folders of the runs that a rule takes, wherever a module's prefix put them."""
    return [os.path.dirname(path) for path in input.evaluations]


def lineage(wildcards, input):
    """Tell how each input, and all that is behind it, is made: the plan of this very call."""
    return pack(lineage_of(workflow.dag.jobs, input))
