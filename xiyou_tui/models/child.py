"""How child processes that use MLX are started: interpreter, environment, faster linear algebra on Linux. Light."""

from __future__ import annotations

import os
import sys
from functools import cache
from pathlib import Path

import xiyou_tui

# Where distributions put an OpenBLAS that answers for libblas.so.3 (Debian, Fedora, Arch).
OPENBLAS = (
    "/usr/lib/*/openblas-pthread/libblas.so.3",
    "/usr/lib/*/openblas-openmp/libblas.so.3",
    "/usr/lib64/libopenblasp.so.0",
    "/usr/lib64/libopenblas.so.0",
    "/usr/lib/libopenblas.so.0",
)


@cache
def find_openblas() -> Path | None:
    """The OpenBLAS to preload on Linux, or None. MLX's Linux wheel carries a reference BLAS, some 20 times slower."""
    if not sys.platform.startswith("linux"):
        return None
    for pattern in OPENBLAS:
        for path in sorted(Path("/").glob(pattern.lstrip("/"))):
            return path
    return None


def child_command(module: str, *arguments: str) -> list[str]:
    """The command line that runs a module of ours with this interpreter."""
    return [sys.executable, "-m", module, *arguments]


def child_environment(threads: int = 0) -> dict[str, str]:
    """The environment of a child that uses MLX: finds this package wherever it runs, preloads OpenBLAS, touches no network.

    `threads` bounds the threads of the linear algebra on the CPU; 0 leaves it to the system.
    """
    environment = dict(os.environ)
    package = Path(xiyou_tui.__file__).resolve().parent.parent
    if "site-packages" not in package.parts:
        known = environment.get("PYTHONPATH", "")
        environment["PYTHONPATH"] = f"{package}{os.pathsep}{known}" if known else str(package)
    openblas = find_openblas()
    if openblas and str(openblas) not in environment.get("LD_PRELOAD", ""):
        before = environment.get("LD_PRELOAD", "")
        environment["LD_PRELOAD"] = f"{openblas}:{before}" if before else str(openblas)
    if threads:
        environment["OPENBLAS_NUM_THREADS"] = environment["OMP_NUM_THREADS"] = str(threads)
    environment.update(PYTHONUNBUFFERED="1", HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", TOKENIZERS_PARALLELISM="false")
    environment.setdefault("AGX_RELAX_CDM_CTXSTORE_TIMEOUT", "1")
    return environment
