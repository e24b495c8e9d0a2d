"""Batches taken from arrays at once, where skorch's data set gives one row at a time."""

from typing import Any

import numpy as np
import torch
from scipy import sparse
from skorch.dataset import Dataset
from torch.utils.data import BatchSampler, DataLoader, SequentialSampler, Subset, default_collate

__all__ = ["each_row_once", "take_batches_at_once"]


class Batches(torch.utils.data.Dataset):
    """View of a data set of arrays that can give many rows in one piece.

    Parameters
    ----------
    dataset : Dataset or Subset of one
        Of an ndarray or a sparse matrix X and an ndarray y.
    """

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset
        subset = isinstance(dataset, Subset)
        self.whole = dataset.dataset if subset else dataset
        self.indices = np.asarray(dataset.indices) if subset else None

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Any:
        return self.dataset[index]

    def __getitems__(self, indices: list[int]) -> list[torch.Tensor]:
        rows = np.asarray(indices) if self.indices is None else self.indices[indices]
        taken = self.whole.X[rows]
        dense = taken.toarray() if sparse.issparse(taken) else taken
        return [torch.from_numpy(dense), torch.from_numpy(self.whole.y[rows])]


def as_they_are(batch: Any) -> Any:
    """Return a batch that is collated already."""
    return batch


def take_batches_at_once(iterator: Any) -> Any:
    """Let a data loader over arrays take its batches in one piece; the batches are the same.

    Parameters
    ----------
    iterator : iterable
        As a net makes it.

    Returns
    -------
    iterable
        A loader over the same rows in the same order; the iterator itself if it is not torch's own loader with its
        default settings over skorch's own data set of arrays or sparse rows.
    """
    plain = type(iterator) is DataLoader and iterator.collate_fn is default_collate and iterator.num_workers == 0
    if not plain or iterator.batch_size is None:
        return iterator
    dataset = iterator.dataset
    whole = dataset.dataset if type(dataset) is Subset else dataset
    known = type(whole) is Dataset and type(whole.y) is np.ndarray
    if not known or not (type(whole.X) is np.ndarray or sparse.issparse(whole.X)):
        return iterator
    return DataLoader(
        Batches(dataset),
        batch_sampler=iterator.batch_sampler,
        collate_fn=as_they_are,
        pin_memory=iterator.pin_memory,
        generator=iterator.generator,
    )


def each_row_once(iterator: Any) -> Any:
    """Let a data loader give all rows in their order, where it would draw them, shuffle them or drop the last ones.

    Parameters
    ----------
    iterator : iterable
        As a net makes it.

    Returns
    -------
    iterable
        A loader over the same data set with batches of the same size; the iterator itself if it does so already, is
        not torch's own loader, or makes its batches in another way.

    Examples
    --------
    >>> from torch.utils.data import DataLoader
    >>> from skdistill.nets._batches import each_row_once
    >>> [batch.tolist() for batch in each_row_once(DataLoader(range(5), batch_size=2, shuffle=True, drop_last=True))]
    [[0, 1], [2, 3], [4]]
    """
    batches = getattr(iterator, "batch_sampler", None)
    if type(iterator) is not DataLoader or not isinstance(batches, BatchSampler):
        return iterator
    if type(batches.sampler) is SequentialSampler and not batches.drop_last:
        return iterator
    return DataLoader(
        iterator.dataset,
        batch_sampler=BatchSampler(SequentialSampler(iterator.dataset), batches.batch_size, drop_last=False),
        collate_fn=iterator.collate_fn,
        num_workers=iterator.num_workers,
        pin_memory=iterator.pin_memory,
        worker_init_fn=iterator.worker_init_fn,
        generator=iterator.generator,
    )
