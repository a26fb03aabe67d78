"""What is composed while training goes on, and how it gets to where training computes."""

import torch

import precision


class Endless(torch.utils.data.IterableDataset):
    """All that `make(seed)` yields, a generator without end; every process that composes has a seed of its own."""

    def __init__(self, make, seed):
        self.make, self.seed = make, seed

    def __iter__(self):
        worker = torch.utils.data.get_worker_info()
        return self.make([*self.seed, worker.id if worker else 0])


def composed(make, seed, workers=0):
    """An iterator over what `make` yields, in `workers` processes that compose ahead, or in this one."""
    pin = precision.DEVICE.type == "cuda"
    loader = torch.utils.data.DataLoader(
        Endless(make, seed), batch_size=None, num_workers=workers, pin_memory=pin
    )
    return iter(loader)


def to_images(pixels):
    """uint8 [B, H, W, 3] to [B, 3, H, W] in [-1, 1], where training computes."""
    images = torch.as_tensor(pixels).to(precision.DEVICE, non_blocking=True)
    images = images.permute(0, 3, 1, 2).float() / 127.5 - 1
    return images.contiguous(memory_format=torch.channels_last)
