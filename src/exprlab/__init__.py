"""exprlab: reproducible deep-learning experiments on gene expression."""

import os
import platform

__version__ = "0.1.0"

# The same bits from every processor with AVX2, and from any number of CPU threads, need one code
# path in each library of numerics. Each reads its switch when it is first imported; importing any
# part of exprlab before it sees to that. Whoever sets one of them keeps what they have set.
SWITCHES = {
    # Deterministic cuBLAS kernels on CUDA devices.
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
}
if platform.machine() in ("x86_64", "AMD64"):
    SWITCHES |= {
        "ATEN_CPU_CAPABILITY": "avx2",
        "MKL_CBWR": "AVX2,STRICT",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "OPENBLAS_CORETYPE": "Haswell",
        # NumPy's exp, log and power give other last bits with AVX-512.
        "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",
    }
for _name, _value in SWITCHES.items():
    os.environ.setdefault(_name, _value)
