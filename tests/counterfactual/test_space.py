"""Columns, units and what may change; tables read and built again."""

import numpy as np
import pytest
from scipy import sparse

from skdistill.counterfactual._space import FeatureSpace, column_positions

TABLE = np.array([[0.0, 1, 0, 5, 2.5], [1, 0, 1, 5, 0.5], [2, 1, 0, 5, np.nan], [4, 0, 1, 5, 1.5]])


def test_columns_are_described():
    space = FeatureSpace(TABLE, categorical_features=[1])
    assert space.is_category.tolist() == [False, True, False, False, False]
    assert space.integer.tolist() == [True, False, True, True, False]
    np.testing.assert_array_equal(space.low, [0, 0, 0, 5, 0.5])
    np.testing.assert_array_equal(space.high, [4, 0, 1, 5, 2.5])
    # A constant column and a category have no range to divide by.
    np.testing.assert_array_equal(space.scale, [0.25, 0, 1, 0, 0.5])


def test_units_are_columns_and_groups_in_order_of_their_first_column():
    space = FeatureSpace(TABLE, one_hot_groups=[[1, 2]])
    assert [unit.tolist() for unit in space.units] == [[0], [1, 2], [3], [4]]
    assert space.unit_of.tolist() == [0, 1, 1, 2, 3]
    apart = FeatureSpace(TABLE, one_hot_groups=[[1, 4], [0, 2]])
    assert [unit.tolist() for unit in apart.units] == [[0, 2], [1, 4], [3]]
    marked = np.array([[False, False, True, False, False], [False, True, False, True, False]])
    assert apart.by_unit(marked).tolist() == [[True, False, False], [False, True, True]]
    assert apart.sum_units(np.arange(10).reshape(2, 5)).tolist() == [[2, 5, 3], [12, 15, 8]]


def test_a_unit_is_taken_as_a_whole():
    for groups, expected in (
        (None, [[9, 0, 0, 0, 0], [0, 9, 0, 0, 0]]),
        ([[0, 2]], [[9, 0, 9, 0, 0], [0, 9, 0, 0, 0]]),
    ):
        space = FeatureSpace(TABLE, one_hot_groups=groups)
        taken = space.substitute(np.zeros((2, 5)), np.array([0, 1]), np.full((2, 5), 9.0))
        assert taken.tolist() == expected


def test_wanted_rows_are_brought_back_to_what_may_change():
    space = FeatureSpace(
        TABLE,
        categorical_features=[1],
        features_to_vary=[0, 1, 4],
        permitted_range={0: (0.5, 2.5), 1: [1], 4: (None, 2)},
    )
    own = np.array([[0.0, 0, 0, 5, 7], [3, 0, 0, 5, 1]])
    wanted = np.array([[4.0, 1, 1, 9, 7], [0, 2, 1, 9, np.nan]])
    # Whole numbers have whole ends; a row's own value may stay outside; a missing number is no way around a range.
    np.testing.assert_array_equal(space.restrict(own, wanted), [[2, 1, 0, 5, 7], [1, 0, 0, 5, 1]])
    assert not space.unrestricted
    free = FeatureSpace(TABLE)
    assert free.unrestricted
    assert free.restrict(own, wanted) is wanted


@pytest.mark.parametrize("dtype", [np.float32, np.int16, bool])
def test_arrays_come_back_in_the_dtype_of_the_queries(dtype):
    table = np.array([[0, 1], [1, 0], [1, 1]]).astype(dtype)
    space = FeatureSpace(table)
    values, form = space.encode(table[:2])
    back = form.decode(values)
    assert back.dtype == dtype
    np.testing.assert_array_equal(back, table[:2])


def test_integer_queries_do_not_cut_fractions():
    space = FeatureSpace(np.array([[0.5, 1.0], [2.5, 2.0]]))
    _, form = space.encode(np.array([[1, 1]]))
    np.testing.assert_array_equal(form.decode(np.array([[0.5, 2.0]])), [[0.5, 2.0]])
    _, narrow = space.encode(np.array([[1.0, 1.0]], dtype=np.float32))
    settled = narrow.settle(np.array([[0.1, 1.0]]))
    assert settled[0, 0] == np.float32(0.1)
    assert settled[0, 0] != 0.1


