"""Other packages' counterfactual methods as worker processes: one answers one request at a time.

``python -m benchmarks.counterfactual_peers METHOD FOLDER FORM`` loads a model, the reference rows and the queries that
are saved in the folder and answers each line of standard input, which queries and how long one may take, with a line
of JSON: what was found, processor and wall seconds of each query, model calls and rows. It is run in the environments
of ``counterfactual_env.sh`` and knows nothing of skdistill.
"""

import json
import logging
import pickle
import signal
import sys
import time
import warnings
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin


class Served(ClassifierMixin, BaseEstimator):
    """A model behind the encoding that all methods share: columns are numbers or codes of levels from 0 on.

    Numbers are scaled to a range of one. Codes become one 0/1 column per level, or stay codes where ``one_hot`` is
    false. It is plain numpy, so that a method which asks about one row at a time does not pay for a pipeline.
    """

    def __init__(self, estimator, n_levels, one_hot=True):
        self.estimator = estimator
        self.n_levels = n_levels
        self.one_hot = one_hot

    def fit(self, X, y):
        """Learn ranges, and fit the model."""
        levels = np.asarray(self.n_levels)
        self.numbers_, self.codes_ = np.flatnonzero(levels == 0), np.flatnonzero(levels)
        self.low_ = X[:, self.numbers_].min(axis=0)
        spread = X[:, self.numbers_].max(axis=0) - self.low_
        self.range_ = np.where(spread > 0, spread, 1.0)
        starts = np.concatenate([[0], np.cumsum(levels[self.codes_])])
        self.starts_, self.width_ = len(self.numbers_) + starts[:-1], len(self.numbers_) + int(starts[-1])
        self.n_features_in_ = X.shape[1]
        self.estimator_ = self.estimator.fit(self.design(X), y)
        self.classes_ = self.estimator_.classes_
        return self

    def design(self, X):
        """Rows as the model inside sees them."""
        X = np.asarray(X, dtype=np.float64)
        if not self.one_hot:
            return X
        out = np.zeros((len(X), self.width_))
        out[:, : len(self.numbers_)] = (X[:, self.numbers_] - self.low_) / self.range_
        out[np.arange(len(X))[:, None], self.starts_ + X[:, self.codes_].astype(np.intp)] = 1.0
        return out

    def predict_proba(self, X):
        return self.estimator_.predict_proba(self.design(X))

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


class Counted:
    """A model that counts how often it is asked, and about how many rows."""

    def __init__(self, served):
        self.served, self.calls, self.rows = served, 0, 0

    def predict_proba(self, X):
        self.calls, self.rows = self.calls + 1, self.rows + len(X)
        return self.served.predict_proba(X)

    def predict(self, X):
        return self.predict_proba(X).argmax(axis=1)


class Method:
    """Something that prepares itself with reference rows and finds one counterfactual for one row."""

    packages = ()

    def __init__(self, model, data):
        self.model, self.X, self.y, self.n_levels = model, data["X"], data["y"], data["n_levels"]
        self.numbers, self.codes = np.flatnonzero(self.n_levels == 0), np.flatnonzero(self.n_levels)
        self.prepare()

    def prepare(self):
        pass


class Nice(Method):
    """NICEx; candidates are rows that the model gets right, distances are scaled by ranges, as ours are."""

    packages = ("NICEx",)
    reward = "sparsity"

    def prepare(self):
        from nice import NICE

        self.explainer = NICE(
            predict_fn=self.model.predict_proba,
            X_train=self.X.copy(),
            cat_feat=self.codes.tolist(),
            y_train=self.y,
            optimization=self.reward,
            justified_cf=True,
            num_normalization="minmax",
        )

    def find(self, row, target):
        return self.explainer.explain(row[None].copy(), target_class=[int(target)])[0]


class NiceProximity(Nice):
    reward = "proximity"


class Framed:
    """A model for DiCE: rows come as data frames whose categories are strings."""

    def __init__(self, model, names):
        self.model, self.names, self.classes_ = model, names, np.array([0, 1])

    def predict_proba(self, frame):
        return self.model.predict_proba(frame[self.names].to_numpy().astype(np.float64))

    def predict(self, frame):
        return self.predict_proba(frame).argmax(axis=1)


