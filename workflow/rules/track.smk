# The manifest of all that was made, and the MLflow store: a view of the files, brought up to date
# by one writer.


rule write_manifest:
    input:
        run_files(*RUN_FILES),
        run_files("weights.safetensors", "network.json", "logits.parquet"),
        new_sample_files(),
        final_files(
            *FINAL_FILES, "weights.safetensors", "network.json", "logits.parquet"
        ),
        smaller_run_files(
            *JUDGED_FILES, "weights.safetensors", "network.json", "logits.parquet"
        ),
        data_files("cohort.h5ad", "cohort.checks.json", "overview.json"),
        data_files("cohort.truth.h5ad", "cohort.oracle.h5ad", datasets=SIMULATED),
        data_files(*NEW_SAMPLE_FILES, datasets=WITH_NEW),
        data_files(
            "new_samples.truth.h5ad", "new_samples.oracle.h5ad", datasets=SIMULATED
        ),
        data_files(*(f"figures/{figure}.png" for figure in DATA_FIGURES)),
        [
            split_files(pattern, splits=splits)
            for splits in (splits_of, smaller_splits_of, finals_of)
            for pattern in SPLIT_FILES
        ],
        oracle_files("evaluation.json"),
        oracle_files("predictions.parquet"),
        expand(
            "{run}/{name}", run=POOLED, name=["evaluation.json", "predictions.parquet"]
        ),
        oracle_files("evaluation.json", repeats_of),
        oracle_files("predictions.parquet", repeats_of),
        split_files("{dataset}/guard/{split}.json"),
        split_files("{dataset}/genes/{split}.tsv"),
        expand(
            "results/{dataset}/genes/figures/{figure}.png",
            dataset=DATASETS,
            figure=GENE_FIGURES,
        ),
        expand("results/{dataset}/learning_curves.png", dataset=CURVE_DATASETS),
        CURVES,
        "results/report/comparison.json",
        "results/report/genes.json",
        "results/report/report.html",
        "results/report/dome.md",
    output:
        manifest="results/manifest.json",
        environment="results/environment.json",
    log:
        "results/logs/write_manifest.log",
    benchmark:
        "results/benchmarks/write_manifest.tsv"
    # A job on a cluster sees its own part of the plan only; here all of it is needed.
    localrule: True
    conda:
        "../envs/exprlab.yaml"
    threads: 2
    resources:
        mem_mb=memory(800),
        runtime=minutes(20),
    params:
        results=subpath(output.manifest, parent=True),
        settings=as_json(picked(CONFIG)),
        lineage=lineage,
        code=code_digest("manifest"),
    shell:
        "python -m exprlab manifest --results {params.results} --lineage {params.lineage}"
        " --output {output.manifest} --environment {output.environment}"
        " --params {params.settings:q} > {log} 2>&1"


rule publish_runs:
    input:
        evaluations=run_files("evaluation.json")
        + final_files("evaluation.json")
        + smaller_run_files("evaluation.json"),
        attachments=[
            *CURVES,
            "results/report/report.html",
            "results/report/environment.html",
            "results/report/comparison.json",
            "results/report/genes.json",
            "results/report/dome.md",
            # Newer than all other files of runs, which are published too.
            "results/manifest.json",
            "results/environment.json",
        ],
    output:
        receipt="results/mlflow/published.json",
        store=update(MLFLOW_STORE),
    log:
        "results/logs/publish_runs.log",
    benchmark:
        "results/benchmarks/publish_runs.tsv"
    localrule: True
    conda:
        "../envs/exprlab.yaml"
    threads: 1
    resources:
        mem_mb=memory(1500),
        runtime=minutes(30),
    params:
        runs=run_folders,
        folder=subpath(output.receipt, parent=True),
        results=subpath(output.receipt, ancestor=2),
        experiment=CONFIG.experiment.name,
        # Another store has to be filled too; of its address only a digest is kept.
        store=digest_of(MLFLOW_URI),
        # MLflow keeps the whole path of each artifact, so a store that was moved has to be told.
        place="" if MLFLOW_URI else os.getcwd(),
        code=code_digest("publish"),
    shell:
        "python -m exprlab publish --runs {params.runs} --attach {input.attachments}"
        " --experiment {params.experiment} --store {params.folder} --history {params.results}/history"
        " --receipt {output.receipt} > {log} 2>&1"


# The executor does not tell the Snakemakes in its jobs of the profile's groups: then each step of a
# group would have one of its own, which takes two seconds to start.
onstart:
    groups = workflow.group_settings.overwrite_groups
    os.environ.update(EXPRLAB_GROUPS=json.dumps(dict(groups)))


if workflow.remote_exec:
    for name, group in json.loads(os.environ.get("EXPRLAB_GROUPS", "{}")).items():
        if workflow.is_rule(name):
            workflow.get_rule(name).group = group


onsuccess:
    if not workflow.remote_exec and os.path.exists("results/report/failures.html"):
        if workflow.dag_settings.targets:
            # Some of what failed is made by now.
            shell(failure_cards())
        else:
            os.remove("results/report/failures.html")


onerror:
    # A job on a cluster has a Snakemake of its own, which has nothing to say here.
    if not workflow.remote_exec:
        FAILED_JOBS.write("results/logs/failed_jobs.json")
        shell(failure_cards())
        # Whatever has finished, and whatever has failed, is worth seeing in MLflow.
        shell(
            f"python -m exprlab publish --runs {' '.join(RUNS + FINALS + SMALLER_RUNS)} --experiment {CONFIG.experiment.name}"
            " --store results/mlflow --history results/history"
            " --receipt results/mlflow/partly_published.json"
            " || echo 'not published to MLflow, for the reason above; the files are all there'"
        )
