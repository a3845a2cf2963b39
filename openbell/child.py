"""Become a program that does not outlive its parent: `python -I -S child.py PARENT SIGNAL UID:GID|- -- PROGRAM ARG…`.

Standard library only and quick to start, since every child of `openbell up` begins here. On Linux the kernel sends
SIGNAL when the parent ends; elsewhere this process stays between the two and watches its standard input for the end.
"""

import ctypes
import os
import select
import signal
import subprocess
import sys

PR_SET_PDEATHSIG = 1
LOOK_EVERY_S = 0.2


def main(argv: list[str]) -> None:
    """Drop to UID:GID when asked, arrange the end with the parent, then run PROGRAM."""
    parent, number, account = int(argv[0]), int(argv[1]), argv[2]
    program = argv[argv.index("--") + 1 :]
    if not sys.platform.startswith("linux") or os.environ.get("OPENBELL_GUARD") == "1":
        drop_to(account)
        sys.exit(guard(program, number))
    libc = ctypes.CDLL(None, use_errno=True)  # found before the account may no longer read it
    drop_to(account)
    # A change of account clears the parent-death signal, so it is asked for afterwards.
    if libc.prctl(PR_SET_PDEATHSIG, number, 0, 0, 0) != 0:
        sys.exit(f"The parent-death signal was refused: {os.strerror(ctypes.get_errno())}.")
    if os.getppid() != parent:
        sys.exit("The parent ended before this child began.")
    os.execv(program[0], program)  # noqa: S606 - the point of this file


def drop_to(account: str) -> None:
    """Continue as `UID:GID` without any other group; `-` changes nothing."""
    if account == "-":
        return
    uid, gid = (int(part) for part in account.split(":"))
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    os.umask(0o077)


def guard(program: list[str], number: int) -> int:
    """Run `program`, pass signals on, and send it `number` once standard input ends; its exit code."""
    child = subprocess.Popen(program, stdin=subprocess.DEVNULL)
    for name in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        signal.signal(name, lambda received, _: child.send_signal(received))
    watched = [sys.stdin.fileno()]
    while child.poll() is None:
        readable, _, _ = select.select(watched, [], [], LOOK_EVERY_S)
        if readable and not os.read(watched[0], 1024):
            child.send_signal(number)
            watched = []
    return child.returncode if child.returncode >= 0 else 128 - child.returncode


if __name__ == "__main__":
    main(sys.argv[1:])
