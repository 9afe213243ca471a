"""Run a program under strace (5.4 or later) and parse its system calls."""

from __future__ import annotations

import codecs
import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

HARMLESS = (
    # Waiting, time, threads, signals.
    "futex clock_nanosleep clock_gettime clock_getres nanosleep sched_yield poll ppoll "
    "select pselect6 epoll_wait epoll_pwait epoll_create1 epoll_ctl restart_syscall "
    "set_robust_list set_tid_address rseq gettid getpid getppid rt_sigaction "
    "rt_sigprocmask rt_sigreturn sigaltstack wait4 exit exit_group sched_getaffinity "
    "sched_setaffinity membarrier timer_create timer_settime timer_delete "
    "sched_getparam sched_getscheduler "
    # The process's own memory and limits.
    "brk madvise mprotect munmap mremap mlock arch_prctl prlimit64 getrlimit getrusage "
    "get_mempolicy set_mempolicy mbind "
    # Reading; data leaves the process only by a call that is traced.
    "read pread64 readv recvfrom recvmsg lseek stat fstat lstat newfstatat statx statfs "
    "fstatfs access faccessat faccessat2 readlink readlinkat getdents64 getcwd uname "
    "sysinfo getuid geteuid getgid getegid getrandom getsockopt getsockname getpeername "
    "close close_range fadvise64 flock fcntl dup dup2 dup3 umask getpriority getcpu "
)
"""System calls that carry no data out of the process: the only ones that are not traced."""

_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"(\.\.\.)?')
_UNFINISHED = re.compile(r"^(\d+) +(.*?) *<unfinished \.\.\.>$")
_RESUMED = re.compile(r"^(\d+) +<\.\.\. \w+ resumed>(.*)$")
_CALL = re.compile(r"^(\d+) +(\w+)\((.*)\) += (-?\w+|\?)(.*)$")


@dataclasses.dataclass(frozen=True)
class Call:
    """One system call, by any thread."""

    name: str
    text: str
    """Its arguments as strace prints them, with the file or socket of each descriptor."""
    result: int
    """-1 if it failed."""

    @property
    def strings(self) -> list[bytes]:
        """Return the strings among the arguments.

        Raises:
            ValueError: strace has truncated one.
        """
        found = _STRING.findall(self.text)
        if any(cut for _, cut in found):
            raise ValueError(f"strace has truncated an argument of {self.name}")
        return [codecs.escape_decode(text.encode())[0] for text, _ in found]

    @property
    def target(self) -> str:
        """Return the file or socket of the descriptor that is the first argument."""
        match = re.match(r"\d+<(.*?)>(,|$)", self.text)
        return match[1] if match else ""


def strace(record: Path) -> list[str]:
    """Return the command that precedes a program."""
    left_out = "!" + ",".join(f"?{name}" for name in HARMLESS.split())
    options = f"-f -yy -s 1000000 -o {record} -e trace={left_out} -e signal=none --"
    return ["strace", *options.split()]


def read(record: Path) -> Iterator[Call]:
    """Yield the calls in the order in which they began.

    Raises:
        ValueError: a line is not one of strace.
    """
    lines: list[str] = []
    open_calls: dict[str, int] = {}
    for line in record.read_text(errors="surrogateescape").splitlines():
        if begun := _UNFINISHED.match(line):
            open_calls[begun[1]] = len(lines)
            lines.append(f"{begun[1]} {begun[2]}")
        elif (rest := _RESUMED.match(line)) and rest[1] in open_calls:
            lines[open_calls.pop(rest[1])] += rest[2]
        elif "+++ " not in line:
            lines.append(line)
    for place in open_calls.values():
        # The process ended during the call.
        lines[place] += ") = ?"
    for line in lines:
        call = _CALL.match(line)
        if call is None:
            raise ValueError(f"no system call: {line[:200]}")
        yield Call(call[2], call[3], _number(call[4]))


def _number(result: str) -> int:
    try:
        return int(result, 0)
    except ValueError:
        return -1
