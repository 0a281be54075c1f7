#!/usr/bin/env bash
# Snakemake runs this inside the new conda environment; common.smk sets EXPRLAB_SOURCE.
set -euo pipefail
python -m pip install --constraint "$EXPRLAB_SOURCE/requirements.lock" "$EXPRLAB_SOURCE[lessons]"
