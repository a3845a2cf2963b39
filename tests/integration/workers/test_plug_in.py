"""A job type from outside: the one that the documents show, installed as a package and carried out."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.factories import Rows

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/how-to/add-a-job-type.md").read_text(encoding="utf-8")

CARRY_OUT = """
import json, sys
from datetime import UTC, datetime
from pathlib import Path
from db.engine import Database, role_url
from db.listen import Listener
from db.roles import PLATFORM
from domain.errors import InvalidInput
from domain.ids import UserId
from services.job_kinds import check_params, kind_of, kinds, problems
from services.jobs import JobsService
from services.planning import PlanningService
from services.users import UsersService
from workers.execution import Desk, Execution
from workers.watch import Watch

url, key, folder, user_id = sys.argv[1:]
database = Database.connect(url, key)
user = UsersService(database.for_platform()).get(UserId(int(user_id)))
try:
    refused = check_params(kind_of("acme.rates"), {"symbol": "GOLD", "step": 0})
except InvalidInput as problem:
    refused = str(problem)
jobs = JobsService(database.for_user(user.id))
jobs.run_once(user, "acme.rates", "Rates", {"symbol": "GOLD"}, now=datetime.now(UTC))
[bell] = PlanningService(database.for_platform()).ring_waiting()
watch, desk = Watch(database, Listener(role_url(url, PLATFORM, key), "cancel")), Desk(database, "worker-1")
desk.open()
watch.start()
Execution(database, desk, watch, "sim", Path(folder)).execute(bell.run_id, bell.attempt)
desk.close()
watch.stop()
print(json.dumps({"kinds": list(kinds()), "problems": dict(problems()), "refused": refused, "queue": bell.queue}))
"""


def shown(kind: str) -> str:
    """The page's code of that kind."""
    found = re.search(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)
    assert found
    return found[1]


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pip installed the package that the page shows, out of nothing but what it shows."""
    source, target = tmp_path_factory.mktemp("acme-rates"), tmp_path_factory.mktemp("installed")
    (source / "acme_rates.py").write_text(shown("python"), encoding="utf-8")
    (source / "pyproject.toml").write_text(shown("toml"), encoding="utf-8")
    options = ["--no-deps", "--no-index", "--no-build-isolation", "--disable-pip-version-check", "--quiet"]
    subprocess.run(
        [sys.executable, "-m", "pip", "install", *options, "--target", str(target), str(source)],
        check=True,
        capture_output=True,
        timeout=120,
    )
    return target


def test_the_example_is_short() -> None:
    assert len([line for line in shown("python").splitlines() if line.strip()]) <= 30


def test_the_documents_job_type_is_installed_scheduled_and_carried_out(
    target: Path, rows: Rows, database_url: str, secret_key: str, tmp_path: Path
) -> None:
    ada = rows.person(role="viewer")
    done = subprocess.run(
        [sys.executable, "-c", CARRY_OUT, database_url, secret_key, str(tmp_path), str(ada.id)],
        env=os.environ | {"PYTHONPATH": f"{target}{os.pathsep}{ROOT}"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert "acme.rates" in said["kinds"]
    assert said["problems"] == {}
    assert said["queue"] == "reports"
    assert said["refused"].startswith("The parameter “step” of this job is “0”: ")
    [run] = rows.all("SELECT * FROM job_schedule_runs")
    assert (run.job_type, run.status) == ("acme.rates", "succeeded"), run.error
    assert run.result["nearest"] % 100 == 0
    [message] = rows.all("SELECT user_id, payload->>'text' AS text FROM msg_messages")
    assert message.user_id == ada.id
    assert message.text.startswith(f"<b>GOLD</b> is at {run.result['last']}")
