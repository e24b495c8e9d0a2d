"""Batches in the order of the rows, whatever iterator predicts or validates."""

import numpy as np
import pytest
import torch
from torch.utils.data import BatchSampler, DataLoader, RandomSampler

from skdistill.nets._batches import each_row_once
from skdistill.nets._recipe import Recipe
from skdistill.nets._rid_training import teach_redundant
from tests.nets.modules import classifier, rows

DATA = torch.arange(10)


def recipe(method="ted", **params):
    defaults = {"task_weight": 1.0, "transfer_weight": 1.0, "warmup_epochs": 3, "cycle_epochs": 4, "n_channels": None}
    return Recipe(method=method, match="hidden", seed=0, **{**defaults, "filter_fraction": 0.25, **params})


def teach(wanted, **params):
    X = rows(40)
    codes = np.searchsorted([-0.5, 0.5], X[:, 0])
    net = classifier(max_epochs=5, train_split=None, **params)
    return teach_redundant(net, X, codes, np.arange(3), np.ones(40), [X], wanted, random_state=0)


@pytest.mark.parametrize(
    "loader",
    [
        DataLoader(DATA, batch_size=4, shuffle=True),
        DataLoader(DATA, batch_size=4, drop_last=True),
        DataLoader(DATA, batch_sampler=BatchSampler(RandomSampler(DATA), 4, drop_last=True)),
        DataLoader(DATA, batch_size=4),
    ],
)
def test_rows_come_once_and_in_order(loader):
    assert [batch.tolist() for batch in each_row_once(loader)] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_other_iterators_stay_as_they_are():
    class OwnLoader(DataLoader):
        pass

    plain, unbatched = DataLoader(DATA, batch_size=4), DataLoader(DATA, batch_size=None)
    for other in (plain, unbatched, OwnLoader(DATA, shuffle=True), [1]):
        assert each_row_once(other) is other


@pytest.mark.filterwarnings("ignore:You set iterator_valid__shuffle")
@pytest.mark.parametrize("method", ["ted", "rid"])
@pytest.mark.parametrize("settings", [{"drop_last": True}, {"drop_last": True, "batch_size": 400}, {"shuffle": True}])
def test_filters_see_the_rows_of_their_labels(settings, method):
    other, again = teach(recipe(method), **{f"iterator_valid__{name}": value for name, value in settings.items()})
    usual, guide = teach(recipe(method), iterator_valid__batch_size=settings.get("batch_size", 128))
    assert again.history == guide.history
    for name, value in usual.module_.state_dict().items():
        assert torch.equal(value, other.module_.state_dict()[name])


class Halved(DataLoader):
    def __iter__(self):
        for number, batch in enumerate(super().__iter__()):
            if number % 2 == 0:
                yield batch


class Turned(DataLoader):
    def __iter__(self):
        return reversed(list(super().__iter__()))


@pytest.mark.parametrize(("kind", "n_seen"), [(Halved, 20), (Turned, 40)])
def test_iterators_that_leave_rows_out_or_move_them(kind, n_seen):
    with pytest.raises(ValueError, match=rf"must give each row of a data set once and in order.*got {n_seen} of 40"):
        teach(recipe(), iterator_valid=kind, iterator_valid__batch_size=10)
    # Filters that stay as the labels made them see no student.
    teach(recipe("rid", filter_fraction=0.0), iterator_valid=kind, iterator_valid__batch_size=10)
