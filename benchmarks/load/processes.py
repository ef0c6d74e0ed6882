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
    for child in sorted(supervisor.children(), key=lambda child: child.pid):
        command = child.cmdline()
        part = "api" if "api" in command else "worker"
        number = sum(name.startswith(part) for name in found)
        found[f"{part} {number + 1}" if number else part] = _usage(child)
    return found


def _usage(process: psutil.Process) -> Usage:
    memory, times = process.memory_info(), process.cpu_times()
    return Usage((memory.rss - memory.shared) / 2**20, times.user + times.system)
