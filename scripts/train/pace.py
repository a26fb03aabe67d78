"""As many steps as are done in time: the learning rate's decay has to know where the end is."""

import time

import torch

import ranks

COMPILED, MEASURED = 50, 250  # steps of a run after which speed is measured, and known


class Pace:
    """Lowers `steps` once to what `minutes` from now allow; without minutes it leaves them."""

    def __init__(self, minutes, first):
        self.seconds = minutes * 60 if minutes else None
        self.first, self.start = first, time.monotonic()

    def limit(self, step, steps, loss):
        """To be called with every step's loss, which a GPU has then done with."""
        done = step - self.first
        if not self.seconds or done not in (COMPILED, MEASURED):
            return steps
        loss.item()
        if done == COMPILED:
            self.compiled = time.monotonic()
            return steps
        speed = (MEASURED - COMPILED) / (time.monotonic() - self.compiled)
        left = self.seconds - (time.monotonic() - self.start)
        affordable = torch.tensor(step + max(1, int(speed * left)), dtype=torch.float64)
        return min(steps, int(ranks.first_of_all(affordable)))