class Dice(Method):
    """DiCE, one counterfactual per query, its post-hoc step towards fewer changes included."""

    packages = ("dice-ml", "pandas")
    kind = "random"

    def prepare(self):
        import dice_ml

        self.names = [f"c{j}" for j in range(self.X.shape[1])]
        frame = self.frame(self.X).assign(outcome=self.y)
        data = dice_ml.Data(
            dataframe=frame, continuous_features=[self.names[j] for j in self.numbers], outcome_name="outcome"
        )
        model = dice_ml.Model(model=Framed(self.model, self.names), backend="sklearn", model_type="classifier")
        self.explainer = dice_ml.Dice(data, model, method=self.kind)

    def frame(self, rows):
        """Numbers keep their kind, codes become strings."""
        import pandas as pd

        columns = {}
        for j, name in enumerate(self.names):
            whole = bool(np.all(self.X[:, j] == np.round(self.X[:, j])))
            values = rows[:, j].astype(np.int64) if whole else rows[:, j]
            columns[name] = values.astype(str).astype(object) if self.n_levels[j] else values
        return pd.DataFrame(columns)

    def find(self, row, target):
        made = self.explainer.generate_counterfactuals(
            self.frame(row[None]), total_CFs=1, desired_class=int(target), **self.options()
        ).cf_examples_list[0]
        found = made.final_cfs_df_sparse if made.final_cfs_df_sparse is not None else made.final_cfs_df
        return found[self.names].to_numpy()[0].astype(np.float64)

    def options(self):
        return {}


class DiceRandom(Dice):
    def options(self):
        return {"random_seed": 0}


class DiceGenetic(Dice):
    kind = "genetic"


class DiceTree(Dice):
    kind = "kdtree"

    def options(self):
        # The binary search is ten times as fast as the linear one, and ends no farther away.
        return {"posthoc_sparsity_algorithm": "binary", "posthoc_sparsity_param": 1.0, "sparsity_weight": 5}


class Prototype(Method):
    """alibi's prototypes with k-d trees; the model is a black box, so gradients are numerical."""

    packages = ("alibi", "tensorflow")

    def prepare(self):
        import tensorflow as tf

        tf.get_logger().setLevel(40)
        tf.compat.v1.disable_v2_behavior()
        from alibi.explainers import CounterfactualProto

        self.low, spread = self.X.min(axis=0), self.X.max(axis=0) - self.X.min(axis=0)
        self.spread = np.where(spread > 0, spread, 1.0)
        # Codes are left as they are: alibi embeds them itself.
        self.low[self.codes], self.spread[self.codes] = 0.0, 1.0
        rows = self.scaled(self.X)
        levels = {int(j): int(self.n_levels[j]) for j in self.codes}
        low, high = rows.min(axis=0)[None], rows.max(axis=0)[None]
        self.explainer = CounterfactualProto(
            lambda X: self.model.predict_proba(self.plain(X)),
            (1, self.X.shape[1]),
            use_kdtree=True,
            beta=0.01,
            theta=10.0,
            max_iterations=500,
            c_init=1.0,
            c_steps=5,
            feature_range=(low.astype(np.float32), high.astype(np.float32)),
            cat_vars=levels or None,
            ohe=False,
        )
        self.explainer.fit(rows, d_type="abdm", disc_perc=[25, 50, 75])

    def scaled(self, X):
        return ((X - self.low) / self.spread).astype(np.float32)

    def plain(self, X):
        X = np.asarray(X, dtype=np.float64) * self.spread + self.low
        X[:, self.codes] = np.clip(np.round(X[:, self.codes]), 0, self.n_levels[self.codes] - 1)
        return X

    def find(self, row, target):
        found = self.explainer.explain(self.scaled(row[None]), target_class=[int(target)]).cf
        out = self.plain(found["X"])[0]
        # What has not been moved is what it was, whatever single precision made of it.
        still = np.isclose(self.scaled(out[None]), self.scaled(row[None]), rtol=0, atol=1e-6)[0]
        return np.where(still, row, out)


