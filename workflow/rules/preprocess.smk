# Which samples train, and what their counts become.


rule split_samples:
    input:
        counts="results/{dataset}/data/cohort.h5ad",
        checks="results/{dataset}/data/cohort.checks.json",
    output:
        "results/{dataset}/splits/{split}.tsv",
    log:
        "results/logs/split_samples/{dataset}.{split}.log",
    benchmark:
        "results/benchmarks/split_samples/{dataset}.{split}.tsv"
    wildcard_constraints:
        split=WHOLE_SPLIT_PATTERN,
    conda:
        "../envs/exprlab.yaml"
    threads: 1
    resources:
        mem_mb=memory(800),
        runtime=minutes(10),
    params:
        settings=lambda wildcards: as_json(split_settings(wildcards)),
        seed=split_seed,
        fold=split_fold,
        code=code_digest("split"),
    shell:
        "python -m exprlab split --counts {input.counts} --output {output}"
        " --params {params.settings:q} --seed {params.seed} --fold {params.fold}"
        " > {log} 2>&1"


rule preprocess_counts:
    input:
        counts="results/{dataset}/data/cohort.h5ad",
        split="results/{dataset}/splits/{split}.tsv",
    output:
        preprocessor="results/{dataset}/preprocessing/{split}/preprocessor.json",
        arrays="results/{dataset}/preprocessing/{split}/preprocessor.safetensors",
        features="results/{dataset}/preprocessing/{split}/features.npy",
    log:
        "results/logs/preprocess_counts/{dataset}.{split}.log",
    benchmark:
        "results/benchmarks/preprocess_counts/{dataset}.{split}.tsv"
    conda:
        "../envs/exprlab.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000, copies=1),
        runtime=minutes(20),
    params:
        settings=as_json(CONFIG.preprocess),
        code=code_digest("preprocess"),
    shell:
        "python -m exprlab preprocess --counts {input.counts} --split {input.split}"
        " --preprocessor {output.preprocessor} --arrays {output.arrays}"
        " --features {output.features} --params {params.settings:q} > {log} 2>&1"
