#!/usr/bin/env bash
# Snakemake runs this inside the new conda environment, in the folder of the workflow.
set -euo pipefail
python -m pip install --constraint requirements.lock .
