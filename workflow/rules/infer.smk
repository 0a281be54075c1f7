# A trained model meets samples that it has never seen; no label is needed.


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
        mem_mb=1500,
        runtime=20,
    params:
        code=code_digest("predict"),
    shell:
        "python -m exprlab predict --model {input.model} --counts {input.counts}"
        " --output {output} > {log} 2>&1"
