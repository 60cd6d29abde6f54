"""``workspace: copy``: what would be bound is carried in, and what changed is brought back."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from e2e_dagu import Dagu
from e2e_images import Images

from dagu.history.records import Status


def tree(root: Path) -> dict[str, str]:
    """Everything below a directory: content, link targets, and that it is a directory."""
    found = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if path.is_symlink():
            found[name] = f"-> {os.readlink(path)}"
        elif path.is_dir():
            found[name] = "directory"
        else:
            found[name] = f"{stat.S_IMODE(path.stat().st_mode):o} {path.read_text()}"
    return found


@pytest.fixture
def project(dagu: Dagu) -> Path:
    """A directory with some of everything."""
    root = dagu.directory / "project"
    (root / "sub" / "deep").mkdir(parents=True)
    (root / "empty").mkdir()
    (root / "kept").write_text("kept\n")
    (root / "changed").write_text("before\n")
    (root / "gone").write_text("gone\n")
    (root / "sub" / "deep" / "file with spaces é").write_text("deep\n")
    (root / "script").write_text("#!/bin/sh\necho from the script\n")
    (root / "script").chmod(0o755)
    (root / "link").symlink_to("kept")
    (root / "dangling").symlink_to("/no/where")
    for path in (root, root / "sub", root / "empty"):
        path.chmod(0o777)
    return root


WORK = """
              set -e
              cd /work
              ./script
              cat "sub/deep/file with spaces é" link
              test -d empty
              echo after > changed
              rm gone
              rm -r empty
              mkdir -p new/dir && echo new > new/dir/file
              chmod 700 new/dir/file
              ln -s ../kept new/link
              rm link && ln -s changed link
              mkfifo pipe
