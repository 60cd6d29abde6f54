"""How to end everything that an exec started, for runtimes whose engine can't: pure text, no process.

An engine's API can't kill an exec. Killing its process group misses what called ``setsid``. What all descendants
keep is their environment, so an exec is started with a unique variable, and a second exec looks through
``/proc/*/environ`` for it. Source: proc(5); tried on Docker 20.10 and Podman 4.3.
"""

from __future__ import annotations

import os

MARKER = "DAGU_EXEC_ID"

# One pass: signal each process that carries the marker, print how many there were. Children inherit the marker
# unless they clear their environment, so descendants are taken by parent id as well. Zombies count as gone. A process
# that executes a program has no environment for a moment, so a look that finds nothing is repeated.
_SWEEP = r"""
for tool in tr grep cat; do command -v "$tool" >/dev/null || exit 127; done
marker=$1 signal=$2
self=$$
found=
look() {
  for d in /proc/[0-9]*; do
    p=${d#/proc/}
    [ "$p" = "$self" ] && continue
    if tr '\0' '\n' < "$d/environ" 2>/dev/null | grep -qxF "$marker"; then found="$found $p"; fi
  done
}
look
[ -n "$found" ] || look
grew=1
while [ -n "$grew" ]; do
  grew=
  for d in /proc/[0-9]*; do
    p=${d#/proc/}
    case " $found $self 1 " in *" $p "*) continue;; esac
    s=$(cat "$d/stat" 2>/dev/null) || continue
    s=${s##*) }
    set -- $s
    case " $found " in *" $2 "*) found="$found $p"; grew=1;; esac
  done
done
n=0
alive=
for p in $found; do
  s=$(cat "/proc/$p/stat" 2>/dev/null) || continue
  s=${s##*) }
  case $s in Z*|X*) continue;; esac
  n=$((n+1))
  alive="$alive $p"
done
# Parents first, all at once: a shell whose child dies before it gets the signal itself goes on to its next command.
ordered=
while [ -n "$alive" ]; do
  later=
  for p in $alive; do
    s=$(cat "/proc/$p/stat" 2>/dev/null) || continue
    s=${s##*) }
    set -- $s
    case " $alive " in *" $2 "*) later="$later $p";; *) ordered="$ordered $p";; esac
  done
  alive=$later
done
[ "$signal" = 0 ] || [ -z "$ordered" ] || kill -s "$signal" $ordered 2>/dev/null
echo "$n"
"""


def new_marker() -> str:
    """A value for the variable ``MARKER`` that no other exec has."""
    return os.urandom(12).hex()


def sweep_argv(marker: str, signal: str, *, name: str = MARKER) -> tuple[str, ...]:
    """The command that signals every process of the exec once and prints how many were alive.

    Args:
        marker: What :func:`new_marker` gave.
        signal: A name without ``SIG``, or ``0`` to only count.
        name: The environment name that has the marker.
    """
    return ("/bin/sh", "-c", _SWEEP, "sh", f"{name}={marker}", signal)
