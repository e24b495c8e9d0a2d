"""States: what each encoder finds, and what it makes of rows it never saw."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.preprocessing import KBinsDiscretizer, StandardScaler

from skdistill.information._encoding import ForeignStates, apply_encoder, carried_states, default_states, fit_encoder
from skdistill.information._sources import as_labels, read_source
from skdistill.information._states import ClassStates, KMeansStates, LabelStates, QuantileStates, nearest_state

ENCODERS = [ClassStates(), KMeansStates(n_states=3, random_state=0), QuantileStates(n_states=9)]


@pytest.mark.parametrize("encoder", ENCODERS, ids=lambda encoder: type(encoder).__name__)
def test_states_are_codes_and_the_same_again(rng, encoder):
    X = rng.normal(size=(200, 2))
    own = clone(encoder)
    states = own.fit_transform(X)
    assert states.shape == (200,)
    assert states.dtype.kind == "i"
    assert set(states.tolist()) <= set(range(own.n_states_))
    np.testing.assert_array_equal(own.transform(X), states)
    np.testing.assert_array_equal(clone(encoder).fit(X).transform(X), states)
    # One row at a time is the same as all at once.
    np.testing.assert_array_equal([own.transform(row[None])[0] for row in X[:20]], states[:20])
    # Rows far outside still have a state.
    assert own.transform([[1e6, -1e6]])[0] in range(own.n_states_)


@pytest.mark.parametrize("encoder", ENCODERS, ids=lambda encoder: type(encoder).__name__)
def test_wrong_columns_are_refused(rng, encoder):
    own = clone(encoder).fit(rng.normal(size=(50, 2)))
    with pytest.raises(ValueError, match=r"2 columns that \w+ was fitted on, got 3"):
        own.transform(np.zeros((4, 3)))


def test_quantiles_halve_and_keep_ties_together():
    encoder = QuantileStates(n_states=2).fit([1.0, 2.0, 3.0, 4.0])
    np.testing.assert_array_equal(encoder.transform([0.0, 2.0, 2.4, 2.6, 9.0]), [0, 0, 0, 1, 1])
    tied = QuantileStates(n_states=4).fit([0.0] * 97 + [1.0, 2.0, 3.0, 4.0])
    assert tied.n_states_ == 2
    np.testing.assert_array_equal(tied.transform([0.0, 1.0, 4.0]), [0, 1, 1])


def test_few_values_are_states_of_their_own_from_either_end():
    # What a tree of three leaves says of the first class, and of the second.
    first = np.repeat([0.1, 0.2, 0.9], [90, 5, 5])
    for proba in (first, 1.0 - first):
        codes = QuantileStates(n_states=4).fit_transform(proba)
        assert len(np.unique(codes)) == 3


def test_quantiles_of_neighbouring_floats():
    low = 0.1
    high = np.nextafter(low, 1.0)
    np.testing.assert_array_equal(QuantileStates(n_states=2).fit([low, high]).transform([low, high]), [0, 1])


@pytest.mark.parametrize("scale", [1.0, 1e-8, 1e8])
def test_quantiles_have_equal_numbers_of_rows(rng, scale):
    counts = np.bincount(QuantileStates(n_states=5).fit_transform(scale * rng.normal(size=1000)))
    np.testing.assert_array_equal(counts, [200] * 5)


def test_a_combination_of_bins_not_seen_gets_the_nearest():
    X = np.array([[0.0, 0.0], [0.0, 0.0], [1.0, 1.0], [1.0, 1.0]])
    encoder = QuantileStates(n_states=4).fit(X)
    assert encoder.n_states_ == 2
    np.testing.assert_array_equal(encoder.transform([[0.0, 1.0], [1.0, 1.0]]), [0, 1])
    # Ties go to the first; of three bins the middle one is nearer to its neighbour.
    np.testing.assert_array_equal(nearest_state(np.array([[1, 0], [2, 0]]), np.array([[0, 0], [3, 0]])), [0, 1])


def test_constant_columns_are_one_state():
    for encoder in (QuantileStates(), KMeansStates(random_state=0)):
        own = encoder.fit(np.ones((10, 3)))
        assert own.n_states_ == 1
        np.testing.assert_array_equal(own.transform([[5.0, 1.0, 1.0]]), [0])


def test_classes_by_the_greatest_column():
    encoder = ClassStates().fit([[0.2, 0.8, 0.0]])
    assert encoder.n_states_ == 3
    np.testing.assert_array_equal(encoder.transform([[0.1, 0.1, 0.8], [9.0, 1.0, 1.0]]), [2, 0])
    with pytest.raises(ValueError, match="one column per class"):
        ClassStates().fit([[0.3], [0.7]])


def test_kmeans_finds_what_is_apart(rng):
    centres = 10 * np.eye(4, 30)
    truth = rng.integers(0, 4, 400)
    states = KMeansStates(n_states=4, random_state=0).fit_transform(centres[truth] + rng.normal(size=(400, 30)))
    assert len(np.unique(np.column_stack([truth, states]), axis=0)) == 4


def test_kmeans_gives_each_of_few_rows_a_state():
    X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0]] * 30)
    encoder = KMeansStates(n_states=10, random_state=0).fit(X)
    assert encoder.n_states_ == 3
    assert len(np.unique(np.column_stack([X, encoder.transform(X)]), axis=0)) == 3


def test_kmeans_on_many_rows_is_seeded(rng, monkeypatch):
    monkeypatch.setattr("skdistill.information._states.FIT_ROWS", 100)
    X = rng.normal(size=(500, 3))
    first, again = (KMeansStates(n_states=4, random_state=7).fit_transform(X) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert len(np.unique(first)) == 4


def test_labels():
    encoder = LabelStates().fit(np.array(["b", "a", "c"], dtype=object))
    np.testing.assert_array_equal(encoder.transform(["a", "c"]), [0, 2])
    with pytest.raises(ValueError, match=r"among those that were fitted, \['a', 'b', 'c'\], got 'd'"):
        encoder.transform(["a", "d"])
    with pytest.raises(ValueError, match="among those that were fitted"):
        encoder.transform([1, 2])
    numbers = LabelStates().fit([0, 10, 20])
    np.testing.assert_array_equal(numbers.transform([-3, 4, 6, 99]), [0, 0, 1, 2])
    np.testing.assert_array_equal(LabelStates().fit([7]).transform([1, 9]), [0, 0])
    np.testing.assert_array_equal(LabelStates().fit_transform([True, False]), [1, 0])
    with pytest.raises(ValueError, match=r"continuous values such as 0\.5"):
        LabelStates().fit([0.5, 1.0])


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["a", "b", "a"], LabelStates),
        (np.array([[1], [2], [1]]), LabelStates),
        ([0.0, 1.0, 0.0], LabelStates),
        ([0.1, 0.2, 0.3], QuantileStates),
        (np.arange(51), QuantileStates),
        (np.arange(50), LabelStates),
        (np.eye(3), KMeansStates),
    ],
)
def test_auto(values, kind):
    source = read_source(values, "T")
    encoder = fit_encoder("auto", source, 3, 0)
    assert type(encoder) is kind
    assert apply_encoder(encoder, source).shape == (len(values),)


@pytest.mark.parametrize("name", ["kmeans", "quantile"])
def test_a_flat_source_can_be_cut(rng, name):
    source = read_source(rng.integers(0, 100, 300), "T")
    encoder = fit_encoder(name, source, 4, 0)
    assert encoder.n_states_ == 4
    assert len(np.unique(apply_encoder(encoder, source))) == 4


@pytest.mark.parametrize(
    "own",
    [KMeans(3, n_init=1), KBinsDiscretizer(3, encode="ordinal", strategy="uniform"), QuantileStates(n_states=3)],
    ids=lambda own: type(own).__name__,
)
def test_encoders_of_others(rng, own):
    X = read_source(rng.normal(size=(100, 1)), "T")
    encoder = fit_encoder(own, X, 10, 0)
    states = apply_encoder(encoder, X)
    assert encoder.n_states_ == 3
    assert sorted(set(states.tolist())) == [0, 1, 2]
    assert not hasattr(own, "n_features_in_")
    assert apply_encoder(encoder, np.array([[100.0]]))[0] == states[X[:, 0].argmax()]


def test_several_columns_of_an_encoder_are_joined(rng):
    X = rng.normal(size=(200, 2))
    encoder = ForeignStates(KBinsDiscretizer(2, encode="ordinal", strategy="uniform"))
    assert encoder.fit(X).n_states_ == 4


@pytest.mark.parametrize(
    ("encoder", "error", "message"),
    [
        ("cluster", ValueError, "encoder must be one of 'auto', 'class'"),
        (KMeans, TypeError, "got the class KMeans"),
        (object(), TypeError, "fit and transform"),
        (StandardScaler(), ValueError, "StandardScaler must give whole numbers"),
    ],
)
def test_what_is_no_encoder(rng, encoder, error, message):
    with pytest.raises(error, match=message):
        fit_encoder(encoder, rng.normal(size=(20, 2)), 3, 0)


def test_carried_states():
    assert carried_states(4000, 10) == 10
    assert carried_states(3999, 10) == 9
    assert carried_states(4, 1) == 0
    assert [default_states(n, 2) for n in (3, 200, 10**6)] == [2, 5, 10]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([[1.0, np.nan], [1.0, 2.0]], "T must be finite, got NaN or infinity in row 0"),
        ([1.0, np.inf], "T must be finite, got inf in row 1"),
        (["a", None], "T has missing labels"),
        (np.array(["a", 1], dtype=object), "labels of one kind"),
        ([], r"at least one row, got \(0,\)"),
        (np.zeros((2, 2, 2)), "Flatten"),
        ([["a", "b"], ["c", "d"]], "T must hold numbers if it has several columns"),
        (np.array([1j, 2j]), "strings, booleans or numbers, got complex128"),
    ],
)
def test_sources_that_cannot_be_read(values, message):
    with pytest.raises(ValueError, match=message):
        read_source(values, "T")


def test_sparse_sources_are_refused():
    from scipy.sparse import csr_matrix

    with pytest.raises(ValueError, match=r"T must be dense, got a sparse csr_matrix. Pass T.toarray\(\)"):
        read_source(csr_matrix(np.eye(3)), "T")


def test_labels_of_bytes_and_objects():
    assert as_labels(np.array([b"x", b"y"]), "y").tolist() == ["x", "y"]
    assert as_labels(np.array([1, 2], dtype=object), "y").dtype.kind == "i"
    with pytest.raises(ValueError, match="one label per row"):
        as_labels(np.eye(2), "y")


@pytest.mark.needs("pandas")
def test_frames_are_read(rng):
    import pandas as pd

    frame = pd.DataFrame({"a": rng.normal(size=5), "b": rng.normal(size=5)})
    np.testing.assert_array_equal(read_source(frame, "T"), frame.to_numpy())
    assert read_source(pd.Series(["u", "v"], dtype="category"), "T").tolist() == ["u", "v"]
    with pytest.raises(ValueError, match="T has missing labels"):
        read_source(pd.Series(["u", None]), "T")
    # The NA of nullable strings is neither equal nor unequal to itself.
    with pytest.raises(ValueError, match="T has missing labels"):
        read_source(pd.Series(["u", pd.NA], dtype="string"), "T")
