# What people read: the report, the page about where it ran, and the checklist for a paper.


rule write_report:
    input:
        # What it reads and no more.
        run_files("metrics.csv", "record.json", "network.json", "evaluation.json"),
        repeat_files("evaluation.json"),
        run_files("figures/training.png", "figures/confusion.png"),
        new_sample_files(),
        data_files("overview.json", "cohort.checks.json"),
        data_files(
            "new_samples.checks.json", "new_samples.evaluation.json", datasets=WITH_NEW
        ),
        split_files("{dataset}/splits/{split}.tsv"),
        split_files("{dataset}/guard/{split}.json"),
        oracle_files("evaluation.json", repeats_of),
        comparison="results/report/comparison.json",
        genes="results/report/genes.json",
        curves=CURVES,
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
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        results=subpath(input.comparison, ancestor=2),
        settings=as_json(picked(CONFIG)),
        designs=designs_to_json(DESIGNS),
        code=code_digest("report"),
    shell:
        "python -m exprlab report --comparison {input.comparison} --genes {input.genes}"
        " --curves {input.curves} --results {params.results} --output {output} --params {params.settings:q}"
        " --designs {params.designs:q} > {log} 2>&1"


rule write_environment_page:
    input:
        run_files(*RUN_SIDE_FILES),
        final_files(*RUN_SIDE_FILES),
        smaller_run_files(*RUN_SIDE_FILES),
    output:
        report(
            "results/report/environment.html",
            caption="../report/environment.rst",
            category="Report",
        ),
    log:
        "results/logs/write_environment_page.log",
    benchmark:
        "results/benchmarks/write_environment_page.tsv"
    conda:
        "../envs/exprlab.yaml"
    threads: 1
    resources:
        mem_mb=memory(500),
        runtime=minutes(10),
    params:
        results=subpath(output[0], ancestor=2),
        settings=as_json(CONFIG.experiment),
        designs=designs_to_json(DESIGNS),
        code=code_digest("environment_page"),
    shell:
        "python -m exprlab environment-page --results {params.results} --output {output}"
        " --params {params.settings:q}"
        " --designs {params.designs:q} > {log} 2>&1"


rule fill_checklist:
    input:
        run_files(
            "params.json", "record.json", "network.json", "evaluation.json", "model"
        ),
        repeat_files("evaluation.json"),
        data_files("cohort.checks.json"),
        split_files("{dataset}/splits/{split}.tsv"),
        comparison="results/report/comparison.json",
    output:
        report(
            "results/report/dome.md",
            caption="../report/dome.rst",
            category="Report",
        ),
    log:
        "results/logs/fill_checklist.log",
    benchmark:
        "results/benchmarks/fill_checklist.tsv"
    conda:
        "../envs/exprlab.yaml"
    threads: 1
    resources:
        mem_mb=memory(500),
        runtime=minutes(10),
    params:
        results=subpath(input.comparison, ancestor=2),
        settings=as_json(picked(CONFIG)),
        designs=designs_to_json(DESIGNS),
        code=code_digest("checklist"),
    shell:
        "python -m exprlab checklist --comparison {input.comparison}"
        " --results {params.results} --output {output} --params {params.settings:q}"
        " --designs {params.designs:q}"
        " > {log} 2>&1"
