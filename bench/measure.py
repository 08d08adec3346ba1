"""One run of a program, measured."""

import subprocess
import sys
from typing import Sequence, Tuple


def measured(command: Sequence[str]) -> Tuple[float, float, int]:
    """Seconds, peak memory in MB and the status of one run. A fresh process starts it and waits for it alone."""
    code = (
        "import resource, subprocess, sys, time; start = time.perf_counter();"
        "status = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode;"
        "print(time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024, status)"
    )
    done = subprocess.run([sys.executable, "-c", code, *command], capture_output=True, text=True, check=True)
    taken, peak, status = done.stdout.split()
    return float(taken), float(peak), int(status)
