"""exprlab: reproducible deep-learning experiments on gene expression.

counts -> checks -> split -> preprocessing -> training -> calibration -> evaluation
       -> predictions for new samples -> MLflow and report
"""

from pathlib import Path

from snakemake.utils import min_version

min_version("9.27")


# From another working directory without a config of its own, the shipped one serves.
OWN_CONFIG = Path("config/config.yaml")


configfile: OWN_CONFIG if OWN_CONFIG.exists() else workflow.source_path("config/config.yaml")


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/preprocess.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/learning.smk"
include: "workflow/rules/explain.smk"
include: "workflow/rules/infer.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/course.smk"
include: "workflow/rules/lessons.smk"
include: "workflow/rules/track.smk"


rule all:
    default_target: True
    input:
        rules.write_manifest.output.manifest,
        lost_files,
        rules.write_environment_page.output,
        rules.publish_runs.output,
    localrule: True
