"""A program of its own: go into a container, and execute a command, unpack an archive or make one there.

Run by the machine's Python as ``enter.py SPEC REPORT``, two descriptors: what to do comes as JSON, and what went
wrong goes back as JSON. It imports nothing after it went in, where there may be no Python.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
import tarfile
from collections.abc import Iterator
from typing import Any, NoReturn

CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000  # sched(7), linux/sched.h
PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 4, 24, 38  # prctl(2)
NAMESPACES = ("user", "mnt", "pid", "net", "ipc", "uts", "cgroup")  # the first gives the right to the others

libc = ctypes.CDLL(None, use_errno=True)


def check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def join(pid: int) -> None:
    """Enter the namespaces of a running container; the mount namespace brings its root along."""
    opened = []
    for name in NAMESPACES:
        own, theirs = f"/proc/self/ns/{name}", f"/proc/{pid}/ns/{name}"
        if os.readlink(own) != os.readlink(theirs):
            opened.append(os.open(theirs, os.O_RDONLY))
    # Else the container could reach the machine's Python through this process' /proc/PID/exe (CVE-2019-5736).
    check(libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
    for descriptor in opened:
        check(libc.setns(descriptor, 0))


def borrow(root: str) -> None:
    """Make the root of a container that does not run one's own, in a user namespace as it would have."""
    uid, gid = os.geteuid(), os.getegid()
    check(libc.unshare(CLONE_NEWUSER | CLONE_NEWNS))
    for file, content in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
        with open(f"/proc/self/{file}", "w") as out:
            out.write(content)
    os.chroot(root)
    os.chdir("/")


def give_up_privileges() -> None:
    """What the container's main process may not do, a later command may not do either."""
    with open("/proc/sys/kernel/cap_last_cap") as file:
        last = int(file.read())
    for capability in range(last + 1):
        check(libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0))
    check(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))


def execute(spec: dict[str, Any], report: int) -> int:
    """Run a command in a child, which alone is in the process namespace, and tell its exit code."""
    child = os.fork()
    if child == 0:
        stage = "working directory"
        try:
            os.chdir(spec["working_dir"])
            stage = "privileges"
            give_up_privileges()
            os.setsid()
            stage = "program"
            os.execvpe(spec["argv"][0], spec["argv"], spec["env"])
        except OSError as error:
            tell(report, stage, error)
        os._exit(127)
    os.close(report)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return code if code >= 0 else 128 - code


def unpack(path: str) -> None:
    def of_the_one_user(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
        for entry in archive:
            entry.uid = entry.gid = 0
            yield entry

    if not os.path.isdir(path):
        raise FileNotFoundError(2, "no such directory", path)
    with tarfile.open(fileobj=sys.stdin.buffer, mode="r|*") as archive:
        # An attribute, because the argument of that meaning is missing before Python 3.11.4.
        archive.extraction_filter = lambda entry, _path: entry
        archive.extractall(path, members=of_the_one_user(archive), numeric_owner=True)


def pack(path: str) -> None:
    os.lstat(path)
    with tarfile.open(fileobj=sys.stdout.buffer, mode="w|") as archive:
        archive.add(path, arcname=os.path.basename(path.rstrip("/")) or ".")


def tell(report: int, stage: str, error: OSError) -> None:
    os.write(report, json.dumps({"stage": stage, "errno": error.errno, "text": error.strerror}).encode())


def main() -> NoReturn:
    report = int(sys.argv[2])
    os.set_inheritable(report, False)  # closed by the command's start, which is how that is seen
    with open(int(sys.argv[1]), encoding="utf-8") as file:
        spec = json.load(file)
    code, stage = 0, "container"
    try:
        if spec["pid"]:
            join(spec["pid"])
        else:
            borrow(spec["root"])
        stage = "path"
        if spec["task"] == "execute":
            code = execute(spec, report)
        elif spec["task"] == "unpack":
            unpack(spec["path"])
        else:
            pack(spec["path"])
        sys.stdout.flush()
    except (OSError, tarfile.TarError) as error:
        tell(report, stage, error if isinstance(error, OSError) else OSError(5, str(error)))
        code = 1
    os._exit(code)


if __name__ == "__main__":
    main()