@pytest.mark.parametrize("kind", [sparse.csr_matrix, sparse.csc_array, sparse.coo_matrix])
def test_sparse_tables_come_back_sparse(kind):
    table = kind(np.eye(4)[:, :3])
    space = FeatureSpace(table)
    values, form = space.encode(table)
    np.testing.assert_array_equal(values, table.toarray())
    back = form.decode(values)
    assert type(back) is kind
    assert (back != table).nnz == 0


def test_an_unknown_level_has_a_code_of_its_own_and_comes_back():
    table = np.array([["a", 1], ["b", 2], [None, 3]], dtype=object)
    space = FeatureSpace(table)
    values, form = space.encode(np.array([["c", 1], ["a", 2], [None, 7], ["d", 2]], dtype=object))
    assert len(set(values[:, 0].tolist())) == 4
    assert values[1, 0] == space.reference[0, 0]
    assert values[2, 0] == space.reference[2, 0]
    assert form.decode(values).tolist() == [["c", 1], ["a", 2], [None, 7], ["d", 2]]


def test_objects_know_fractions_and_missing_numbers_of_either_side():
    space = FeatureSpace(np.array([["a", 1.5], ["b", None]], dtype=object))
    _, form = space.encode(np.array([["a", 2]], dtype=object))
    assert form.decode(np.array([[1.0, 0.5]])).tolist() == [["b", 0.5]]
    back = form.decode(np.array([[1.0, np.nan]]))[0, 1]
    assert back is None or back != back


@pytest.mark.needs("pandas")
def test_frames_keep_their_dtypes_and_new_categories():
    import pandas as pd

    frame = pd.DataFrame({"c": pd.Categorical(["a", "b"], ["b", "a"]), "s": ["u", "v"], "i": [1, 2]})
    space = FeatureSpace(frame)
    values, form = space.encode(frame)
    assert form.decode(values).equals(frame)
    query = pd.DataFrame({"c": pd.Categorical(["z"]), "s": ["w"], "i": [1.5]})
    values, form = space.encode(query)
    back = form.decode(values)
    assert back["c"].tolist() == ["z"]
    assert back["c"].cat.categories.tolist() == ["b", "a", "z"]
    assert back["s"].tolist() == ["w"]
    assert back["i"].tolist() == [1.5]
    assert space.table.codes(1, ["v", "w"]).tolist() == [1, -1]


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"features_to_vary": [7]}, "features_to_vary should hold indices from 0 to 4"),
        ({"features_to_vary": ["age"]}, "features_to_vary should hold indices"),
        ({"features_to_vary": []}, "features_to_vary should name at least one column"),
        ({"features_to_vary": [1], "one_hot_groups": [[1, 2]]}, "all columns of a one-hot group or none"),
        ({"one_hot_groups": [[1]]}, "at least two numeric columns"),
        ({"one_hot_groups": [[1, 2]], "categorical_features": [1]}, "at least two numeric columns"),
        ({"one_hot_groups": [[0, 1], [1, 2]]}, "should not share columns"),
        ({"one_hot_groups": [0, 1]}, "should be a list of lists of columns, got 0"),
        ({"permitted_range": {1: 7}, "categorical_features": [1]}, "should list values of the reference rows"),
        ({"one_hot_groups": [[0, 9]]}, r"one_hot_groups\[0\] should hold"),
        ({"permitted_range": {9: (0, 1)}}, "keys of permitted_range should hold"),
        ({"permitted_range": {0: 3}}, r"should be a pair \(low, high\)"),
        ({"permitted_range": {0: ("a", "b")}}, r"should be a pair \(low, high\)"),
        ({"permitted_range": {0: (2, 1)}}, "with a permitted number in between"),
        ({"permitted_range": {0: (1.2, 1.8)}}, "with a permitted number in between"),
        ({"permitted_range": {1: ["x"]}, "categorical_features": [1]}, "should list values of the reference rows"),
        ({"permitted_range": {1: (0, 1)}, "one_hot_groups": [[1, 2]]}, "should not name a column of a one-hot group"),
        ({"categorical_features": [8]}, "categorical_features"),
    ],
)
def test_parameters_that_do_not_fit_are_refused(params, message):
    with pytest.raises(ValueError, match=message):
        FeatureSpace(TABLE, **params)


