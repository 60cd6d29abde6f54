"""Mounts: directories of the machine, named volumes, memory, and a root that can't be written."""

from __future__ import annotations

import pytest

from dagu.contracts.capability import Capability
from dagu.contracts.container import Mount, MountType
from dagu.errors import NameTaken, RequestRefused
from dagu.testing.runtime_kit.base import Kit, needs
from dagu.testing.runtime_kit.lab import Lab

MIB = 1024**2


def _bind(source: object, target: str = "/kit", *, read_only: bool = False) -> tuple[Mount, ...]:
    return (Mount(type=MountType.BIND, source=str(source), target=target, read_only=read_only),)


def _volume(name: str, *, read_only: bool = False) -> tuple[Mount, ...]:
    return (Mount(type=MountType.VOLUME, source=name, target="/kit", read_only=read_only),)


class Mounts(Kit):
    @needs(Capability.BIND_MOUNTS)
    def test_a_bind_mount_is_read_and_written(self, lab: Lab) -> None:
        shared = lab.shared_directory()
        (shared / "in").write_bytes(b"from outside")
        result = lab.shell("cat /kit/in; printf 'from inside' >/kit/out", mounts=_bind(shared))
        assert result.stdout == b"from outside"
        assert (shared / "out").read_bytes() == b"from inside"

    @needs(Capability.BIND_MOUNTS)
    def test_a_read_only_bind_mount_refuses_writes(self, lab: Lab) -> None:
        shared = lab.shared_directory()
        (shared / "in").write_bytes(b"before")
        script = "cat /kit/in; touch /kit/new; echo after >/kit/in; rm -f /kit/in"
        result = lab.shell(script, mounts=_bind(shared, read_only=True))
        assert result.stdout == b"before"
        assert (shared / "in").read_bytes() == b"before"
        assert [entry.name for entry in shared.iterdir()] == ["in"]

    @needs(Capability.BIND_MOUNTS)
    def test_a_single_file_is_mounted(self, lab: Lab) -> None:
        file = lab.shared_directory() / "file"
        file.write_bytes(b"content")
        assert lab.run("cat", "/kit-file", mounts=_bind(file, "/kit-file")).stdout == b"content"

    @needs(Capability.BIND_MOUNTS)
    def test_odd_characters_in_a_mount(self, lab: Lab) -> None:
        shared = lab.shared_directory() / "a b,c=d é"
        shared.mkdir()
        (shared / "file").write_bytes(b"content")
        assert lab.run("cat", "/kit x,y/file", mounts=_bind(shared, "/kit x,y")).stdout == b"content"

    @needs(Capability.BIND_MOUNTS)
    def test_a_missing_source_is_refused(self, lab: Lab) -> None:
        missing = lab.shared_directory() / "missing"
        with pytest.raises(RequestRefused) as raised:
            lab.run("true", mounts=_bind(missing))
        assert str(missing) in str(raised.value)
        assert not missing.exists(), "a missing source must not be created"

    @needs(Capability.BIND_MOUNTS)
    def test_inspect_tells_the_mounts(self, lab: Lab) -> None:
        shared = lab.shared_directory()
        (mount,) = lab.state(lab.up(mounts=_bind(shared, read_only=True))).mounts
        assert mount.type is MountType.BIND
        assert mount.source == str(shared)
        assert mount.target == "/kit"
        assert mount.read_only

    @needs(Capability.VOLUMES)
    def test_a_volume_outlives_its_container(self, lab: Lab) -> None:
        name = _make_volume(lab)
        assert lab.shell("echo kept >/kit/file", mounts=_volume(name)).code == 0
        assert lab.run("cat", "/kit/file", mounts=_volume(name)).stdout == b"kept\n"

    @needs(Capability.VOLUMES)
    def test_a_read_only_volume_refuses_writes(self, lab: Lab) -> None:
        name = _make_volume(lab)
        lab.shell("echo kept >/kit/file", mounts=_volume(name))
        result = lab.shell("cat /kit/file; echo x >/kit/file", mounts=_volume(name, read_only=True))
        assert result.stdout == b"kept\n"
        assert result.code != 0

    @needs(Capability.VOLUMES)
    def test_a_taken_volume_name_is_refused(self, lab: Lab) -> None:
        name = _make_volume(lab)
        with pytest.raises(NameTaken):
            lab.runtime.create_volume(name)

    @needs(Capability.VOLUMES)
    def test_removing_a_volume_is_idempotent(self, lab: Lab) -> None:
        name = _make_volume(lab)
        for _ in range(3):
            lab.runtime.remove_volume(name)

    @needs(Capability.VOLUMES)
    def test_volumes_are_found_by_labels(self, lab: Lab) -> None:
        name = _make_volume(lab)
        found = lab.runtime.find_volumes(lab.labels)
        assert [volume.name for volume in found] == [name]
        assert found[0].labels == lab.labels
        assert not lab.runtime.find_volumes(lab.labels | {"dagu.kit.other": "x"})

    @needs(Capability.TMPFS)
    def test_a_tmpfs_is_written(self, lab: Lab) -> None:
        mounts = (Mount(type=MountType.TMPFS, target="/kit"),)
        result = lab.shell("echo x >/kit/file && cat /kit/file; cat /proc/mounts", mounts=mounts)
        lines = result.stdout.decode().splitlines()
        assert lines[0] == "x"
        assert any(line.split()[1:3] == ["/kit", "tmpfs"] for line in lines[1:])

    @needs(Capability.TMPFS)
    def test_a_tmpfs_holds_to_its_size_and_mode(self, lab: Lab) -> None:
        mounts = (Mount(type=MountType.TMPFS, target="/kit", size=MIB, mode=0o1770),)
        result = lab.shell("ls -ld /kit; head -c 3000000 /dev/zero >/kit/file", mounts=mounts)
        assert result.stdout.startswith(b"drwxrwx--T")
        assert result.code != 0

    @needs(Capability.READ_ONLY_ROOT)
    def test_a_read_only_root_refuses_writes(self, lab: Lab) -> None:
        result = lab.shell("touch /kit-file; touch /etc/kit-file; ls / /etc", read_only=True)
        assert b"kit-file" not in result.stdout

    @needs(Capability.READ_ONLY_ROOT, Capability.TMPFS)
    def test_a_read_only_root_with_a_place_to_write(self, lab: Lab) -> None:
        mounts = (Mount(type=MountType.TMPFS, target="/kit"),)
        assert lab.shell("echo x >/kit/file && cat /kit/file", mounts=mounts, read_only=True).stdout == b"x\n"


def _make_volume(lab: Lab) -> str:
    name = lab.name("v")
    lab.runtime.create_volume(name, labels=lab.labels)
    lab.when_done(lab.runtime.remove_volume, name)
    return name
