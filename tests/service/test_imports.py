"""What each part of the service may pull in: who starts quickly and stays small does so by what it does not import."""

import json
import subprocess
import sys
from dataclasses import dataclass

import pytest

from tests.service_process import ROOT

NEVER = {"torchvision", "matplotlib", "numba", "pytest", "httpx"}
"""MNIST is read without torchvision, which is there to download it; kernels are compiled when they are wanted."""
SERVER = {"fastapi", "starlette", "uvicorn", "prometheus_client", "jwt"}
STORE = {"sqlalchemy", "alembic", "dbos"}


@dataclass(frozen=True)
class Budget:
    """At most so many modules, a sixth more than when this was written, and none of these packages."""

    modules: int
    without: set[str]


BUDGETS = {
    "service.cli": Budget(350, NEVER | SERVER | STORE | {"torch", "numpy", "PIL"}),
    "service.supervisor": Budget(350, NEVER | SERVER | STORE | {"torch", "numpy", "PIL"}),
    "service.app": Budget(2400, NEVER | {"uvicorn"}),
    "service.jobs.worker": Budget(1850, NEVER | SERVER),
    "service.operations": Budget(1900, NEVER | SERVER),
    "models.digit_net": Budget(1160, NEVER | SERVER | STORE | {"pydantic", "PIL", "service"}),
    "models.memory_lstm": Budget(1160, NEVER | SERVER | STORE | {"pydantic", "PIL", "service"}),
    "models.training.digit_net": Budget(1180, NEVER | SERVER | STORE | {"pydantic", "PIL", "service"}),
    "models.training.memory_lstm": Budget(1190, NEVER | SERVER | STORE | {"pydantic", "PIL", "service"}),
    "models.analysis.tuning_report": Budget(1200, NEVER | SERVER | STORE | {"pydantic", "PIL", "service"}),
}


@pytest.mark.parametrize("module", BUDGETS)
def test_a_module_pulls_in_no_more_than_it_may(module: str) -> None:
    budget = BUDGETS[module]
    told = subprocess.run(
        [sys.executable, "-c", f"import sys, json, {module}; print(json.dumps(sorted(sys.modules)))"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    imported = json.loads(told)
    assert budget.without.isdisjoint(name.partition(".")[0] for name in imported)
    assert len(imported) <= budget.modules
