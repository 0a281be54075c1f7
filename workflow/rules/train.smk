# Networks (Lightning, on the accelerator that is there) and baselines; both leave the same files.
# Their log goes on when a cluster tells all of a job's processes to end: the training finishes its
# epoch then.


rule train_network:
    input:
        counts="results/{dataset}/data/cohort.h5ad",
        split="results/{dataset}/splits/{split}.tsv",
        features="results/{dataset}/preprocessing/{split}/features.npy",
    output:
        weights="results/{dataset}/{model}/{split}/weights.safetensors",
        network="results/{dataset}/{model}/{split}/network.json",
        logits="results/{dataset}/{model}/{split}/logits.parquet",
        metrics="results/{dataset}/{model}/{split}/metrics.csv",
        params="results/{dataset}/{model}/{split}/params.json",
        record="results/{dataset}/{model}/{split}/record.json",
        timing="results/{dataset}/{model}/{split}/timing.csv",
        status="results/{dataset}/{model}/{split}/status.json",
        environment="results/{dataset}/{model}/{split}/environment.json",
        uncommitted="results/{dataset}/{model}/{split}/uncommitted.diff",
    log:
        "results/logs/train_network/{dataset}.{model}.{split}.log",
    benchmark:
        "results/benchmarks/train_network/{dataset}.{model}.{split}.tsv"
    wildcard_constraints:
        model=one_of(NETWORKS),
    conda:
        "../envs/exprlab.yaml"
    # Runs of a sweep are faster side by side with a thread each than one after another with more.
    threads: CONFIG.trainer.devices
    resources:
        mem_mb=memory(1500, copies=3, processes=CONFIG.trainer.devices),
        runtime=minutes(60),
        # Of a training over several processes in one job of SLURM's: a task for each device. The
        # executor takes tasks of a node if there are several, else tasks in all; of each GPU none.
        mpi=of_processes("srun"),
        nodes=of_processes(CONFIG.trainer.num_nodes),
        tasks_per_node=(
            of_processes(CONFIG.trainer.devices)
            if CONFIG.trainer.devices > 1
            else None
        ),
        tasks=(
            of_processes(CONFIG.trainer.num_nodes)
            if CONFIG.trainer.devices == 1
            else None
        ),
        tasks_per_gpu=of_processes(0),
        cpus_per_task=of_processes(threads_of_process),
    params:
        run=subpath(output.weights, parent=True),
        settings=training_params,
        seed=split_seed,
        code=code_digest("train"),
    shell:
        "python -m exprlab train --counts {input.counts} --split {input.split}"
        " --features {input.features} --run {params.run} --seed {params.seed}"
        " --code {params.code} --params {params.settings:q} --threads {threads} 2>&1"
        " | (trap '' TERM USR1; tee {log})"


rule train_baseline:
    input:
        counts="results/{dataset}/data/cohort.h5ad",
        split="results/{dataset}/splits/{split}.tsv",
        features="results/{dataset}/preprocessing/{split}/features.npy",
    output:
        weights="results/{dataset}/{model}/{split}/weights.safetensors",
        network="results/{dataset}/{model}/{split}/network.json",
        logits="results/{dataset}/{model}/{split}/logits.parquet",
        metrics="results/{dataset}/{model}/{split}/metrics.csv",
        params="results/{dataset}/{model}/{split}/params.json",
        record="results/{dataset}/{model}/{split}/record.json",
        timing="results/{dataset}/{model}/{split}/timing.csv",
        status="results/{dataset}/{model}/{split}/status.json",
        environment="results/{dataset}/{model}/{split}/environment.json",
        uncommitted="results/{dataset}/{model}/{split}/uncommitted.diff",
    log:
        "results/logs/train_baseline/{dataset}.{model}.{split}.log",
    benchmark:
        "results/benchmarks/train_baseline/{dataset}.{model}.{split}.tsv"
    wildcard_constraints:
        model=one_of(BASELINES),
    conda:
        "../envs/exprlab.yaml"
    threads: 1
    resources:
        mem_mb=memory(1500, copies=4),
        runtime=minutes(60),
    params:
        run=subpath(output.weights, parent=True),
        settings=training_params,
        seed=split_seed,
        code=code_digest("train_baseline"),
    shell:
        "python -m exprlab train-baseline --counts {input.counts} --split {input.split}"
        " --features {input.features} --run {params.run} --seed {params.seed}"
        " --code {params.code} --params {params.settings:q} 2>&1"
        " | (trap '' TERM USR1; tee {log})"
