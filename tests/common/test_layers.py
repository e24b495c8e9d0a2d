"""The floors: import-linter's contracts of pyproject.toml hold, and would fail if they did not."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools.house import PACKAGE, ROOT

pytestmark = pytest.mark.needs("importlinter")

CONTRACTS = ["layers", "independence", "floor-0-only", "torch", "datasets", "acyclic"]


def lint_imports(folder: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    code = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    return subprocess.run(
        [sys.executable, "-c", code, "--no-cache"],
        cwd=folder,
        env={**env, "PYTHONPATH": str(folder), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def house(tmp_path) -> Path:
    """A copy of the package and its contracts, to break."""
    shutil.copytree(PACKAGE, tmp_path / "skdistill", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_contracts_hold(house, subprocess_env):
    ran = lint_imports(house, subprocess_env)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert f"Contracts: {len(CONTRACTS)} kept, 0 broken." in ran.stdout


@pytest.mark.parametrize(
    ("importer", "imported", "contract"),
    [
        ("response", "skdistill.students", "layers"),
        ("students", "skdistill.estimators", "layers"),
        ("students", "skdistill.samplers", "independence"),
        ("fidelity", "skdistill.students", "independence"),
        ("samplers", "skdistill.response", "floor 0 only"),
        ("estimators", "torch", "torch"),
        ("response", "skdistill.datasets", "datasets"),
    ],
)
def test_a_wrong_import_breaks_its_contract(house, subprocess_env, importer, imported, contract):
    (house / "skdistill" / importer / "_wrong.py").write_text(f'"""Wrong."""\n\nimport {imported}\n')
    ran = lint_imports(house, subprocess_env)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    broken = [line for line in ran.stdout.splitlines() if " BROKEN" in line]
    assert any(line.startswith(contract) for line in broken), ran.stdout


def test_a_cycle_and_a_package_on_no_floor_are_found(house, subprocess_env):
    response = house / "skdistill" / "response"
    (response / "_chicken.py").write_text('"""C."""\n\nimport skdistill.response._egg\n')
    (response / "_egg.py").write_text('"""E."""\n\nimport skdistill.response._chicken\n')
    ran = lint_imports(house, subprocess_env)
    assert "no import cycles, in any package BROKEN" in ran.stdout

    (house / "skdistill" / "homeless.py").write_text('"""Homeless."""\n')
    ran = lint_imports(house, subprocess_env)
    assert ran.returncode == 1
    assert "skdistill.homeless" in ran.stdout + ran.stderr


def test_contracts_are_those_named_here():
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    ids = [line.split('"')[1] for line in text.splitlines() if line.startswith('id = "')]
    assert ids == CONTRACTS
