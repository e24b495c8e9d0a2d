"""Without torch the package is importable, and says what to install when a name is used."""

import subprocess
import sys

import pytest

BLOCKED = """
import sys
sys.modules["torch"] = sys.modules["skorch"] = None
"""


def run(code):
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", ["SoftTargetLoss", "TorchTeacher", "hinton_loss", "soft_cross_entropy"])
def test_names_that_need_torch_name_the_pip_command(name, monkeypatch):
    import skdistill.nets as nets
    from skdistill.exceptions import OptionalDependencyError

    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(
        OptionalDependencyError,
        match=rf"skdistill\\.nets\\.{name} needs .* pip install 'skdistill\\[torch\\]'",
    ):
        getattr(nets, name)


def test_everything_else_works_without_torch():
    code = """
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
import skdistill.nets as nets
teacher = FrozenEstimator(LogisticRegression())
assert nets.adapt_teacher(teacher) is teacher
assert not nets.SkorchStrategy().accepts(LogisticRegression())
assert not nets.is_regressor_net(LogisticRegression())
assert set(nets.__all__) == set(dir(nets))
"""
    run(BLOCKED + code)


def test_importing_does_not_import_torch():
    modules = run("import sys, skdistill.nets; print(*sys.modules)").split()
    assert "skdistill.nets" in modules
    assert not {"torch", "skorch"} & set(modules)


def test_unknown_names_are_attribute_errors():
    import skdistill.nets as nets

    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        nets.Nothing  # noqa: B018
