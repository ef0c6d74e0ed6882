"""Memory and processor time of the service's processes, as the operating system tells them."""

from collections.abc import Mapping
from dataclasses import dataclass

import psutil

from tests.service_process import Service


@dataclass(frozen=True)
class Usage:
    """What one process has taken so far.

    Attributes:
        megabytes: Memory of its own: resident, less what lies in files (MNIST, libraries) and can be dropped.
        seconds: Of processor time.
    """

    megabytes: float
    seconds: float


def usage(service: Service) -> Mapping[str, Usage]:
    """Of the supervisor, the API and each worker."""
    supervisor = psutil.Process(service.process.pid)
    found: dict[str, Usage] = {"supervisor": _usage(supervisor)}
    for child in supervisor.children():
        command = child.cmdline()
        found["api" if "api" in command else f"worker {command[command.index('--id') + 1].split('-')[-1]}"] = _usage(
            child
        )
    return dict(sorted(found.items()))


def _usage(process: psutil.Process) -> Usage:
    memory, times = process.memory_info(), process.cpu_times()
    return Usage((memory.rss - memory.shared) / 2**20, times.user + times.system)
