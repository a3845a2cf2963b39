"""Make .venv from a hash-locked requirements file: `python3 scripts/setup.py run|dev|browser|bench`.

Standard library only. uv installs where pip can fetch it, plain pip otherwise. A stamp inside .venv remembers what
was installed, so that a later call costs nothing.
"""

import compileall
import contextlib
import hashlib
import io
import json
import os
import shlex
import subprocess
import sys
import time
import venv
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "openbell-installed.json"
CONTAINS = {
    "run": ["run"],
    "dev": ["run", "dev"],
    "browser": ["run", "dev", "browser"],
    "bench": ["run", "dev", "bench"],
}
STEPS = int(os.environ.get("OPENBELL_STEPS", "2"))
UV_FETCH_S = 30
INSTALL_S = 900


class SetupError(Exception):
    """The environment cannot be made; the text says why and what to do."""


def main(arguments: list[str]) -> int:
    """Install one set of packages and the project itself; the exit code."""
    wanted = arguments[0] if arguments else "run"
    if wanted not in CONTAINS:
        print(f"There is no set of packages named {wanted!r}; take one of: {', '.join(CONTAINS)}.", file=sys.stderr)
        return 2
    try:
        step(1, f"Python {sys.version.split()[0]}", make_environment)
        step(2, f"packages ({count(wanted)}, locked)", lambda: install(wanted))
    except SetupError as problem:
        print(f"\n{problem}", file=sys.stderr)
        return 1
    return 0


def step(number: int, label: str, work: Callable[[], str]) -> None:
    """Run one step and show it as one line."""
    print(f"[{number}/{STEPS}] {label} ".ljust(50, "."), end=" ", flush=True)
    print(work(), flush=True)


def make_environment() -> str:
    """Make .venv unless it is there and works."""
    if PYTHON.exists() and works():
        return ".venv ready"
    try:
        import ensurepip  # noqa: F401 - Debian ships Python without it
    except ImportError:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise SetupError(
            "This Python cannot make virtual environments; "
            f"on Debian or Ubuntu run: apt-get install python{version}-venv"
        ) from None
    venv.EnvBuilder(with_pip=True, symlinks=True, clear=VENV.exists()).create(VENV)
    return ".venv made"


def works() -> bool:
    """Whether .venv still starts and was made for this folder (it may have been moved or its Python removed)."""
    try:
        answer = subprocess.run(
            [str(PYTHON), "-I", "-c", "import pip, sys; print(sys.prefix)"], capture_output=True, text=True, check=False
        )
    except OSError:
        return False
    return answer.returncode == 0 and Path(answer.stdout.strip()).resolve() == VENV.resolve()


def install(wanted: str) -> str:
    """Install the locked packages and the project, skipping what the stamp says is there."""
    began = time.monotonic()
    done = installed()
    if done.get(wanted) != lock_hash(wanted):
        by = install_packages(wanted)
        done |= {name: lock_hash(name) for name in CONTAINS[wanted]}
    elif done.get("project") == project_hash():
        return "ready"
    else:
        by = "pip"
    run_pip("install", "--no-deps", "--no-build-isolation", "--editable", str(ROOT))
    STAMP.write_text(json.dumps(done | {"project": project_hash()}), encoding="utf-8")
    return f"installed by {by} in {time.monotonic() - began:.0f} s"


def installed() -> dict[str, str]:
    """The hashes of what was installed before."""
    try:
        found = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def lock(name: str) -> Path:
    """The hash-locked requirements file of a set."""
    return ROOT / "requirements" / f"{name}.txt"


def count(name: str) -> int:
    """How many packages a set has."""
    return lock(name).read_text(encoding="utf-8").count("==")


def lock_hash(name: str) -> str:
    """What the stamp remembers of a set."""
    return hashlib.sha256(lock(name).read_bytes()).hexdigest()


def project_hash() -> str:
    """What the stamp remembers of the project: its description and its folder."""
    return hashlib.sha256((ROOT / "pyproject.toml").read_bytes() + bytes(ROOT)).hexdigest()


def install_packages(name: str) -> str:
    """Install a set by uv or pip and compile it; which of the two it was."""
    by = "uv"
    if not install_by_uv(name):
        by = "pip"
        run_pip("install", "--no-compile", "--no-deps", "--require-hashes", "-r", str(lock(name)))
    site = next((VENV / "lib").glob("python3*/site-packages"))
    with contextlib.redirect_stdout(io.StringIO()):  # a package's template that is no Python is nobody's concern
        compileall.compile_dir(site, quiet=2, workers=0)
    return by


def install_by_uv(name: str) -> bool:
    """Whether uv could be fetched and did the work; its failure is not an error, since pip follows."""
    try:
        run_pip("install", "--no-deps", "--require-hashes", "-r", str(lock("uv")), within=UV_FETCH_S)
        uv = [str(VENV / "bin" / "uv"), "pip", "install", "--quiet", "--python", str(PYTHON), "--no-deps"]
        run([*uv, "--require-hashes", "-r", str(lock(name))], uv_environment(), INSTALL_S)
    except SetupError:
        return False
    return True


def uv_environment() -> dict[str, str]:
    """pip's own indexes and certificates, told to uv, which does not read pip's configuration."""
    shown = subprocess.run([str(PYTHON), "-m", "pip", "config", "list"], capture_output=True, text=True, check=False)
    settings: dict[str, str] = {}
    for line in shown.stdout.splitlines():
        key, _, value = line.partition("=")
        settings[key.rpartition(".")[2]] = " ".join(shlex.split(value))
    names = {"index-url": "UV_DEFAULT_INDEX", "find-links": "UV_FIND_LINKS", "cert": "SSL_CERT_FILE"}
    told = {names[key]: value.strip() for key, value in settings.items() if key in names and value.strip()}
    if "extra-index-url" in settings:
        told["UV_INDEX"] = " ".join(url for url in settings["extra-index-url"].split() if usable(url))
    if "UV_FIND_LINKS" in told:
        told["UV_FIND_LINKS"] = ",".join(told["UV_FIND_LINKS"].split())
    return {"UV_HTTP_TIMEOUT": "30", "UV_INDEX_STRATEGY": "unsafe-best-match"} | told | os.environ


def usable(url: str) -> bool:
    """pip skips a local index that is not there; uv would stop."""
    return not url.startswith("file://") or Path(url.removeprefix("file://")).is_dir()


def run_pip(*arguments: str, within: float = INSTALL_S) -> None:
    """Run the environment's pip quietly."""
    quiet = ["--quiet", "--no-input", "--disable-pip-version-check"]
    run([str(PYTHON), "-m", "pip", *arguments, *quiet], dict(os.environ), within)


def run(command: list[str], environment: dict[str, str], within: float) -> None:
    """Run a command whose output matters only when it fails."""
    try:
        subprocess.run(
            command,
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
            timeout=within,
        )
    except subprocess.CalledProcessError as problem:
        raise SetupError(f"Packages could not be installed.\n{problem.stdout.strip()[-2000:]}") from problem
    except subprocess.TimeoutExpired as problem:
        raise SetupError(
            f"Packages could not be installed within {within:.0f} s; is the package index reachable?"
        ) from problem


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
