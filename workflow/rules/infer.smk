# A trained model meets samples that it has never seen; to predict them needs no label.


rule predict_samples:
    input:
        model="results/{dataset}/{model}/{split}/model",
        counts="results/{dataset}/data/new_samples.h5ad",
        checks="results/{dataset}/data/new_samples.checks.json",
    output:
        "results/{dataset}/{model}/{split}/new_samples.tsv",
    log:
        "results/logs/predict_samples/{dataset}.{model}.{split}.log",
    benchmark:
        "results/benchmarks/predict_samples/{dataset}.{model}.{split}.tsv"
    conda:
        "../envs/exprlab.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(20),
    params:
        code=code_digest("predict"),
    shell:
        "python -m exprlab predict --model {input.model} --expression {input.counts}"
        " --output {output} > {log} 2>&1"


# Labels of new samples are read here for the first time, and for nothing else.
rule evaluate_new_samples:
    input:
        counts="results/{dataset}/data/new_samples.h5ad",
        oracle=oracle_of_new_samples,
        predictions=lambda wildcards: expand(
            "{run}/new_samples.tsv", run=runs_of(repeats_of, [wildcards.dataset])
        ),
        models=lambda wildcards: expand(
            "{run}/model", run=runs_of(repeats_of, [wildcards.dataset])
        ),
    output:
        "results/{dataset}/data/new_samples.evaluation.json",
    log:
        "results/logs/evaluate_new_samples/{dataset}.log",
    benchmark:
        "results/benchmarks/evaluate_new_samples/{dataset}.tsv"
    conda:
        "../envs/exprlab.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        runs=lambda wildcards, input: [os.path.dirname(p) for p in input.predictions],
        settings=as_json(CONFIG.evaluation),
        code=code_digest("evaluate_new_samples"),
    shell:
        "python -m exprlab evaluate-new-samples --counts {input.counts} --oracle {input.oracle}"
        " --runs {params.runs} --output {output} --params {params.settings:q} > {log} 2>&1"
