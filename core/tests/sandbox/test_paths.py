"""Paths of a runner inside a container, and what they are on the engine's machine."""

from __future__ import annotations

import pytest

from dagu.contracts.container import Mount, MountType
from dagu.errors import RequestRefused
from dagu.sandbox.paths import container_ids, mount_points, through

ID = "0123456789abcdef" * 4
OTHER = "fedcba9876543210" * 4


def bind(source: str, target: str) -> Mount:
    return Mount(type=MountType.BIND, source=source, target=target)


MOUNTS = (
    bind("/srv/work", "/work"),
    bind("/srv/deep", "/work/deep"),
    Mount(type=MountType.VOLUME, source="/var/lib/engine/volumes/v/_data", target="/volume"),
    Mount(type=MountType.TMPFS, target="/memory"),
)


@pytest.mark.parametrize(
    ("inside", "outside"),
    [
        ("/work", "/srv/work"),
        ("/work/a/b", "/srv/work/a/b"),
        ("/work/deep", "/srv/deep"),
        ("/work/deep/x", "/srv/deep/x"),
        ("/work/../work/a", "/srv/work/a"),
        ("/volume/x", "/var/lib/engine/volumes/v/_data/x"),
    ],
)
def test_what_a_mount_covers_is_translated(inside: str, outside: str) -> None:
    assert through(MOUNTS, inside) == outside


@pytest.mark.parametrize("path", ["/", "/other", "/workshop", "/work/../etc"])
def test_what_no_mount_covers_is_refused(path: str) -> None:
    with pytest.raises(RequestRefused, match="none of its mounts covers"):
        through(MOUNTS, path)


def test_a_tmpfs_is_nobody_elses() -> None:
    with pytest.raises(RequestRefused, match="only dagu's own container has"):
        through(MOUNTS, "/memory/x")


def test_what_is_mounted_and_not_told_of_is_nobody_elses() -> None:
    points = mount_points("1 0 0:1 / / rw\n2 1 0:2 / /work/in\\040between rw - tmpfs tmpfs rw\n")
    assert points == ["/", "/work/in between"]
    assert through(MOUNTS, "/work/in", points) == "/srv/work/in"
    with pytest.raises(RequestRefused, match="only dagu's own container has"):
        through(MOUNTS, "/work/in between/x", points)


DOCKER = f"""\
611 560 0:56 / / rw,relatime - overlay overlay rw,lowerdir=/var/lib/docker/overlay2/{OTHER}/diff
625 611 8:1 /var/lib/docker/containers/{ID}/resolv.conf /etc/resolv.conf rw - ext4 /dev/sda1 rw
626 611 8:1 /var/lib/docker/containers/{ID}/hostname /etc/hostname rw - ext4 /dev/sda1 rw
"""
PODMAN = f"""\
611 560 0:24 /containers/storage/overlay-containers/{ID}/userdata/hosts /etc/hosts rw - tmpfs tmpfs rw
"""
HOST = f"""\
30 1 8:1 / / rw - ext4 /dev/sda1 rw
90 30 0:51 / /var/lib/docker/overlay2/{OTHER}/merged rw - overlay overlay rw
91 30 8:1 /etc/{OTHER} /mnt/etc/x rw - ext4 /dev/sda1 rw
"""


@pytest.mark.parametrize("mountinfo", [DOCKER, PODMAN])
def test_the_id_of_the_own_container_stands_in_its_mounts(mountinfo: str) -> None:
    assert container_ids(mountinfo=mountinfo, cgroup="0::/\n", containerenv="") == (ID,)


@pytest.mark.parametrize(
    "cgroup",
    [
        f"4:memory:/docker/{ID}\n",
        f"0::/system.slice/docker-{ID}.scope\n",
        f"0::/machine.slice/libpod-{ID}.scope\n",
    ],
)
def test_and_in_its_cgroup(cgroup: str) -> None:
    assert container_ids(mountinfo="", cgroup=cgroup, containerenv="") == (ID,)


def test_and_in_a_file_of_podman() -> None:
    told = f'engine="podman-4.3.1"\nname="x"\nid="{ID}"\n'
    assert container_ids(mountinfo=PODMAN, cgroup="", containerenv=told) == (ID,)


def test_a_machine_that_has_containers_is_none() -> None:
    assert container_ids(mountinfo=HOST, cgroup=f"0::/user.slice/{OTHER}x\n", containerenv="") == ()
