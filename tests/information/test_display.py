"""Displays: what is drawn is what was measured."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from skdistill.information._display import COLUMNS, PIDDisplay
from skdistill.information._estimate import PIDEstimator
from skdistill.information._rows import ATOMS


@pytest.fixture(autouse=True)
def no_figures_left():
    assert plt.get_fignums() == []
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def path():
    """Three estimators, each of a student that knows more."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 500)
    flips = [rng.random(500) < share for share in (0.1, 0.5, 0.3, 0.1)]
    return [PIDEstimator(n_bootstrap=20, random_state=0).fit(y ^ flips[0], y ^ flips[i], y) for i in (1, 2, 3)]


def segments(collection):
    return np.array(collection.get_segments())


def test_atoms_of_one_estimator(path):
    display = PIDDisplay.from_estimator(path[2])
    assert display.kind == "atoms"
    (line,) = display.lines_.values()
    np.testing.assert_array_equal(line.get_xdata(), [getattr(path[2], f"{atom}_") for atom in ATOMS])
    np.testing.assert_array_equal(line.get_ydata(), range(4))
    (bars,) = display.intervals_[""]
    np.testing.assert_allclose(segments(bars)[:, :, 0], [path[2].intervals_[atom] for atom in ATOMS])
    assert [text.get_text().split(":")[0] for text in display.ax_.get_yticklabels()] == [
        "shared",
        "teacher only",
        "student only",
        "only together",
    ]
    assert display.ax_.get_xlabel() == "information about y (bit)"
    assert display.ax_.get_legend() is None


def test_atoms_of_several_stand_side_by_side(path):
    display = PIDDisplay.from_estimator({"early": path[0], "late $x_1$": path[2]})
    first, second = display.lines_.values()
    assert (first.get_ydata() < second.get_ydata()).all()
    assert first.get_color() != second.get_color()
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == ["early", r"late \$x_1\$"]
    # The first part stands at the top.
    low, high = display.ax_.get_ylim()
    assert low > high


def test_plane(path):
    display = PIDDisplay.from_estimator({"student": path})
    assert display.kind == "plane"
    line = display.lines_["student"]
    np.testing.assert_array_equal(line.get_xdata(), [one.unique_teacher_ for one in path])
    np.testing.assert_array_equal(line.get_ydata(), [one.redundancy_ for one in path])
    across, along = display.intervals_["student"]
    np.testing.assert_allclose(segments(across)[:, :, 0], [one.intervals_["unique_teacher"] for one in path])
    np.testing.assert_allclose(segments(along)[:, :, 1], [one.intervals_["redundancy"] for one in path])
    (total,) = display.totals_
    assert total.get_xdata()[1] == total.get_ydata()[0] == pytest.approx(path[0].information_teacher_)
    assert "left to distil" in display.ax_.get_xlabel()
    # The student learns: up and to the left.
    assert line.get_ydata()[-1] > line.get_ydata()[0]
    assert line.get_xdata()[-1] < line.get_xdata()[0]


def test_steps_are_in_order(path):
    display = PIDDisplay.from_estimator({"a": {20: path[2], 0: path[0], 10: path[1]}}, kind="steps")
    line = display.lines_["a"]
    np.testing.assert_array_equal(line.get_xdata(), [0, 10, 20])
    np.testing.assert_array_equal(line.get_ydata(), [one.redundancy_ for one in path])
    (bars,) = display.intervals_["a"]
    np.testing.assert_allclose(segments(bars)[:, :, 1], [one.intervals_["redundancy"] for one in path])
    np.testing.assert_array_equal(display.totals_[0].get_ydata(), [one.information_teacher_ for one in path])


def test_values_alone_are_enough():
    display = PIDDisplay.from_values({"redundancy": [0.1, 0.4], "unique_teacher": [0.5, 0.2]}, kind="plane", base=np.e)
    np.testing.assert_allclose(display.table["information_teacher"], 0.6)
    assert np.isnan(display.table["synergy"]).all()
    assert "(nat)" in display.ax_.get_ylabel()
    numbers = dict(zip(ATOMS, ([0.1], [0.2], [0.3], [0.4]), strict=True))
    atoms = PIDDisplay.from_values({**numbers, "redundancy_low": [0.05], "redundancy_high": [0.2]})
    np.testing.assert_allclose(atoms.lines_[""].get_xdata(), [0.1, 0.2, 0.3, 0.4])
    assert atoms.table["redundancy_low"] == [0.05]


def test_axes_and_style_of_the_user(path):
    _, ax = plt.subplots()
    display = PIDDisplay.from_estimator({"a": path}, ax=ax, color="black", linestyle="--")
    assert display.ax_ is ax
    assert display.figure_ is ax.figure
    assert display.lines_["a"].get_color() == "black"
    assert display.lines_["a"].get_linestyle() == "--"
    assert display.plot() is display
    assert display.ax_ is not ax


def test_numbers_are_those_of_the_estimators(path):
    table = PIDDisplay.from_estimator({"a": path, "b": path[:1]}).table
    assert table["name"].tolist() == ["a", "a", "a", "b"]
    assert table["step"].tolist() == [0, 1, 2, 0]
    for column in COLUMNS:
        np.testing.assert_array_equal(table[column][:3], [getattr(one, f"{column}_") for one in path])
        np.testing.assert_array_equal(table[f"{column}_high"][:3], [one.intervals_[column][1] for one in path])


def test_without_intervals_none_are_drawn(path):
    bare = PIDEstimator(random_state=0).fit([0, 1, 0, 1, 1, 0] * 5, [0, 1, 1, 1, 0, 0] * 5, [0, 1, 0, 1, 1, 1] * 5)
    display = PIDDisplay.from_estimator(bare)
    assert np.isnan(display.table["redundancy_low"]).all()
    assert sum(len(segment) for segment in display.intervals_[""][0].get_segments()) == 0
    display.figure_.canvas.draw()


def test_nothing_is_drawn_of_what_is_unknown():
    unknown = PIDDisplay.from_values({"redundancy": [np.nan], "unique_teacher": [np.nan]}, kind="plane")
    assert unknown.totals_ == []
    assert len(unknown.ax_.texts) == 0


@pytest.mark.needs("pandas")
def test_frame(path):
    frame = PIDDisplay.from_estimator({"a": path}).frame()
    assert list(frame.columns[:3]) == ["name", "step", "redundancy"]
    assert len(frame) == 3
    again = PIDDisplay.from_values(frame, kind="plane")
    np.testing.assert_array_equal(again.table["redundancy"], frame["redundancy"])


def test_what_cannot_be_drawn(path):
    with pytest.raises(ValueError, match="at least one fitted PIDEstimator"):
        PIDDisplay.from_estimator({})
    with pytest.raises(NotFittedError):
        PIDDisplay.from_estimator(PIDEstimator())
    other = PIDEstimator(base=3).fit([0, 1] * 6, [0, 1] * 6, [0, 1] * 6)
    with pytest.raises(ValueError, match="must have one base"):
        PIDDisplay.from_estimator([path[0], other])
    with pytest.raises(ValueError, match=r"got none for \['unique_student', 'synergy'\]"):
        PIDDisplay.from_values({"redundancy": [1], "unique_teacher": [1]})
    with pytest.raises(ValueError, match="of one length"):
        PIDDisplay.from_values({"redundancy": [1, 2], "unique_teacher": [1]}, kind="plane")
    with pytest.raises(ValueError, match='kind must be "atoms", "plane" or "steps"'):
        PIDDisplay.from_estimator(path[0], kind="pie")
