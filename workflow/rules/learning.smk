# Learning curves: the same models with fewer training samples, on the same test samples.


rule subsample_training:
    input:
        counts="results/{dataset}/data/cohort.h5ad",
        split="results/{dataset}/splits/{split}.tsv",
    output:
        "results/{dataset}/splits/{split}-n-{size}.tsv",
    log:
        "results/logs/subsample_training/{dataset}.{split}-n-{size}.log",
    benchmark:
        "results/benchmarks/subsample_training/{dataset}.{split}-n-{size}.tsv"
    wildcard_constraints:
        split=WHOLE_SPLIT_PATTERN,
        size=r"\d+",
    conda:
        "../envs/exprlab.yaml"
    threads: 1
    resources:
        mem_mb=memory(800),
        runtime=minutes(10),
    params:
        seed=split_seed,
        code=code_digest("subsample"),
    shell:
        "python -m exprlab subsample --counts {input.counts} --split {input.split}"
        " --output {output} --size {wildcards.size} --seed {params.seed} > {log} 2>&1"


rule compare_sizes:
    input:
        evaluations=repeat_files("evaluation.json")
        + smaller_repeat_files("evaluation.json"),
        predictions=repeat_files("predictions.parquet")
        + smaller_repeat_files("predictions.parquet"),
        splits=split_files("{dataset}/splits/{split}.tsv")
        + split_files("{dataset}/splits/{split}.tsv", splits=smaller_splits_of),
        oracles=oracle_files("evaluation.json", repeats_of),
    output:
        "results/report/learning_curves.json",
    log:
        "results/logs/compare_sizes.log",
    benchmark:
        "results/benchmarks/compare_sizes.tsv"
    conda:
        "../envs/exprlab.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(20),
    params:
        runs=run_folders,
        settings=as_json(CONFIG.evaluation),
        code=code_digest("learning_curves"),
    shell:
        "python -m exprlab learning-curves --runs {params.runs} --splits {input.splits}"
        " --oracles {input.oracles} --output {output} --params {params.settings:q} > {log} 2>&1"


rule plot_learning_curves:
    input:
        "results/report/learning_curves.json",
    output:
        report(
            "results/{dataset}/learning_curves.png",
            caption="../report/learning_curves.rst",
            category="Learning curves",
            labels={"data set": "{dataset}", "figure": "learning curves"},
        ),
    log:
        "results/logs/plot_learning_curves/{dataset}.log",
    benchmark:
        "results/benchmarks/plot_learning_curves/{dataset}.tsv"
    conda:
        "../envs/exprlab.yaml"
    threads: 1
    resources:
        mem_mb=memory(800),
        runtime=minutes(10),
    params:
        code=code_digest("plot_learning_curves"),
    shell:
        "python -m exprlab plot-learning-curves --curves {input} --dataset {wildcards.dataset}"
        " --output {output} > {log} 2>&1"
