"""Processes of ours: what their environment says, how they keep to one thread, why they ended."""

from __future__ import annotations

THREADS = dict.fromkeys(
    ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
)

# glibc keeps freed arrays of up to 32 MB for itself and scatters small ones over them: a fifth more memory in the end.
MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(16 << 20)}


def cause(code: int) -> str:
    """Why a process ended."""
    if code == -9:
        return "killed: perhaps the memory was full"
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def one_thread() -> None:
    """Bits depend on the number of threads: every worker has one."""
    import torch

    torch.set_num_threads(1)
