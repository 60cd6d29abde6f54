"""Small workflows that mean the same on every engine, by name. ``$IMAGE`` stands for the image."""

from __future__ import annotations

import textwrap

IMAGE = "alpine:3.20"


def shared(*steps: str, **container: str) -> str:
    """A workflow whose steps share a container; each step is the text of its mapping."""
    fields = {"image": f'"{IMAGE}"', **container}
    head = "container:\n" + "".join(f"  {key}: {value}\n" for key, value in fields.items())
    return head + "steps:\n" + "".join(_item(step) for step in steps)


def own(step: str, **container: str) -> str:
    """A workflow of one step in a container of its own."""
    fields = {"image": f'"{IMAGE}"', **container}
    block = "container:\n" + "".join(f"  {key}: {value}\n" for key, value in fields.items())
    return "steps:\n" + _item(textwrap.dedent(step).strip() + "\n" + block)


def _item(step: str) -> str:
    lines = textwrap.dedent(step).strip().splitlines()
    return f"  - {lines[0]}\n" + "".join(f"    {line}\n" for line in lines[1:])


COMMANDS = {
    "success": "run: 'true'",
    "failure": "run: exit 3",
    "output": "run: printf 'a\\nb'",
    "stderr": "run: echo out; echo err >&2",
    "no_newline": "run: printf x",
    "pipes": "run: printf '3\\n1\\n2\\n' | sort",
    "binary": r"run: printf '\000\001\377\376'",
    "quotes": "run: echo 'a \"b\" $HOME' | tr a-z A-Z | cut -c1-5",
    "not_found": "run: no-such-command-at-all",
    "killed": "run: kill -9 $$",
    "terminated": "run: kill -15 $$",
    "list": "run: [echo one, echo two]",
    "list_stops": "run: [echo one, exit 4, echo three]",
    "script": 'run: |\n  set -eu\n  x=1\n  echo "x=$x"',
    "shebang": 'run: |\n  #!/bin/sh\n  echo "by $0" | cut -c1-2',
    "script_fails": "run: |\n  echo before\n  false\n  echo after",
    "large": "run: head -c 1000000 /dev/zero | tr '\\0' x",
    "many_lines": "run: seq 1 20000",
    "env": "env: {A: one, B: 'two words'}\nrun: echo \"$A/$B\"",
    "env_newline": 'env: {A: "x\\ny"}\nrun: printf \'%s\' "$A" | wc -l',
    "directory": "working_dir: /tmp\nrun: pwd",
    "stdin_is_empty": "run: wc -c",
    "user": "run: id -u",
    "exec_action": "action: exec\nwith: {command: echo, args: ['a b', '$HOME']}",
    "exec_not_found": "action: exec\nwith: {command: no-such-program}",
    "harness": "action: harness.run\nwith: {provider: shell, prompt: 'echo hi; exit 5'}",
    "harness_stdin": "action: harness.run\nwith: {provider: shell, prompt: 'cat', stdin: 'fed in'}",
    "timeout": "timeout_sec: 1\nrun: echo begun; sleep 60",
    "output_variable": "output: X\nrun: echo value",
    "output_file": 'id: o\noutputs: [{name: a}]\nrun: echo a=1 >> "$DAGU_OUTPUT_FILE"',
    "output_missing": "id: o\noutputs: [{name: a}]\nrun: 'true'",
    "retry": "retry_policy: {limit: 1, interval_sec: 0}\nrun: echo try; exit 6",
    "precondition": "preconditions: [{condition: test -e /no/such}]\nrun: echo never",
    "precondition_holds": "preconditions: [{condition: test -e /etc/alpine-release}]\nrun: echo ran",
    "background": "run: sleep 0.1 & wait; echo waited",
}

FLOWS = {
    "shared_file": shared("id: w\nrun: echo x > /tmp/f", "id: r\nrun: cat /tmp/f"),
    "shared_order": shared("run: echo 1 >> /tmp/n", "run: echo 2 >> /tmp/n", "run: cat /tmp/n"),
    "shared_after_failure": shared("id: a\nrun: exit 2", "id: b\ndepends: a\nrun: echo never"),
    "shared_continue": shared("id: a\ncontinue_on: failed\nrun: exit 2", "id: b\ndepends: a\nrun: echo on"),
    "shared_upstream": shared("id: a\noutput: V\nrun: echo v", "id: b\ndepends: a\nrun: echo got $V"),
    "shared_foreach": shared(
        "id: f\nforeach:\n  items: [a, b]\n  as: x\n  steps: [{id: s, run: 'echo ${foreach.x}'}]"
    ),
    "shared_directory": shared("run: pwd", working_dir="/var"),
    "shared_user": shared("run: id -u", user='"1000"'),
    "shared_env": shared("run: echo $A-$B", env="{A: '1', B: '2'}"),
    "shared_shell": shared("run: echo $0", shell="[/bin/ash]"),
    "shared_entrypoint_ignored": shared("run: echo fine", startup="keepalive"),
    "shared_ready": shared(
        "run: echo up", startup="command", command="[sh, -c, 'echo ready; sleep 600']", log_pattern="ready"
    ),
    "own_directory": own("run: pwd", working_dir="/var"),
    "own_user": own("run: id -u; id -g", user='"12:34"'),
    "own_env": own("run: echo $A", env="{A: contained}"),
    "own_read_only": own("run: echo x > /file", read_only="true"),
    "own_tmpfs": own("run: echo x > /scratch/f; cat /scratch/f", tmpfs="[/scratch]"),
    "own_no_network": own("run: ls /sys/class/net", network="none"),
    "own_memory": own("run: exec tail /dev/zero", memory="32m"),
    "own_caps": own("run: chown 1 /tmp", cap_drop="[ALL]"),
    "own_no_new_privileges": own(
        "run: grep NoNewPrivs /proc/self/status", security_opt="[no-new-privileges]"
    ),
    "own_init": own("run: cat /proc/1/comm | grep -c init", init="true"),
    "own_dns": own("run: cat /etc/resolv.conf | grep -c 10.9.8.7", dns="['10.9.8.7']"),
    "own_hosts": own("run: grep -c example.test /etc/hosts", extra_hosts="['example.test:10.1.2.3']"),
    "own_shm": own("run: df -k /dev/shm | tail -1 | awk '{print $2}'", shm_size="16m"),
}

WORKFLOWS = {
    **{f"own_{name}": own(step) for name, step in COMMANDS.items()},
    **{f"shared_{name}": shared(step) for name, step in list(COMMANDS.items())[:12]},
    **FLOWS,
}