class Ocean(Method):
    """The optimum on a tree ensemble, by constraint programming; whole numbers stay whole, others may be any number."""

    packages = ("oceanpy", "ortools")
    own_limit = True

    def prepare(self):
        import pandas as pd
        from ocean import ConstraintProgrammingExplainer
        from ocean.abc import Mapper
        from ocean.feature import Feature

        served = self.model.served
        columns, features = [], {}
        design = served.design(self.X)
        for position, j in enumerate(served.numbers_):
            values = design[:, position]
            # Half a range beyond what was seen, as its own parser has it.
            levels = (float(values.min()) - 0.5, float(values.max()) + 0.5)
            features[f"c{j}"] = Feature(Feature.Type.CONTINUOUS, levels=levels)
            columns.append((f"c{j}", ""))
        for j in served.codes_:
            codes = [f"{code:03d}" for code in range(self.n_levels[j])]
            features[f"c{j}"] = Feature(Feature.Type.ONE_HOT_ENCODED, codes=codes)
            columns += [(f"c{j}", code) for code in codes]
        index = pd.MultiIndex.from_tuples(columns) if len(served.codes_) else pd.Index([name for name, _ in columns])
        # A single tree is an ensemble of one.
        ensemble = served.estimator_ if hasattr(served.estimator_, "estimators_") else [served.estimator_]
        low, spread = served.low_, served.range_
        whole = np.all(self.X[:, served.numbers_] == np.round(self.X[:, served.numbers_]), axis=0)
        self.whole = whole

        class Whole(ConstraintProgrammingExplainer):
            """Its costs, but a column of whole numbers goes to the nearest whole number of an interval."""

            def get_intervals_cost(self, levels, x, *, norm=1):
                costs = super().get_intervals_cost(levels, x, norm=norm)
                place = self.places[id(levels)]
                if not whole[place]:
                    return costs
                at = x * spread[place] + low[place]
                edges = np.asarray(levels) * spread[place] + low[place]
                for i, cost in enumerate(costs):
                    near = nearest_whole(at, edges[i], edges[i + 1]) if cost else at
                    # An interval without a whole number costs more than any change can.
                    step = 10.0 if near is None else abs(near - at) / spread[place]
                    costs[i] = int(step * self._obj_scale)
                return costs

        self.explainer = Whole(ensemble, mapper=Mapper(features, columns=index))
        numbers = [f"c{j}" for j in served.numbers_]
        self.explainer.places = {id(features[name].levels): place for place, name in enumerate(numbers)}

    def find(self, row, target):
        served = self.model.served
        x = served.design(row[None])[0]
        found = self.explainer.explain(x, y=int(target), norm=1, max_time=self.limit, num_workers=1, random_seed=0)
        self.status = self.explainer.get_solving_status()
        if found is None:
            raise TimeoutError(self.status)
        values, out = found.x, row.copy()
        for place, j in enumerate(served.numbers_):
            if abs(values[place] - x[place]) > 1e-9:
                value = values[place] * served.range_[place] + served.low_[place]
                # It returns a number a hair beyond the edge of an interval.
                beyond = np.inf if value > row[j] else -np.inf
                out[j] = nearest_whole(row[j], *sorted((value, beyond))) if self.whole[place] else value
        for start, j in zip(served.starts_, served.codes_, strict=True):
            out[j] = values[start : start + self.n_levels[j]].argmax()
        return out


def nearest_whole(at, low, high):
    """Return the whole number in (low, high] that is nearest to one outside; None if there is none."""
    found = np.floor(low + 1e-4) + 1 if low + 1e-4 >= at else np.floor(high + 1e-4)
    return float(found) if low - 1e-4 < found <= high + 1e-4 else None


METHODS = {
    "nice_sparsity": Nice,
    "nice_proximity": NiceProximity,
    "dice_random": DiceRandom,
    "dice_genetic": DiceGenetic,
    "dice_kdtree": DiceTree,
    "prototype": Prototype,
    "ocean": Ocean,
}


@contextmanager
def limited(seconds):
    """Raise TimeoutError after so many processor seconds."""

    def late(*_):
        raise TimeoutError("late")

    signal.signal(signal.SIGPROF, late)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def answer(method, model, queries, targets, limit):
    """Find one counterfactual for each query; a failure is a row of NaN and a reason."""
    reply = {"rows": [], "seconds": [], "wall": [], "failures": [], "statuses": []}
    calls, rows = model.calls, model.rows
    method.limit = limit
    for row, target in zip(queries, targets, strict=True):
        start, wall = time.process_time(), time.perf_counter()
        try:
            if hasattr(method, "own_limit"):
                found = method.find(row, target)
            else:
                with limited(limit):
                    found = method.find(row, target)
        except Exception as error:
            found = np.full(len(row), np.nan)
            reply["failures"].append(f"{type(error).__name__}: {error}"[:300])
        reply["seconds"].append(time.process_time() - start)
        reply["wall"].append(time.perf_counter() - wall)
        reply["rows"].append([float(value) for value in found])
        reply["statuses"].append(getattr(method, "status", ""))
    return {**reply, "calls": model.calls - calls, "model_rows": model.rows - rows}


def load(folder, form="model"):
    """Read a model and the arrays of a folder."""
    with (Path(folder) / f"{form}.pkl").open("rb") as file:
        served = pickle.load(file)
    return served, dict(np.load(Path(folder) / "data.npz"))


def main(name, folder, form):
    out, sys.stdout = sys.stdout, sys.stderr
    served, data = load(folder, form)
    model = Counted(served)
    start = time.process_time()
    try:
        method = METHODS[name](model, data)
    except Exception as error:
        out.write(json.dumps({"error": f"{type(error).__name__}: {error}"[:500]}) + "\n")
        return
    packages = [f"{package} {version(package)}" for package in ("numpy", "scikit-learn", *method.packages)]
    # Random ones draw from numpy's global state.
    np.random.seed(0)  # noqa: NPY002
    out.write(json.dumps({"packages": packages, "prepare": time.process_time() - start}) + "\n")
    out.flush()
    for line in sys.stdin:
        asked = json.loads(line)
        part = slice(asked["first"], asked["last"])
        reply = answer(method, model, data["queries"][part], data["targets"][part], asked["limit"])
        out.write(json.dumps(reply) + "\n")
        out.flush()


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    logging.disable()
    main(*sys.argv[1:])
