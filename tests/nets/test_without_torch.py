"""Without torch the package is importable, and says what to install when a name is used."""

import subprocess
import sys

import pytest

# Not None in sys.modules, which scipy takes for an imported torch.
BLOCKED = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "skorch"):
            raise ImportError(f"no module named {name}")
sys.meta_path.insert(0, Blocked())
"""


@pytest.mark.parametrize("name", ["SoftTargetLoss", "TorchTeacher", "hinton_loss", "soft_cross_entropy"])
def test_names_that_need_torch_name_the_pip_command(name, monkeypatch):
    import skdistill.nets as nets
    from skdistill.exceptions import OptionalDependencyError

    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(
        OptionalDependencyError,
        match=rf"skdistill\.nets\.{name} needs .* pip install 'skdistill\[torch\]'",
    ):
        getattr(nets, name)


def test_importing_does_not_import_torch_and_everything_else_works():
    code = """
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
import skdistill.nets as nets
teacher = FrozenEstimator(LogisticRegression())
assert nets.adapt_teacher(teacher) is teacher
assert not nets.SkorchStrategy().accepts(LogisticRegression())
assert not nets.is_regressor_net(LogisticRegression())
assert set(nets.__all__) == set(dir(nets))
try:
    nets.TorchTeacher
except ImportError as error:
    assert "pip install 'skdistill[torch]'" in str(error)
else:
    raise AssertionError("torch was found")
"""
    done = subprocess.run([sys.executable, "-c", BLOCKED + code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_unknown_names_are_attribute_errors():
    import skdistill.nets as nets

    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        nets.Nothing  # noqa: B018
