"""Measures cpprb, a prioritized replay buffer in C++ for Python, as its users use it; prints one JSON object.

Called by benches/experience.rs in an environment of its own.
"""

import importlib.metadata
import json
import sys
import time

import cpprb
import numpy as np

SIZE = 1 << 17
BATCH = 256
ROUNDS = 20
FIELDS = {"obs": {"shape": 8}, "act": {"shape": 1}, "rew": {}, "next_obs": {"shape": 8}, "done": {}}


def transitions(rng, count):
    return {
        "obs": rng.random((count, 8), dtype=np.float32),
        "act": rng.random((count, 1), dtype=np.float32),
        "rew": rng.random(count, dtype=np.float32),
        "next_obs": rng.random((count, 8), dtype=np.float32),
        "done": np.zeros(count, dtype=np.float32),
    }


def per_second(count, work):
    """The best of many: what else runs on the machine only ever takes away."""
    best = 0.0
    for _ in range(ROUNDS):
        since = time.perf_counter()
        work()
        best = max(best, count / (time.perf_counter() - since))
    return best


def main():
    rng = np.random.default_rng(1)
    buffer = cpprb.PrioritizedReplayBuffer(SIZE, FIELDS, alpha=0.6)
    for _ in range(SIZE // 1024):
        buffer.add(**transitions(rng, 1024), priorities=rng.random(1024) + 0.01)

    def sample():
        for _ in range(400):
            buffer.sample(BATCH, beta=0.4)

    one = {name: value[0] for name, value in transitions(rng, 1).items()}

    def insert():
        for _ in range(5000):
            buffer.add(**one, priorities=0.5)

    json.dump(
        {
            "version": importlib.metadata.version("cpprb"),
            "sample": per_second(400 * BATCH, sample),
            "insert": per_second(5000, insert),
        },
        sys.stdout,
    )


main()