@pytest.mark.parametrize(
    ("queries", "message"),
    [
        (np.zeros((2, 4)), "should have the 5 columns of the reference rows, got 4"),
        (np.full((1, 5), np.inf), "infinity in column 0"),
        (np.array([["a", 1, 2, 3, 4]], dtype=object), "should hold numbers, as the reference rows do"),
    ],
)
def test_queries_that_are_not_like_the_reference_rows_are_refused(queries, message):
    with pytest.raises(ValueError, match=message):
        FeatureSpace(TABLE).encode(queries)


@pytest.mark.needs("pandas")
def test_frames_that_are_not_like_the_reference_rows_are_refused():
    import pandas as pd

    frame = pd.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"]})
    space = FeatureSpace(frame)
    for query, message in (
        (frame[["b", "a"]], "columns of the reference rows in the same order"),
        (frame.to_numpy(), "same kind of table as the reference rows, a data frame, got an array"),
        (frame.assign(a=["u", "v"]), "Column 'a' should hold numbers"),
        (frame.assign(b=[[1], [2]]), "Column 'b' should hold single values"),
    ):
        with pytest.raises(ValueError, match=message):
            space.encode(query)
    assert column_positions(["b"], ["a", "b"], 2, "x").tolist() == [1]
    with pytest.raises(ValueError, match=r"x should name columns of X, got \['c'\]"):
        column_positions(["c"], ["a", "b"], 2, "x")


@pytest.mark.needs("pandas")
@pytest.mark.parametrize("dtypes", [["float64"] * 3, ["float32"] * 3, ["int64"] * 3, ["float64", "int8", "float32"]])
@pytest.mark.parametrize("category", [False, True])
def test_frames_read_in_blocks_are_what_columns_say(dtypes, category):
    import pandas as pd

    table = np.array([[3.0, 1, 2], [0, 4, 0], [7, 0, 5], [3, 1, 2]])
    # Two columns of one name are two columns.
    frame = pd.DataFrame({j: table[:, j].astype(dtype) for j, dtype in enumerate(dtypes)}).set_axis(
        ["a", "b", "a"], axis=1
    )
    if category:
        frame.insert(1, "c", pd.Categorical(["v", None, "u", "v"], ["u", "unused", "v"]))
        frame.insert(0, "o", pd.Series([True, 1, "x", None], dtype=object))
    before = frame.copy()
    space = FeatureSpace(frame)
    values, form = space.encode(frame)
    np.testing.assert_array_equal(values, space.reference)
    numbers = np.flatnonzero(~space.is_category)
    np.testing.assert_array_equal(values[:, numbers], table)
    back = form.decode(values)
    pd.testing.assert_frame_equal(back, frame)
    assert [type(v) for v in back.iloc[:, 0]] == [type(v) for v in frame.iloc[:, 0]]
    # What is built shares no memory with what was read.
    values[:] = 0
    back.iloc[:, numbers] = 1
    pd.testing.assert_frame_equal(frame, before)
    assert space.reference[0, numbers].tolist() == [3, 1, 2]


@pytest.mark.needs("pandas")
def test_whole_numbers_that_overflow_the_queries_dtype_widen_it():
    import pandas as pd

    space = FeatureSpace(pd.DataFrame({"i": [0, 1000]}))
    _, form = space.encode(pd.DataFrame({"i": np.array([5], dtype=np.int8)}))
    assert form.decode(np.array([[1000.0]]))["i"].tolist() == [1000]
    small = FeatureSpace(pd.DataFrame({"i": [0, 100]}))
    _, form = small.encode(pd.DataFrame({"i": np.array([5], dtype=np.int8)}))
    assert form.decode(np.array([[100.0]]))["i"].dtype == np.int8


@pytest.mark.needs("pandas")
def test_booleans_make_a_one_hot_group():
    import pandas as pd

    frame = pd.get_dummies(pd.DataFrame({"x": [0.5, 1.0, 2.0], "c": ["u", "v", "w"]}))
    space = FeatureSpace(frame, one_hot_groups=[["c_u", "c_v", "c_w"]])
    assert [unit.tolist() for unit in space.units] == [[0], [1, 2, 3]]
    array = FeatureSpace(frame.iloc[:, 1:].to_numpy(dtype=bool), one_hot_groups=[[0, 1, 2]])
    assert array.n_units == 1
    with pytest.raises(ValueError, match="two numeric columns, or two of booleans"):
        FeatureSpace(frame.assign(x=["p", "q", "r"]), one_hot_groups=[["x", "c_u"]])
