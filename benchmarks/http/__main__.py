"""`make bench-http`: our HTTP path beside an echo and other servers, in Markdown. Run it on an idle machine."""

import argparse
import os
import sys
from pathlib import Path

from benchmarks.http import wrk
from benchmarks.http.path import http_path


def main() -> int:
    """Measures and prints; ends with 1 where a promise is broken."""
    parser = argparse.ArgumentParser("benchmarks.http", description=__doc__)
    parser.add_argument("--short", action="store_true", help="a second of each: to see that it runs")
    is_short: bool = parser.parse_args().short
    if not wrk.INSTALLED:
        print("The load comes from wrk: install it (apt-get install wrk, brew install wrk).", file=sys.stderr)
        return 2
    if "PATCHCLAMP_DATASETS" not in os.environ:
        print("Digits are needed: set PATCHCLAMP_DATASETS to a torchvision root that holds MNIST.", file=sys.stderr)
        return 2
    print("| request | server | answers a second | share of the echo's | promised | p99 ms |", flush=True)
    print("|---|---|---:|---:|---:|---:|", flush=True)
    is_broken = False
    rounds, seconds = (1, 1.0) if is_short else (3, 5.0)
    for rate in http_path(Path(os.environ["PATCHCLAMP_DATASETS"]), rounds, seconds):
        promised = f"{rate.promise:.0%}" if rate.promise else ""
        told = f"{rate.load.per_second:.0f} | {rate.share:.0%} | {promised} | {rate.load.p99_ms:.1f}"
        print(f"| {rate.claim} | {rate.server} | {told} |", flush=True)
        is_broken |= rate.promise is not None and rate.share < rate.promise
    return int(is_broken)


if __name__ == "__main__":
    sys.exit(main())
