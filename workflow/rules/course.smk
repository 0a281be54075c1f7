# The pictures of the course, from its own small worlds and from the first cohort: made where they
# are asked for, `snakemake --cores 4 draw_course`.
COURSE_PICTURES = [
    "activations",
    "xor",
    "step_sizes",
    "perceptron",
    "network",
    "descent",
    "hidden_units",
]
COURSE_SPLIT = splits_of(DATASETS[0])[0]


rule draw_course:
    input:
        counts=f"results/{DATASETS[0]}/data/cohort.h5ad",
        split=f"results/{DATASETS[0]}/splits/{COURSE_SPLIT}.tsv",
        features=f"results/{DATASETS[0]}/preprocessing/{COURSE_SPLIT}/features.npy",
        preprocessor=f"results/{DATASETS[0]}/preprocessing/{COURSE_SPLIT}/preprocessor.json",
    output:
        table="results/report/course/activations.md",
        pictures=expand("results/report/course/{picture}.png", picture=COURSE_PICTURES),
    log:
        "results/logs/draw_course.log",
    benchmark:
        "results/benchmarks/draw_course.tsv"
    conda:
        "../envs/exprlab.yaml"
    threads: 1
    resources:
        mem_mb=memory(800, copies=3),
        runtime=minutes(20),
    params:
        folder=subpath(output.table, parent=True),
        seed=split_parts(COURSE_SPLIT).seed,
        code=code_digest("draw_course"),
    shell:
        "python -m exprlab draw-course --counts {input.counts} --split {input.split}"
        " --features {input.features} --preprocessor {input.preprocessor}"
        " --output {params.folder} --seed {params.seed} > {log} 2>&1"
