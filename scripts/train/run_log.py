"""Progress lines on the terminal and the same numbers as JSON lines in a file."""

import json
import time


class RunLog:
    def __init__(self, path, resumed_seconds=0.0):
        self.file = open(path, "a", buffering=1)
        self.start = time.monotonic() - resumed_seconds

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