"""
WANTED = {
    "changed": "644 after\n",
    "dangling": "-> /no/where",
    "kept": "644 kept\n",
    "link": "-> changed",
    "new": "directory",
    "new/dir": "directory",
    "new/dir/file": "700 new\n",
    "new/link": "-> ../kept",
    "script": "755 #!/bin/sh\necho from the script\n",
    "sub": "directory",
    "sub/deep": "directory",
    "sub/deep/file with spaces é": "644 deep\n",
}


@pytest.mark.parametrize("place", ["root", "own", "several"])
def test_there_and_back(place: str, dagu: Dagu, project: Path) -> None:
    container = "container: {image: alpine:3.20, workspace: copy, volumes: ['./project:/work']}"
    source = f"""
        {container}
        steps:
          - id: a
            run: |{WORK}
        """
    if place != "root":
        source = f"""
        steps:
          - id: a
            {container}
            run: |{WORK}
        """
    if place == "several":
        lines = "; ".join(line.strip() for line in WORK.strip().splitlines()).replace('"', '\\"')
        source = f"""
        steps:
          - id: a
            {container}
            run: ["true", "{lines}"]
        """
    before = (project / "kept").stat()
    ran = dagu.start(source).succeeded()
    assert ran.text("a") == "from the script\ndeep\nkept\n"
    assert tree(project) == WANTED
    assert "pipe" in ran.stderr
    after = (project / "kept").stat()
    assert (after.st_mtime_ns, after.st_ino) == (before.st_mtime_ns, before.st_ino)


@pytest.mark.parametrize("how", ["exit 3", "kill -9 $$", "sleep 86400"])
def test_changes_come_back_after_a_failure_too(how: str, dagu: Dagu, project: Path) -> None:
    ran = dagu.start(
        f"""
        max_clean_up_time_sec: 1
        steps:
          - id: a
            timeout_sec: 3
            container: {{image: alpine:3.20, workspace: copy, volumes: ["./project:/work"]}}
            run: echo after > /work/changed; {how}
        """
    )
    assert ran.step("a").status is Status.FAILED
    assert (project / "changed").read_text() == "after\n"


def test_nothing_is_bound(dagu: Dagu, project: Path) -> None:
    ran = dagu.start(
        """
        container: {image: alpine:3.20, workspace: copy, volumes: ["./project:/work"]}
        steps:
          - {id: a, run: "echo inside > /work/changed; until [ -e /go ]; do touch /go; done"}
          - {id: b, depends: a, run: cat /work/changed}
        """
    ).succeeded()
    assert ran.text("b") == "inside\n"
    assert (project / "changed").read_text() == "inside\n"


def test_read_only(dagu: Dagu, project: Path) -> None:
    ran = dagu.start(
        """
        steps:
          - id: a
            container:
              image: alpine:3.20
              workspace: copy
              volumes: ["./project:/work:ro", "./project/kept:/one:ro"]
            run: |
              cat /work/kept /one
              ! touch /work/x 2>/dev/null || echo "the directory can be written"
              ls -l /one | cut -c1-10
              echo changed > /one || true
        """
    ).succeeded()
    assert ran.text("a") == "kept\nkept\n-r--r--r--\n"
    assert (project / "kept").read_text() == "kept\n"
    assert not dagu.runtime.find_volumes({"dev.dagu.run": ran.record.run_id})


def test_a_single_file(dagu: Dagu, project: Path) -> None:
    ran = dagu.start(
        """
        steps:
          - id: a
            container: {image: alpine:3.20, workspace: copy, volumes: ["./project/changed:/etc/dagu/some.conf"]}
            run: cat /etc/dagu/some.conf; echo after > /etc/dagu/some.conf
        """
    ).succeeded()
    assert ran.text("a") == "before\n"
    assert (project / "changed").read_text() == "after\n"


def test_what_the_image_has_at_the_target_is_hidden(dagu: Dagu, project: Path, images: Images) -> None:
    (dagu.directory / "bare").mkdir()
    ran = dagu.start(
        """
        steps:
          - id: a
            container: {image: alpine:3.20, workspace: copy, volumes: ["./project:/etc", "./bare:/usr"]}
            run: ls /etc; ls /usr
        """
    ).succeeded()
    assert "alpine-release" not in ran.text("a")
    assert "kept" in ran.text("a")
    assert "bin" not in ran.text("a").split()
    assert list((dagu.directory / "bare").iterdir()) == []
    assert "passwd" not in tree(project)


def test_owner_and_a_read_only_root(dagu: Dagu, project: Path) -> None:
    os.chown(project / "sub", 405, 100)
    (project / "sub").chmod(0o755)
    ran = dagu.start(
        """
        steps:
          - id: a
            container:
              image: alpine:3.20
              workspace: copy
              user: "405:100"
              read_only: true
              volumes: ["./project:/work"]
            run: stat -c %u:%g /work/sub; echo mine > /work/sub/mine; echo top > /work/top
        """
    ).succeeded()
    assert ran.text("a") == "405:100\n"
    assert (project / "sub" / "mine").read_text() == "mine\n"
    assert (project / "sub" / "mine").stat().st_uid == os.getuid()
    assert (project / "top").read_text() == "top\n"


def test_two_copies_at_once_do_not_undo_each_other(dagu: Dagu, project: Path) -> None:
    ran = dagu.start(
        """
        steps:
          - id: a
            container: {image: alpine:3.20, workspace: copy, volumes: ["./project:/work"]}
            run: sleep 1; echo a > /work/a; rm /work/gone
          - id: b
            container: {image: alpine:3.20, workspace: copy, volumes: ["./project:/work"]}
            run: echo b > /work/b; echo b > /work/changed
        """
    ).succeeded()
    assert ran.status is Status.SUCCEEDED
    assert (project / "a").read_text() == "a\n"
    assert (project / "b").read_text() == "b\n"
    assert (project / "changed").read_text() == "b\n"
    assert not (project / "gone").exists()


def test_a_missing_source_is_told(dagu: Dagu) -> None:
    dagu.start(
        """
        steps:
          - id: a
            container: {image: alpine:3.20, workspace: copy, volumes: ["./not-there:/work"]}
            run: "true"
        """
    ).failed("not-there", "No such file")


def test_a_large_file_and_many_small_ones(dagu: Dagu, project: Path) -> None:
    (project / "large").write_bytes(os.urandom(1024) * 30_000)
    for index in range(500):
        (project / "sub" / f"small{index}").write_text(str(index))
    ran = dagu.start(
        """
        steps:
          - id: a
            container: {image: alpine:3.20, workspace: copy, volumes: ["./project:/work"]}
            run: |
              cd /work
              ls sub | wc -l
              wc -c < large
              cat large large > twice
              rm sub/small1*
        """
    ).succeeded()
    assert ran.text("a").split() == ["501", str(1024 * 30_000)]
    assert (project / "twice").stat().st_size == 2 * 1024 * 30_000
    assert len(list((project / "sub").glob("small*"))) == 500 - 111


def test_a_container_that_is_removed_meanwhile_is_no_success(dagu: Dagu, project: Path) -> None:
    # The second step keeps the run going until the container of the first is gone for certain.
    run = dagu.begin_run(
        """
        container: {image: alpine:3.20, workspace: copy, volumes: ["./project:/work"]}
        steps:
          - {id: a, run: "echo after > /work/changed; touch /done"}
          - {id: b, container: {image: alpine:3.20}, run: "until test -e /go; do sleep 0.1; done", depends: a}
        """
    )
    state = dagu.until_contained(run)
    dagu.until(lambda: b"done" in dagu.execute(state.id, "ls", "/"))
    dagu.until(lambda: len(dagu.running(run)) == 2)
    dagu.runtime.remove(state.id)
    (other,) = dagu.running(run)
    dagu.execute(other.id, "touch", "/go")
    ran = run.finish().failed("copy of the workspace is lost")
    assert ran.status is Status.FAILED
    assert (project / "changed").read_text() == "before\n"
    assert (project / "gone").exists()
