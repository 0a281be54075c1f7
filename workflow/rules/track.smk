# The MLflow store: a view of the files, brought up to date by one writer.


rule publish_runs:
    input:
        run_files(*RUN_FILES),
        evaluations=run_files("evaluation.json"),
        comparison="results/report/comparison.json",
        report="results/report/report.html",
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
        mem_mb=1500,
        runtime=30,
    params:
        runs=run_folders,
        folder=subpath(output.receipt, parent=True),
        experiment=CONFIG.experiment.name,
        # Another store has to be filled too; of its address only a digest is kept.
        store=digest_of(MLFLOW_URI),
        code=code_digest("publish"),
    shell:
        "python -m exprlab publish --runs {params.runs} --comparison {input.comparison}"
        " --report {input.report} --experiment {params.experiment}"
        " --store {params.folder} --receipt {output.receipt} > {log} 2>&1"


onerror:
    # Whatever has finished, and whatever has failed, is worth seeing in MLflow.
    shell(
        f"python -m exprlab publish --runs {' '.join(RUNS)} --experiment {CONFIG.experiment.name}"
        " --store results/mlflow --receipt results/mlflow/partly_published.json"
    )
