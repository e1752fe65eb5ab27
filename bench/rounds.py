"""What `cargo xtask bench` asks of a peer: for every line on standard input one round of work, and the
seconds it took."""
import sys
import time


def rounds(work):
    for _ in sys.stdin:
        start = time.perf_counter()
        work()
        print(time.perf_counter() - start, flush=True)
