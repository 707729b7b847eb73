"""The machine a benchmark ran on, as every result names it."""

import os
import platform
from dataclasses import dataclass
from pathlib import Path

CPU_FILE = Path("/proc/cpuinfo")
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Machine:
    """What figures depend on. `load` is what ran before the benchmark began, in processes."""

    cpu: str
    cores: int
    memory_gib: float
    python: str
    system: str
    load: float


def this_machine() -> Machine:
    pages, page_bytes = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return Machine(
        cpu=read_cpu(CPU_FILE.read_text() if CPU_FILE.exists() else ""),
        cores=os.cpu_count() or 1,
        memory_gib=round(pages * page_bytes / 2**30, 1),
        python=platform.python_version(),
        system=platform.platform(terse=True),
        load=round(os.getloadavg()[0], 2),
    )


def read_cpu(text: str) -> str:
    """The model in what Linux tells of its processors."""
    rows = (line.partition(":") for line in text.splitlines())
    return next((value.strip() for name, _, value in rows if name.strip() == "model name"), UNKNOWN)
