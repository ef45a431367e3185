"""How the peers are timed: rounds through all cases, a few samples of each a round, one JSON object a case."""

import argparse
import json
import statistics
import time
from dataclasses import dataclass, field
from typing import Callable, Optional

# Seconds that a round spends on a case, and the samples it takes at the least and at the most.
SHARE, LEAST, MOST = 0.25, 3, 50


@dataclass
class Case:
    """What is timed, under its name; `flops` and `bytes` of one run where they say something."""

    name: str
    kind: str
    run: Callable[[], None]
    flops: Optional[int] = None
    bytes: Optional[int] = None
    times: list = field(default_factory=list)


def arguments(description):
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--case", default="", help="only cases whose name contains this")
    parser.add_argument("--rounds", type=int, default=3, help="rounds through all cases (3)")
    parser.add_argument("--threads", type=int, default=2, help="threads (2)")
    return parser.parse_args()


def sample(case):
    """One round's samples, in milliseconds, after a run that nobody times."""
    case.run()
    end = time.perf_counter() + SHARE
    for count in range(MOST):
        start = time.perf_counter()
        if count >= LEAST and start > end:
            return
        case.run()
        case.times.append(1e3 * (time.perf_counter() - start))


def measure(engine, options, cases):
    cases = [case for case in cases if options.case in case.name]
    for _ in range(options.rounds):
        for case in cases:
            sample(case)
    for case in cases:
        median = statistics.median(case.times)
        line = {
            "engine": engine,
            "device": "cpu",
            "case": case.name,
            "pass": case.kind,
            "median_ms": round(median, 4),
            "min_ms": round(min(case.times), 4),
            # The median of the distances from the median.
            "spread_ms": round(statistics.median(abs(t - median) for t in case.times), 4),
            "samples": len(case.times),
        }
        if case.flops:
            line["gflops"] = round(case.flops / median * 1e-6, 2)
        if case.bytes:
            line["gbytes"] = round(case.bytes / median * 1e-6, 2)
        print(json.dumps(line), flush=True)
