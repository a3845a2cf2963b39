"""Become a program that does not outlive its parent: `child.py kernel|watch PARENT SIGNAL UID:GID|- -- PROGRAM ARG…`.

Standard library only and quick to start, since every child of `openbell up` begins here. `kernel` (Linux) asks the
kernel for SIGNAL when the parent ends; `watch` leaves a small process behind that waits for standard input to end.
"""

import ctypes
import os
import select
import sys

PR_SET_PDEATHSIG = 1


def main(argv: list[str]) -> None:
    """Drop to UID:GID when asked, arrange the end with the parent, then become PROGRAM."""
    mode, parent, number, account = argv[0], int(argv[1]), int(argv[2]), argv[3]
    program = argv[argv.index("--") + 1 :]
    libc = ctypes.CDLL(None, use_errno=True)  # found before the account may no longer read it
    drop_to(account)
    if mode == "watch":
        leave_watcher(number)
    # A change of account clears the parent-death signal, so it is asked for afterwards.
    elif libc.prctl(PR_SET_PDEATHSIG, number, 0, 0, 0) != 0:
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


def leave_watcher(number: int) -> None:
    """Leave a process that sends `number` to this one when standard input ends, and goes when this one goes."""
    program = os.getpid()
    alive, held = os.pipe()
    if os.fork() == 0:
        if os.fork() == 0:  # a grandchild, so that the program never meets a child it did not start
            os.setsid()
            os.close(held)
            readable, _, _ = select.select([0, alive], [], [])
            if alive not in readable:
                os.kill(program, number)
        os._exit(0)
    os.wait()
    os.close(alive)
    os.set_inheritable(held, True)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)


if __name__ == "__main__":
    main(sys.argv[1:])
