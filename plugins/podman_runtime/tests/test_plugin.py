"""The plugin's registration."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points

from dagu_podman_runtime import plugin
from dagu_podman_runtime.runtime import PodmanRuntime


def test_the_runtime_is_registered() -> None:
    (point,) = [point for point in entry_points(group="dagu") if point.value == "dagu_podman_runtime.plugin"]
    assert point.name == "podman-runtime"
    (spec,) = plugin.dagu_register_runtimes()
    assert spec.name == "podman"
    assert "DAGU_PODMAN_HOST" in spec.environment
    assert "DOCKER_HOST" not in spec.environment
    with spec.factory({"DAGU_PODMAN_HOST": "unix:///no/such.sock"}) as runtime:
        assert isinstance(runtime, PodmanRuntime)


def test_registering_imports_no_sdk() -> None:
    script = (
        "import sys, dagu_podman_runtime.plugin as plugin; list(plugin.dagu_register_runtimes());"
        "print([name for name in ('podman', 'requests', 'urllib3', 'docker') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_docker_sdk_is_never_imported() -> None:
    script = (
        "import sys, dagu_podman_runtime.runtime, dagu_podman_runtime.service, dagu_podman_runtime.tunnel;"
        "print('docker' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
