# Which genes the models decide by, and whether these are the genes that decide.


rule explain_model:
    input:
        model="results/{dataset}/{model}/{split}/model",
        counts="results/{dataset}/data/cohort.h5ad",
        split="results/{dataset}/splits/{split}.tsv",
        features="results/{dataset}/preprocessing/{split}/features.npy",
    output:
        "results/{dataset}/{model}/{split}/attribution.tsv",
    log:
        "results/logs/explain_model/{dataset}.{model}.{split}.log",
    benchmark:
        "results/benchmarks/explain_model/{dataset}.{model}.{split}.tsv"
    conda:
        "../envs/exprlab.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(20),
    params:
        settings=as_json(CONFIG.attribution),
        code=code_digest("explain"),
    shell:
        "python -m exprlab explain --model {input.model} --counts {input.counts}"
        " --split {input.split} --features {input.features} --output {output}"
        " --params {params.settings:q} > {log} 2>&1"


rule test_genes:
    input:
        counts="results/{dataset}/data/cohort.h5ad",
        split="results/{dataset}/splits/{split}.tsv",
        preprocessor="results/{dataset}/preprocessing/{split}/preprocessor.json",
        arrays="results/{dataset}/preprocessing/{split}/preprocessor.safetensors",
        features="results/{dataset}/preprocessing/{split}/features.npy",
    output:
        "results/{dataset}/genes/{split}.tsv",
    log:
        "results/logs/test_genes/{dataset}.{split}.log",
    benchmark:
        "results/benchmarks/test_genes/{dataset}.{split}.tsv"
    conda:
        "../envs/exprlab.yaml"
    threads: 1
    resources:
        mem_mb=memory(800, copies=3),
        runtime=minutes(10),
    params:
        code=code_digest("test_genes"),
    shell:
        "python -m exprlab test-genes --counts {input.counts} --split {input.split}"
        " --preprocessor {input.preprocessor} --arrays {input.arrays}"
        " --features {input.features} --output {output} > {log} 2>&1"


rule compare_genes:
    input:
        attributions=run_files("attribution.tsv"),
        tests=split_files("{dataset}/genes/{split}.tsv"),
        # The only rule that judges by the truth; nothing that trains or predicts follows it.
        truths=data_files("cohort.truth.h5ad", datasets=SIMULATED),
        oracles=data_files("cohort.oracle.h5ad", datasets=SIMULATED),
    output:
        "results/report/genes.json",
    log:
        "results/logs/compare_genes.log",
    benchmark:
        "results/benchmarks/compare_genes.tsv"
    conda:
        "../envs/exprlab.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        code=code_digest("compare_genes"),
    shell:
        "python -m exprlab compare-genes --attributions {input.attributions}"
        " --tests {input.tests} --truths {input.truths} --oracles {input.oracles}"
        " --output {output} > {log} 2>&1"


rule plot_genes:
    input:
        "results/report/genes.json",
    output:
        [
            report(
                f"results/{{dataset}}/genes/figures/{figure}.png",
                caption=f"../report/{figure}.rst",
                category="Genes",
                labels={"data set": "{dataset}", "figure": figure},
            )
            for figure in GENE_FIGURES
        ],
    log:
        "results/logs/plot_genes/{dataset}.log",
    benchmark:
        "results/benchmarks/plot_genes/{dataset}.tsv"
    conda:
        "../envs/exprlab.yaml"
    threads: 1
    resources:
        mem_mb=memory(800),
        runtime=minutes(10),
    params:
        folder=subpath(output[0], parent=True),
        code=code_digest("plot_genes"),
    shell:
        "python -m exprlab plot-genes --genes {input} --dataset {wildcards.dataset}"
        " --output {params.folder} > {log} 2>&1"
