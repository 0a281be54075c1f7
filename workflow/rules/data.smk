# Counts, their checks, and a first look at them.


rule simulate_cohort:
    output:
        counts="results/{dataset}/data/{cohort}.h5ad",
        truth="results/{dataset}/data/{cohort}.truth.h5ad",
    log:
        "results/logs/simulate_cohort/{dataset}.{cohort}.log",
    benchmark:
        "results/benchmarks/simulate_cohort/{dataset}.{cohort}.tsv"
    wildcard_constraints:
        dataset=one_of(SIMULATED),
    conda:
        "../envs/exprlab.yaml"
    threads: 2
    resources:
        mem_mb=memory(800),
        runtime=minutes(20),
    params:
        settings=cohort_params,
        code=code_digest("simulate"),
    shell:
        "python -m exprlab simulate --cohort {wildcards.cohort} --counts {output.counts}"
        " --truth {output.truth} --params {params.settings:q} --threads {threads} > {log} 2>&1"


# A cohort of one's own, once its files have been found sound.
rule import_cohort:
    input:
        files=own_files,
        checks="results/{dataset}/data/{cohort}.checks.json",
    output:
        "results/{dataset}/data/{cohort}.h5ad",
    log:
        "results/logs/import_cohort/{dataset}.{cohort}.log",
    benchmark:
        "results/benchmarks/import_cohort/{dataset}.{cohort}.tsv"
    wildcard_constraints:
        dataset=one_of(OWN),
    conda:
        "../envs/exprlab.yaml"
    threads: 1
    resources:
        mem_mb=memory(800, copies=5),
        runtime=minutes(20),
    params:
        settings=cohort_params,
        code=code_digest("import_cohort"),
    shell:
        "python -m exprlab import-cohort --output {output} --params {params.settings:q}"
        " > {log} 2>&1"


# What nobody can do better than, known because the cohort is simulated.
rule compute_oracle:
    input:
        "results/{dataset}/data/{cohort}.h5ad",
    output:
        "results/{dataset}/data/{cohort}.oracle.h5ad",
    log:
        "results/logs/compute_oracle/{dataset}.{cohort}.log",
    benchmark:
        "results/benchmarks/compute_oracle/{dataset}.{cohort}.tsv"
    conda:
        "../envs/exprlab.yaml"
    threads: 1
    resources:
        mem_mb=memory(800),
        runtime=minutes(60),
    params:
        settings=cohort_params,
        code=code_digest("oracle"),
    shell:
        "python -m exprlab oracle --cohort {wildcards.cohort} --counts {input} --output {output}"
        " --params {params.settings:q} --threads {threads} > {log} 2>&1"


# Before anything expensive: of a cohort of one's own the files as they are, before they are read.
rule check_data:
    input:
        files_to_check,
    output:
        "results/{dataset}/data/{cohort}.checks.json",
    log:
        "results/logs/check_data/{dataset}.{cohort}.log",
    benchmark:
        "results/benchmarks/check_data/{dataset}.{cohort}.tsv"
    conda:
        "../envs/exprlab.yaml"
    threads: 1
    resources:
        mem_mb=memory(800, copies=4),
        runtime=minutes(20),
    params:
        what=check_arguments,
        code=code_digest("check"),
    shell:
        "python -m exprlab check {params.what:q} --output {output} > {log} 2>&1"


rule describe_data:
    input:
        counts="results/{dataset}/data/cohort.h5ad",
        checks="results/{dataset}/data/cohort.checks.json",
    output:
        "results/{dataset}/data/overview.json",
    log:
        "results/logs/describe_data/{dataset}.log",
    benchmark:
        "results/benchmarks/describe_data/{dataset}.tsv"
    conda:
        "../envs/exprlab.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000, copies=1),
        runtime=minutes(10),
    params:
        code=code_digest("describe"),
    shell:
        "python -m exprlab describe --counts {input.counts} --output {output} > {log} 2>&1"


rule plot_data:
    input:
        "results/{dataset}/data/overview.json",
    output:
        [
            report(
                f"results/{{dataset}}/data/figures/{figure}.png",
                caption="../report/overview.rst",
                category="Data",
                labels={"data set": "{dataset}", "figure": figure},
            )
            for figure in DATA_FIGURES
        ],
    log:
        "results/logs/plot_data/{dataset}.log",
    benchmark:
        "results/benchmarks/plot_data/{dataset}.tsv"
    conda:
        "../envs/exprlab.yaml"
    threads: 1
    resources:
        mem_mb=memory(800),
        runtime=minutes(10),
    params:
        folder=subpath(output[0], parent=True),
        code=code_digest("plot_data"),
    shell:
        "python -m exprlab plot-data --overview {input} --output {params.folder} > {log} 2>&1"
