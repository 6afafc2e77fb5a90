"""Runs named cases one after another: a line per case, and an exit code that says whether all passed."""

import logging
import os
import sys
import time
import traceback

BOOTSTRAP = os.environ.get("BOOTSTRAP", "127.0.0.1:9092")
# At the end of every topic name, so that a suite can run twice against one broker.
RUN = os.environ.get("RUN", str(os.getpid()))
CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
BIG = 10 * 1024 * 1024
# Topics have as many replicas as they may, up to three.
BROKERS = len(BOOTSTRAP.split(","))
REPLICAS = min(BROKERS, 3)
MANY_PARTITIONS = 1000 if BROKERS == 1 else 300

_cases = []


def case(function):
    """Marks a function as a case; cases run in the order of the file."""
    _cases.append(function)
    return function


def check_equal(got, wanted, what):
    if got != wanted:
        raise AssertionError(f"{what}: wanted {wanted!r}, got {got!r}")


def check(true, what):
    if not true:
        raise AssertionError(what)


def eventually(condition, what, seconds=30):
    """Polls until the condition holds; what is being waited for is in the error."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.05)


def main(client, run=lambda function: function()):
    """Runs the cases named on the command line, else all."""
    logging.disable(logging.CRITICAL)
    failed = 0
    wanted = sys.argv[1:]
    chosen = [c for c in _cases if not wanted or c.__name__ in wanted]
    for function in chosen:
        name = f"{client}: {function.__name__}"
        started = time.monotonic()
        try:
            run(function)
        except Exception:  # a failed case must not hide the others
            failed += 1
            print(f"FAIL {name}\n{traceback.format_exc()}", flush=True)
        else:
            print(f"PASS {name} ({time.monotonic() - started:.1f} s)", flush=True)
    print(f"{client}: {len(chosen) - failed} passed, {failed} failed", flush=True)
    sys.exit(1 if failed or not chosen else 0)
