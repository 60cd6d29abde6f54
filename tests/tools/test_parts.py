"""The parts that need no engine."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path

import pytest
from engines import (
    EngineError,
    alpine,
    api,
    cli,
    daemons,
    images,
    layout,
    packages,
    podman_config,
    processes,
    rootless,
    tls,
)


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("", "100000-165535"),
        ("ann:100000:65536\n", "165536-231071"),
        ("ann:300000:10\nben:100000:65536\n", "300010-365545"),
        ("# none\nann:5:5\n", "100000-165535"),
    ],
)
def test_subordinate_ids_lie_behind_all_others(table: str, expected: str) -> None:
    assert rootless.free_range(table) == expected


@pytest.mark.parametrize("name", ["", "-a", "A", "a/b", "..", "a" * 21, "_standard"])
def test_a_private_name_that_is_no_safe_path_is_refused(name: str) -> None:
    with pytest.raises(EngineError, match="private engine"):
        layout.check_name(name)


def test_the_longest_private_name_keeps_paths_within_what_the_engines_allow() -> None:
    name = layout.check_name("a" * 20)
    assert len(str(layout.Place("podman", name).run / "run")) <= 50
    assert len(str(layout.Place("docker", name).run / "containerd/containerd-debug.sock.ttrpc")) <= 107


@pytest.mark.parametrize("before", [None, "#!/bin/sh\nexit 0\n"])
def test_the_service_policy_of_the_machine_is_put_back(tmp_path: Path, before: str | None) -> None:
    policy, saved = tmp_path / "policy-rc.d", tmp_path / "saved"
    if before is not None:
        policy.write_text(before)
        policy.chmod(0o700)

    def fail_inside() -> None:
        with packages.services_kept_down(policy, saved):
            assert subprocess.run([policy], check=False).returncode == 101
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_inside()
    assert not saved.exists()
    assert (policy.read_text() if policy.exists() else None) == before
    assert before is None or policy.stat().st_mode & 0o777 == 0o700


def test_a_policy_that_a_killed_run_left_aside_is_the_one_put_back(tmp_path: Path) -> None:
    policy, saved = tmp_path / "policy-rc.d", tmp_path / "saved"
    policy.write_text("#!/bin/sh\nexit 101\n")
    saved.write_text("the machine's own")
    with packages.services_kept_down(policy, saved):
        pass
    assert policy.read_text() == "the machine's own"


def test_a_zombie_counts_as_gone() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    process = processes.identify(child.pid)
    assert process is not None
    assert process.alive()
    assert not processes.Identity(child.pid, process.started + 1).alive()
    processes.end(process, grace=10.0)
    assert Path(f"/proc/{child.pid}").exists()  # nobody has waited for it
    assert not process.alive()
    child.communicate()


def test_a_process_that_ignores_the_polite_signal_is_killed() -> None:
    program = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); signal.pause()"
    child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    process = processes.identify(child.pid)
    assert process is not None
    processes.end(process, grace=0.1)
    child.communicate()
    assert child.returncode == -9


def test_descendants_include_those_of_another_session() -> None:
    child = subprocess.Popen(["sh", "-c", "setsid sh -c 'echo $$; exec sleep 600' & wait"], stdout=-1)
    assert child.stdout is not None
    grandchild = int(child.stdout.readline())
    assert grandchild in processes.descendants([child.pid])
    processes.kill_all(processes.descendants([child.pid]))
    child.communicate()
    assert processes.identify(grandchild) is None


def test_a_record_survives_the_round_trip(tmp_path: Path) -> None:
    record = daemons.Record(processes.Identity(1, 2), {"number": 3})
    daemons.write_record(tmp_path / "made" / "docker.json", record)
    assert daemons.read_record(tmp_path / "made" / "docker.json") == record
    assert daemons.read_record(tmp_path / "docker.json") is None


def test_a_daemon_that_fails_to_start_is_reported_with_the_end_of_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layout, "RUN", tmp_path / "run")
    monkeypatch.setenv("DAGU_ENGINES_STATE", str(tmp_path / "state"))
    place = layout.Place("docker", "x")
    with pytest.raises(EngineError, match=r"(?s)docker ended with status 3 .*daemon\.log:\nno space"):
        daemons.start(place, ["sh", "-c", "echo no space; exit 3"], dict(os.environ))


def test_podmans_settings_are_toml_and_hold_what_this_machine_needs() -> None:
    settings = tomllib.loads(podman_config.settings({"lock_type": '"file"'}))
    assert settings["engine"]["lock_type"] == "file"
    assert settings["engine"].get("runtime", "") == ("runc" if podman_config.needs_runc() else "")


def test_the_local_alpine_has_what_scripts_look_for(tmp_path: Path) -> None:
    busybox = tmp_path / "busybox"
    busybox.write_text("#!/bin/sh\nprintf 'bin/ls\\nusr/bin/wget\\nbin/busybox\\n'\n")
    busybox.chmod(0o755)
    target = io.BytesIO()
    alpine.write(target, busybox)
    target.seek(0)
    with tarfile.open(fileobj=target) as tar:
        entries = {entry.name: entry for entry in tar}
        release = tar.extractfile("etc/alpine-release")
        assert release is not None
        assert release.read().startswith(b"3.20")
    assert entries["tmp"].mode == 0o1777
    assert entries["bin/busybox"].isreg()
    assert {name for name, entry in entries.items() if entry.issym()} == {"bin/sh", "bin/ls", "usr/bin/wget"}
    assert {"etc/passwd", "etc/group"} <= entries.keys()


@pytest.mark.parametrize(
    ("reference", "name", "tag"),
    [
        ("alpine", "docker.io/library/alpine", "latest"),
        ("alpine:3.20", "docker.io/library/alpine", "3.20"),
        ("team/tool:1", "docker.io/team/tool", "1"),
        ("127.0.0.1:5000/tool", "127.0.0.1:5000/tool", "latest"),
        ("localhost/tool:1", "localhost/tool", "1"),
    ],
)
def test_references_are_read_as_the_engines_read_them(reference: str, name: str, tag: str) -> None:
    assert images.qualified(reference) == (name, tag)


def test_only_unix_endpoints_are_spoken_to() -> None:
    with pytest.raises(EngineError, match="tcp://"):
        api.Api("tcp://127.0.0.1:1")


def test_the_strangers_certificate_comes_from_another_authority(tmp_path: Path) -> None:
    tls.make_certificates(tmp_path / "certificates")

    def verified(name: str, purpose: str) -> bool:
        folder = tmp_path / "certificates" / name
        argv = ["openssl", "verify", "-purpose", purpose, "-CAfile", f"{folder}/ca.pem", f"{folder}/cert.pem"]
        return subprocess.run(argv, capture_output=True, check=False).returncode == 0

    assert verified("server", "sslserver")
    assert verified("client", "sslclient")
    assert not verified("client", "sslserver")
    assert not verified("stranger", "sslclient")


def test_without_root_the_message_says_sudo(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert cli.main(["up", "docker", "--private", "nobody-has-this"]) == 1
    assert "sudo" in capsys.readouterr().err
    assert not layout.Place("docker", "nobody-has-this").state.exists()


def test_an_unknown_engine_is_refused_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["up", "podmann"]) == 1
    assert "docker, podman, podman-rootless" in capsys.readouterr().err
    assert cli.main(["up", "podman-rootless", "--private", "x"]) == 1
    assert "docker, podman" in capsys.readouterr().err
