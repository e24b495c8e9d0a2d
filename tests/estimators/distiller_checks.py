"""What every distilled estimator and every cooperative ensemble keeps, as functions of an unfitted one.

``CHECKS`` hold for every pair of teacher and student, ``COOPERATIVE_CHECKS`` for every list of learners; most are the
same. ``LAWS`` hold for both where the learners themselves do not depend on the order of rows and take weights for
repetitions.
"""

import contextlib
import copy
import io
import pickle
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.base import clone, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.utils import estimator_html_repr, get_tags
from sklearn.utils.validation import check_is_fitted

N_ROWS = 90


def make_rows(distiller: Any, n_rows: int = N_ROWS, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Give a table of three columns with labels as strings, or values, that depend on two of them."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 3))
    value = X[:, 0] - X[:, 1] + 0.5 * rng.normal(size=n_rows)
    if not is_classifier(distiller):
        return X, value
    return X, np.array(["ant", "bee", "cat"])[np.searchsorted([-0.7, 0.7], value)]


def seeded(distiller: Any, **params: Any) -> Any:
    """Give a seeded clone, so that two fits can be compared."""
    return clone(distiller).set_params(random_state=0, **params)


def answer(fitted: Any, X: Any) -> np.ndarray:
    """Give the most detailed prediction there is."""
    return fitted.predict_proba(X) if hasattr(fitted, "predict_proba") else np.asarray(fitted.predict(X))


def is_cooperative(distiller: Any) -> bool:
    """Whether learners teach each other, rather than one teacher one student."""
    return hasattr(distiller, "estimators")


def parts(distiller: Any) -> dict[str, Any]:
    """Give the estimators inside by what they are called."""
    if is_cooperative(distiller):
        return {item[0]: item[1] for item in distiller.estimators}
    return {"teacher": distiller.teacher, "student": distiller.student}


def fitted_parts(fitted: Any) -> dict[str, Any]:
    """Give the fitted estimators inside by what they are called."""
    if is_cooperative(fitted):
        return dict(fitted.named_estimators_)
    return {"teacher": fitted.teacher_, "student": fitted.student_}


def chosen(fitted: Any) -> dict[str, Any]:
    """Give what a fit decided by itself."""
    if is_cooperative(fitted):
        return {
            "accepted": fitted.accepted_.tolist(),
            "gain": np.nan_to_num(fitted.gain_, nan=-9.0).round(9).tolist(),
            "final": fitted.final_,
        }
    return {"alpha": fitted.alpha_}


def with_fixed_seeds(estimator: Any) -> Any:
    """Give a clone in which nothing is left to chance."""
    fixed = clone(estimator)
    for name, value in fixed.get_params().items():
        if name.split("__")[-1] == "random_state" and value is None:
            fixed.set_params(**{name: 7})
    return fixed


def assert_same_answer(first: Any, second: Any, X: Any, *, atol: float = 0.0) -> None:
    a, b = answer(first, X), answer(second, X)
    if a.dtype.kind not in "fc" or not atol:
        np.testing.assert_array_equal(a, b)
    else:
        np.testing.assert_allclose(a, b, atol=atol)


def check_distiller_constructor_only_stores(distiller: Any) -> None:
    for name, value in distiller.get_params(deep=False).items():
        assert getattr(distiller, name) is value
    again = type(distiller)(**distiller.get_params(deep=False))
    assert again.get_params(deep=False) == distiller.get_params(deep=False)
    assert [name for name in vars(distiller) if name.endswith("_")] == []


def check_distiller_leaves_the_callers_objects(distiller: Any) -> None:
    X, y = make_rows(distiller)
    weight = np.random.default_rng(1).uniform(0.5, 2.0, len(X))
    own = seeded(distiller)
    before = pickle.dumps((X, y, weight, own.get_params(deep=False)))
    own.fit(X, y, sample_weight=weight)
    own.predict(X)
    assert pickle.dumps((X, y, weight, own.get_params(deep=False))) == before
    for name, part in parts(own).items():
        assert fitted_parts(own)[name] is not part


def check_distiller_attributes(distiller: Any) -> None:
    X, y = make_rows(distiller)
    fitted = seeded(distiller).fit(X, y)
    check_is_fitted(fitted)
    for part in fitted_parts(fitted).values():
        check_is_fitted(part)
    assert fitted.n_features_in_ == 3
    assert not hasattr(fitted, "feature_names_in_")
    if is_classifier(distiller):
        assert fitted.classes_.tolist() == ["ant", "bee", "cat"]


def check_distilled_attributes(distiller: Any) -> None:
    X, y = make_rows(distiller)
    fitted = seeded(distiller).fit(X, y)
    assert 0.0 <= fitted.alpha_ <= 1.0
    assert hasattr(fitted, "alpha_scores_") is (distiller.alpha == "auto")
    if distiller.alpha == "auto":
        assert fitted.alpha_ in fitted.alpha_scores_
        assert set(fitted.alpha_scores_) == {0.0, 0.25, 0.5, 0.75, 1.0}
    else:
        assert fitted.alpha_ == distiller.alpha
    wanted = distiller.n_synthetic if isinstance(distiller.n_synthetic, int) else round(distiller.n_synthetic * len(X))
    assert fitted.n_synthetic_ == (wanted if fitted.alpha_ > 0 else 0)
    if is_classifier(distiller):
        assert isinstance(fitted.soft_targets_, str)


def check_cooperative_attributes(distiller: Any) -> None:
    X, y = make_rows(distiller)
    fitted = seeded(distiller).fit(X, y)
    names = list(parts(distiller))
    assert list(fitted.named_estimators_) == list(fitted.initial_estimators_) == names
    assert fitted.transfer_matrix_.shape == (len(names), len(names))
    assert (np.diag(fitted.transfer_matrix_) == 0).all()
    assert fitted.out_of_fold_accuracy_.shape == (len(names), 2)
    virtual = fitted.virtual_instances_
    assert virtual.accepted.sum() == fitted.transfer_matrix_.sum()
    assert set(virtual.teacher) | set(virtual.student) <= set(names)
    assert (virtual.label == y[virtual.source]).all()
    taught = set(virtual.student[virtual.accepted])
    for place, name in enumerate(names):
        same = fitted.named_estimators_[name] is fitted.initial_estimators_[name]
        assert same is not fitted.accepted_[place]
        assert (name in taught) is bool(fitted.accepted_[place])
    assert fitted.final_ in ("soft", *names)


def check_distiller_predictions(distiller: Any) -> None:
    X, y = make_rows(distiller)
    fitted = seeded(distiller).fit(X, y)
    fresh, _ = make_rows(distiller, 40, seed=9)
    predicted = fitted.predict(fresh)
    assert predicted.shape == (40,)
    if not is_classifier(distiller):
        assert predicted.dtype.kind == "f"
        np.testing.assert_allclose(predicted[7:8], fitted.predict(fresh[7:8]))
        return
    np.testing.assert_array_equal(predicted[7:8], fitted.predict(fresh[7:8]))
    assert set(predicted) <= set(fitted.classes_)
    if hasattr(fitted, "predict_proba"):
        proba = fitted.predict_proba(fresh)
        assert proba.shape == (40, 3)
        assert (proba >= 0).all()
        np.testing.assert_allclose(proba.sum(axis=1), 1.0)
        sure = np.sort(proba, axis=1)[:, -1] - np.sort(proba, axis=1)[:, -2] > 1e-9
        np.testing.assert_array_equal(predicted[sure], fitted.classes_[proba.argmax(axis=1)][sure])
    assert hasattr(distiller, "predict_proba") is hasattr(fitted, "predict_proba")


def check_distiller_learns(distiller: Any) -> None:
    X, y = make_rows(distiller, 150)
    fresh, truth = make_rows(distiller, 300, seed=5)
    score = seeded(distiller).fit(X, y).score(fresh, truth)
    # Guessing scores .4 and 0; the best possible predictor about .8 and .9.
    assert score > (0.55 if is_classifier(distiller) else 0.4)


def check_distiller_is_seeded(distiller: Any) -> None:
    X, y = make_rows(distiller)
    assert_same_answer(seeded(distiller).fit(X, y), seeded(distiller).fit(X, y), X)
    state = np.random.RandomState(3)
    first = clone(distiller).set_params(random_state=state).fit(X, y)
    again = clone(distiller).set_params(random_state=np.random.RandomState(3)).fit(X, y)
    assert_same_answer(first, again, X)


def check_distiller_does_not_touch_the_global_generator(distiller: Any) -> None:
    X, y = make_rows(distiller)
    before = copy.deepcopy(np.random.get_state()[1])  # noqa: NPY002 - the state of others is what is watched
    seeded(distiller).fit(X, y)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def check_distiller_n_jobs(distiller: Any) -> None:
    X, y = make_rows(distiller)
    with joblib.parallel_backend("threading", n_jobs=1):
        two = seeded(distiller, n_jobs=2).fit(X, y)
    one = seeded(distiller, n_jobs=1).fit(X, y)
    assert_same_answer(one, two, X)
    assert chosen(one) == chosen(two)
    assert getattr(one, "alpha_scores_", None) == getattr(two, "alpha_scores_", None)


def check_distiller_pickles(distiller: Any) -> None:
    X, y = make_rows(distiller)
    fitted = seeded(distiller).fit(X, y)
    assert_same_answer(pickle.loads(pickle.dumps(fitted)), fitted, X)
    buffer = io.BytesIO()
    joblib.dump(fitted, buffer)
    buffer.seek(0)
    assert_same_answer(joblib.load(buffer), fitted, X)
    # What leaves for production leaves alone.
    if not is_cooperative(fitted):
        student = pickle.loads(pickle.dumps(fitted.student_))
        np.testing.assert_array_equal(student.predict(X), fitted.predict(X))


def check_distiller_clones_are_unfitted(distiller: Any) -> None:
    X, y = make_rows(distiller)
    fitted = seeded(distiller).fit(X, y)
    fresh = clone(fitted)
    for method in ("predict", "predict_proba", "decision_function"):
        if hasattr(fresh, method):
            with pytest.raises(NotFittedError, match=f"This {type(distiller).__name__} instance is not fitted yet"):
                getattr(fresh, method)(X)
    assert_same_answer(fresh.fit(X, y), fitted, X)


def check_distiller_refit_forgets(distiller: Any) -> None:
    X, y = make_rows(distiller)
    other, labels = make_rows(distiller, 60, seed=4)
    twice = seeded(distiller).fit(np.column_stack([other, other]), labels).fit(X, y)
    assert_same_answer(twice, seeded(distiller).fit(X, y), X)
    assert twice.n_features_in_ == 3


def check_distilled_refit_forgets_the_choice(distiller: Any) -> None:
    X, y = make_rows(distiller)
    twice = seeded(distiller).fit(X, y)
    fixed = twice.set_params(alpha=0.5).fit(X, y)
    assert not hasattr(fixed, "alpha_scores_")


def check_distilled_without_teacher_is_the_plain_student(distiller: Any) -> None:
    X, y = make_rows(distiller)
    student = with_fixed_seeds(distiller.student)
    fitted = seeded(distiller, alpha=0.0, student=student).fit(X, y)
    assert fitted.n_synthetic_ == 0
    if getattr(fitted, "soft_targets_", "") == "logits":
        # There is no plain student: its labels as logits are what it learns.
        assert (fitted.predict(X) == y).mean() > 0.5
    else:
        assert_same_answer(fitted, clone(student).fit(X, y), X)


def check_distilled_teacher_is_fitted_on_all_rows(distiller: Any) -> None:
    X, y = make_rows(distiller)
    teacher = with_fixed_seeds(distiller.teacher)
    fitted = seeded(distiller, teacher=teacher).fit(X, y)
    np.testing.assert_array_equal(fitted.teacher_.predict(X), clone(teacher).fit(X, y).predict(X))


def check_distilled_frozen_teacher(distiller: Any) -> None:
    X, y = make_rows(distiller)
    other, labels = make_rows(distiller, 120, seed=8)
    teacher = clone(distiller.teacher).fit(other, labels)
    before = pickle.dumps(teacher)
    fitted = seeded(distiller, teacher=FrozenEstimator(teacher), alpha=1.0).fit(X, y)
    assert pickle.dumps(teacher) == before
    assert fitted.teacher_.estimator is teacher
    # The labels have no say, so other ones change nothing.
    same_classes = np.roll(y, 1)
    calibrated = getattr(distiller, "calibration", None) is not None
    if not calibrated and not _looks_at_labels(distiller.student):
        assert_same_answer(fitted, seeded(fitted).fit(X, same_classes), X)


def _looks_at_labels(student: Any) -> bool:
    """Whether a student splits rows by their labels."""
    return "cv" in student.get_params(deep=False)


def check_cooperative_begins_with_the_plain_learners(distiller: Any) -> None:
    X, y = make_rows(distiller)
    owner = np.random.default_rng(7).random((len(X), len(distiller.estimators))) < 0.7
    owner[:, 0] |= ~owner.any(axis=1)
    learners = [(item[0], with_fixed_seeds(item[1]), *item[2:]) for item in distiller.estimators]
    fitted = seeded(distiller, estimators=learners).fit(X, y, owner=owner)
    for place, (name, learner, *columns) in enumerate(learners):
        own = X[owner[:, place]] if not columns else X[owner[:, place]][:, columns[0]]
        plain = clone(learner).fit(own, y[owner[:, place]])
        np.testing.assert_array_equal(plain.predict(own), fitted.initial_estimators_[name].predict(own))


def check_distiller_weights_of_zero_are_absent_rows(distiller: Any) -> None:
    X, y = make_rows(distiller)
    more, labels = make_rows(distiller, 30, seed=3)
    weight = np.r_[np.ones(len(X)), np.zeros(len(more))]
    weighted = seeded(distiller).fit(np.concatenate([X, more]), np.concatenate([y, labels]), sample_weight=weight)
    assert_same_answer(weighted, seeded(distiller).fit(X, y, sample_weight=np.ones(len(X))), X)


def check_distiller_writes_to_the_error_stream_alone(distiller: Any) -> None:
    X, y = make_rows(distiller)
    for verbose in (0, 1):
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            seeded(distiller, verbose=verbose).fit(X, y)
        assert out.getvalue() == ""
        lines = err.getvalue().splitlines()
        assert all(line.startswith(f"[{type(distiller).__name__}] ") for line in lines)
        assert bool(lines) is bool(verbose)


def check_distiller_html_shows_all(distiller: Any) -> None:
    X, y = make_rows(distiller)
    for shown in (distiller, seeded(distiller).fit(X, y)):
        html = estimator_html_repr(shown)
        for name, part in parts(distiller).items():
            for words in (
                (name, type(part).__name__) if is_cooperative(distiller) else (f"{name}: {type(part).__name__}",)
            ):
                assert words in html


def check_distiller_tags(distiller: Any) -> None:
    tags = get_tags(distiller)
    inner = [get_tags(part) for part in parts(distiller).values()]
    for name in ("allow_nan", "sparse"):
        assert getattr(tags.input_tags, name) is all(getattr(part.input_tags, name) for part in inner)
    assert tags.estimator_type == ("classifier" if is_classifier(distiller) else "regressor")
    assert tags.target_tags.required


OWNERS = [
    ({"owner": ["nobody"] * N_ROWS}, r"owner must name learners, which are .*, got 'nobody' \(90 such entries\)"),
    ({"owner": ["nobody"] * 5}, r"owner must have an entry for each of the 90 rows of X, got 5. Select the same rows"),
]
VIEWS = [
    ({"X_teacher": np.zeros((5, 3))}, r"X_teacher must hold the same rows as X, 90 of them, got 5. Select the same"),
    ({"X_unlabeled": np.zeros((90, 2))}, r"X_unlabeled must have the 3 columns of X, got 2. Select the same columns"),
]


def check_distiller_refuses_bad_rows(distiller: Any) -> None:
    X, y = make_rows(distiller)
    bad = [
        ({"sample_weight": -np.ones(len(X))}, r"sample_weight must be finite and at least 0, got -1.0 in row 0"),
        ({"sample_weight": np.full(len(X), np.nan)}, r"sample_weight must be finite.*Drop these rows"),
        ({"sample_weight": np.ones(3)}, r"sample_weight must have one weight per row, shape \(90,\), got \(3,\)"),
        ({"sample_weight": np.zeros(len(X))}, r"sample_weight is zero for every row.*Give some row a weight"),
    ]
    bad += OWNERS if is_cooperative(distiller) else VIEWS
    for arguments, words in bad:
        with pytest.raises(ValueError, match=words):
            seeded(distiller).fit(X, y, **arguments)


def law_order_of_rows(distiller: Any) -> None:
    X, y = make_rows(distiller)
    order = np.random.default_rng(2).permutation(len(X))
    here, there = seeded(distiller).fit(X, y), seeded(distiller).fit(X[order], y[order])
    assert chosen(here) == chosen(there)
    assert_same_answer(here, there, X, atol=1e-6)


def law_weight_two_is_the_row_twice(distiller: Any) -> None:
    X, y = make_rows(distiller)
    weight = np.random.default_rng(2).integers(1, 4, len(X))
    rows = np.repeat(np.arange(len(X)), weight)
    weighted = seeded(distiller).fit(X, y, sample_weight=weight)
    repeated = seeded(distiller).fit(X[rows], y[rows])
    assert chosen(weighted) == chosen(repeated)
    assert_same_answer(weighted, repeated, X, atol=1e-6)


def _named(*beginnings: str) -> list[Any]:
    return [value for name, value in sorted(globals().items()) if name.startswith(beginnings)]


CHECKS = _named("check_distiller_", "check_distilled_")
COOPERATIVE_CHECKS = _named("check_distiller_", "check_cooperative_")
LAWS = _named("law_")
