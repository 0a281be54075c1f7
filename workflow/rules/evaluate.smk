# Calibration on validation samples, judgement on test samples, what to know before using a model,
# and the models side by side.


rule calibrate_model:
    input:
        weights="results/{dataset}/{model}/{split}/weights.safetensors",
        network="results/{dataset}/{model}/{split}/network.json",
        logits="results/{dataset}/{model}/{split}/logits.parquet",
        counts="results/{dataset}/data/cohort.h5ad",
        features="results/{dataset}/preprocessing/{split}/features.npy",
        preprocessor="results/{dataset}/preprocessing/{split}/preprocessor.json",
        arrays="results/{dataset}/preprocessing/{split}/preprocessor.safetensors",
    output:
        directory("results/{dataset}/{model}/{split}/model"),
    log:
        "results/logs/calibrate_model/{dataset}.{model}.{split}.log",
    benchmark:
        "results/benchmarks/calibrate_model/{dataset}.{model}.{split}.tsv"
    conda:
        "../envs/exprlab.yaml"
    threads: 1
    resources:
        mem_mb=memory(800, copies=2),
        runtime=minutes(10),
    params:
        run=subpath(input.weights, parent=True),
        settings=as_json(CONFIG.evaluation.of_calibration()),
        code=code_digest("calibrate"),
    shell:
        "python -m exprlab calibrate --run {params.run} --preprocessor {input.preprocessor}"
        " --arrays {input.arrays} --counts {input.counts} --features {input.features}"
        " --output {output} --params {params.settings:q} > {log} 2>&1"


# Stops the workflow if labels that were drawn at random can be predicted.
rule guard_leakage:
    input:
        counts="results/{dataset}/data/cohort.h5ad",
        split="results/{dataset}/splits/{split}.tsv",
        features="results/{dataset}/preprocessing/{split}/features.npy",
    output:
        "results/{dataset}/guard/{split}.json",
    log:
        "results/logs/guard_leakage/{dataset}.{split}.log",
    benchmark:
        "results/benchmarks/guard_leakage/{dataset}.{split}.tsv"
    conda:
        "../envs/exprlab.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000, copies=3),
        runtime=minutes(20),
    params:
        settings=as_json(CONFIG.guard),
        seed=split_seed,
        code=code_digest("guard"),
    shell:
        "python -m exprlab guard --counts {input.counts} --split {input.split}"
        " --features {input.features} --output {output} --params {params.settings:q}"
        " --seed {params.seed} > {log} 2>&1"


rule evaluate_oracle:
    input:
        counts="results/{dataset}/data/cohort.h5ad",
        oracle="results/{dataset}/data/cohort.oracle.h5ad",
        split="results/{dataset}/splits/{split}.tsv",
    output:
        evaluation="results/{dataset}/oracle/{split}/evaluation.json",
        predictions="results/{dataset}/oracle/{split}/predictions.parquet",
    log:
        "results/logs/evaluate_oracle/{dataset}.{split}.log",
    benchmark:
        "results/benchmarks/evaluate_oracle/{dataset}.{split}.tsv"
    conda:
        "../envs/exprlab.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        settings=as_json(CONFIG.evaluation),
        seed=split_seed,
        code=code_digest("evaluate_oracle"),
    shell:
        "python -m exprlab evaluate-oracle --counts {input.counts} --oracle {input.oracle}"
        " --split {input.split} --evaluation {output.evaluation}"
        " --predictions {output.predictions} --params {params.settings:q} --seed {params.seed}"
        " > {log} 2>&1"


rule evaluate_model:
    input:
        logits="results/{dataset}/{model}/{split}/logits.parquet",
        model="results/{dataset}/{model}/{split}/model",
        oracle=oracle_predictions,
        left_out=left_out_batch,
    output:
        evaluation="results/{dataset}/{model}/{split}/evaluation.json",
        predictions="results/{dataset}/{model}/{split}/predictions.parquet",
    log:
        "results/logs/evaluate_model/{dataset}.{model}.{split}.log",
    benchmark:
        "results/benchmarks/evaluate_model/{dataset}.{model}.{split}.tsv"
    conda:
        "../envs/exprlab.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000, copies=1),
        runtime=minutes(10),
    params:
        settings=as_json(CONFIG.evaluation),
        seed=split_seed,
        code=code_digest("evaluate"),
    shell:
        "python -m exprlab evaluate --logits {input.logits} --model {input.model}"
        " --oracle {input.oracle} --left-out {input.left_out} --evaluation {output.evaluation}"
        " --predictions {output.predictions} --params {params.settings:q} --seed {params.seed}"
        " > {log} 2>&1"


