# One page that a biologist can read.


rule write_report:
    input:
        run_files(*RUN_FILES, *(f"figures/{figure}.png" for figure in FIGURES)),
        expand("results/{dataset}/data/overview.json", dataset=DATASETS),
        expand(
            "results/{dataset}/data/{cohort}.checks.json",
            dataset=DATASETS,
            cohort=["cohort", "new_samples"],
        ),
        expand("results/{dataset}/data/figures/pca.png", dataset=DATASETS),
        comparison="results/report/comparison.json",
    output:
        report(
            "results/report/report.html",
            caption="../report/report.rst",
            category="Report",
        ),
    log:
        "results/logs/write_report.log",
    benchmark:
        "results/benchmarks/write_report.tsv"
    conda:
        "../envs/exprlab.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        results=subpath(input.comparison, ancestor=2),
        settings=as_json(picked(CONFIG)),
        code=code_digest("report"),
    shell:
        "python -m exprlab report --comparison {input.comparison} --results {params.results}"
        " --output {output} --params {params.settings:q} > {log} 2>&1"
