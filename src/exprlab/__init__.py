"""exprlab: reproducible deep-learning experiments on gene expression."""

import os

__version__ = "0.1.0"

# Training is bit-equal for any number of CPU threads only if MKL and ATen are held to one code
# path before torch is first imported; importing any part of exprlab first sees to that.
os.environ.setdefault("MKL_CBWR", "AVX2,STRICT")
os.environ.setdefault("ATEN_CPU_CAPABILITY", "avx2")
# Required by deterministic cuBLAS kernels on CUDA devices.
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