# All folds of a repeat together: each sample was tested once, by a model that had not seen it.
rule pool_folds:
    input:
        evaluations=lambda wildcards: folds_of(wildcards, "evaluation.json"),
        predictions=lambda wildcards: folds_of(wildcards, "predictions.parquet"),
        oracle=oracle_predictions,
    output:
        evaluation="results/{dataset}/{model}/{split}/evaluation.json",
        predictions="results/{dataset}/{model}/{split}/predictions.parquet",
    log:
        "results/logs/pool_folds/{dataset}.{model}.{split}.log",
    benchmark:
        "results/benchmarks/pool_folds/{dataset}.{model}.{split}.tsv"
    wildcard_constraints:
        dataset=one_of(FOLDED),
        model=one_of([*MODELS, ORACLE]),
        split=r"seed-\d+(-n-\d+)?",
    conda:
        "../envs/exprlab.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        folds=lambda wildcards, input: [os.path.dirname(p) for p in input.evaluations],
        settings=as_json(CONFIG.evaluation),
        seed=split_seed,
        code=code_digest("pool"),
    shell:
        "python -m exprlab pool --folds {params.folds} --oracle {input.oracle}"
        " --evaluation {output.evaluation} --predictions {output.predictions}"
        " --params {params.settings:q} --seed {params.seed} > {log} 2>&1"


# The model of a repeat of folds is trained on all samples; nothing is left to judge it on.
ruleorder: pool_folds > evaluate_model
ruleorder: pool_folds > evaluate_oracle


# What a person reads of a run: how it went, how well it does, and what to know before using it.
rule present_run:
    input:
        metrics="results/{dataset}/{model}/{split}/metrics.csv",
        params="results/{dataset}/{model}/{split}/params.json",
        record="results/{dataset}/{model}/{split}/record.json",
        network="results/{dataset}/{model}/{split}/network.json",
        evaluation="results/{dataset}/{model}/{split}/evaluation.json",
        model="results/{dataset}/{model}/{split}/model",
        split="results/{dataset}/splits/{split}.tsv",
        checks="results/{dataset}/data/cohort.checks.json",
        oracle=oracle_evaluation,
    output:
        [
            report(
                f"results/{{dataset}}/{{model}}/{{split}}/figures/{figure}.png",
                caption=f"../report/{figure}.rst",
                category="Runs",
                subcategory="{dataset}",
                labels={"model": "{model}", "split": "{split}", "figure": figure},
            )
            for figure in FIGURES
        ],
        card=report(
            "results/{dataset}/{model}/{split}/model_card.md",
            caption="../report/model_card.rst",
            category="Runs",
            subcategory="{dataset}",
            labels={"model": "{model}", "split": "{split}", "figure": "model card"},
        ),
    log:
        "results/logs/present_run/{dataset}.{model}.{split}.log",
    benchmark:
        "results/benchmarks/present_run/{dataset}.{model}.{split}.tsv"
    conda:
        "../envs/exprlab.yaml"
    threads: 1
    resources:
        mem_mb=memory(800),
        runtime=minutes(10),
    params:
        run=subpath(input.metrics, parent=True),
        figures=subpath(output[0], parent=True),
        code=code_digest("present_run"),
    shell:
        "python -m exprlab present-run --run {params.run} --split {input.split}"
        " --checks {input.checks} --oracle {input.oracle} --figures {params.figures}"
        " --card {output.card} > {log} 2>&1"


rule compare_models:
    input:
        evaluations=repeat_files("evaluation.json"),
        predictions=repeat_files("predictions.parquet"),
        networks=run_files("network.json"),
        oracles=oracle_files("evaluation.json", repeats_of),
        # A leak stops the workflow before there is anything to read about the models.
        guards=split_files("{dataset}/guard/{split}.json"),
    output:
        "results/report/comparison.json",
    log:
        "results/logs/compare_models.log",
    benchmark:
        "results/benchmarks/compare_models.tsv"
    conda:
        "../envs/exprlab.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        runs=run_folders,
        settings=as_json(CONFIG.evaluation),
        code=code_digest("compare"),
    shell:
        "python -m exprlab compare --runs {params.runs} --networks {input.networks}"
        " --oracles {input.oracles} --output {output}"
        " --params {params.settings:q} > {log} 2>&1"
