"""Progress lines on the terminal and the same numbers as JSON lines in a file."""

import json
import time


class RunLog:
    def __init__(self, path, resumed_seconds=0.0):
        self.file = open(path, "a", buffering=1)
        self.start = time.monotonic() - resumed_seconds
        self.forget()

    def seconds(self):
        """Training time, earlier interrupted runs included."""
        return time.monotonic() - self.start

    def write(self, **values):
        values = {
            key: round(value, 5) if isinstance(value, float) else value
            for key, value in values.items()
        }
        line = {"seconds": round(self.seconds(), 1), **values}
        self.file.write(json.dumps(line) + "\n")
        print("  ".join(f"{key} {value}" for key, value in line.items()), flush=True)

    def forget(self):
        """Start new means and a new measurement of speed."""
        self.sums, self.steps, self.since = {}, 0, self.seconds()

    def add(self, **values):
        """One step's `tokens`, and values to be averaged: numbers, or scalar tensors, which are not
        read here, so that a GPU need not be waited for."""
        self.steps += 1
        for key, value in values.items():
            self.sums[key] = self.sums.get(key, 0) + value

    def write_means(self, **values):
        """What was added since, and tokens per second."""
        tokens = self.sums.pop("tokens")
        means = {key: float(value) / self.steps for key, value in self.sums.items()}
        speed = tokens / (self.seconds() - self.since)
        self.write(**values, **means, tokens_per_second=round(speed))
        self.forget()
