# The lessons of the course, each run and made into a page and a student's notebook: made where they
# are asked for, `snakemake --cores 4 lessons`.
LESSONS = [
    "1_perceptron",
    "2_activations",
    "3_layers",
    "4_training",
    "5_tumours",
    "6_inference",
    "7_honest_evaluation",
    "8_workflow",
]
PROJECT = Path(RULES).parents[1]


rule build_lesson:
    input:
        lesson=f"{PROJECT}/lessons/{{lesson}}.py",
    output:
        page="results/lessons/{lesson}.html",
        notebook="results/lessons/{lesson}.ipynb",
    log:
        "results/logs/build_lesson/{lesson}.log",
    benchmark:
        "results/benchmarks/build_lesson/{lesson}.tsv"
    wildcard_constraints:
        lesson=one_of(LESSONS),
    conda:
        "../envs/exprlab.yaml"
    threads: 1
    resources:
        mem_mb=memory(3000),
        runtime=minutes(10),
    params:
        code=lambda wildcards: code_digest(
            "build_lesson", PROJECT / f"lessons/{wildcards.lesson}.py"
        ),
    shell:
        "python -m exprlab build-lesson --lesson {input.lesson} --page {output.page}"
        " --notebook {output.notebook} > {log} 2>&1"


rule lessons:
    input:
        expand(rules.build_lesson.output, lesson=LESSONS),
    localrule: True
