"""On which machines a run trains, and the command that starts its ranks there. Light."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from xiyou_tui.errors import TrainingError
from xiyou_tui.models.child import child_command

LOOPBACK = "127.0.0.1"
# What remote ranks need of our environment; ssh hands down none of it.
HANDED = (
    "PYTHONPATH", "PYTHONUNBUFFERED", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "TOKENIZERS_PARALLELISM", "OPENBLAS_NUM_THREADS",
    "OMP_NUM_THREADS", "AGX_RELAX_CDM_CTXSTORE_TIMEOUT",
)  # fmt: skip

Host = dict[str, Any]


def local_hosts(count: int) -> tuple[Host, ...]:
    """So many ranks on this machine; none for a single one. Raises TrainingError for less than one."""
    if count < 1:
        raise TrainingError(f"进程数不能是 {count}。", next_step="写 1 或更大的数。", code="hosts")
    return tuple({"ssh": LOOPBACK, "ips": [LOOPBACK]} for _ in range(count)) if count > 1 else ()


def read_hosts(path: Path) -> tuple[Host, ...]:
    """The hosts of an MLX host file, two or more, one rank each. Raises TrainingError for a file that is none."""
    try:
        found = json.loads(path.read_text("utf-8"))
        hosts = found["hosts"] if isinstance(found, dict) else found
        chosen = tuple({"ssh": str(host["ssh"]), "ips": [str(ip) for ip in host["ips"]]} for host in hosts)
        if len(chosen) < 2 or not all(host["ips"] for host in chosen):
            raise ValueError("要有两项以上，每项都写 ips")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrainingError(
            f"主机文件读不了：{path}（{error}）。",
            kept="没有开始。",
            next_step='写成 [{"ssh": "主机名", "ips": ["地址"]}, …]，每个进程一项；mlx.distributed_config 会生成它。',
            code="hosts",
        ) from error
    return chosen


def ranks_command(hosts: Path, command: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    """`command` (with its interpreter) started once for each host of the file through `mlx.launch`."""
    count = len(json.loads(hosts.read_text("utf-8")))
    handed = [part for name in HANDED if name in environment for part in ("--env", f"{name}={environment[name]}")]
    launcher = child_command("xiyou_tui.training.rank_launcher", "--backend", "ring", "--hostfile", str(hosts))
    return [*launcher, "--starting-port", str(_free_ports(count)), *handed, "--", *command]


def _free_ports(count: int) -> int:
    """The first of `count` ports in a row that nobody listens on here. Two runs side by side must not take the same ones."""
    while True:
        with socket.socket() as probe:
            probe.bind((LOOPBACK, 0))
            first: int = probe.getsockname()[1]
        if first + count < 65536 and all(_is_free(port) for port in range(first, first + count)):
            return first


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True
