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
# Each with the ones beside it, to which its page links.
BESIDE = {
    lesson: {"before": before, "after": after}
    for before, lesson, after in zip(["", *LESSONS], LESSONS, [*LESSONS[1:], ""])
}


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
        before=lambda wildcards: BESIDE[wildcards.lesson]["before"],
        after=lambda wildcards: BESIDE[wildcards.lesson]["after"],
        code=lesson_digest,
    shell:
        "python -m exprlab build-lesson --lesson {input.lesson:q} --page {output.page}"
        " --notebook {output.notebook} --before={params.before} --after={params.after}"
        " > {log} 2>&1"


rule lessons:
    input:
        expand(rules.build_lesson.output, lesson=LESSONS),
    localrule: True
