"""Images: what is there, what is not, and what a pull tells."""

from __future__ import annotations

import pytest

from dagu.contracts.capability import Capability
from dagu.contracts.runtime import PullProgress, RegistryAuth
from dagu.errors import ImageNotFound, PullFailed
from dagu.testing.runtime_kit.base import Kit, needs
from dagu.testing.runtime_kit.lab import Lab

# Nothing listens on port 1, so no registry, and no network, is needed to see a pull fail.
UNREACHABLE = "127.0.0.1:1/dagu/none:1"


class Images(Kit):
    def test_check_tells_what_the_engine_is(self, lab: Lab) -> None:
        info = lab.runtime.check()
        assert info.name == info.name.lower() != ""
        assert info.version
        assert info.endpoint
        assert info.endpoint_source
        assert all(isinstance(capability, Capability) for capability in info.capabilities)
        assert info.capabilities == lab.capabilities, "what is declared must not change"

    def test_present_image_is_found(self, lab: Lab) -> None:
        image = lab.runtime.find_image(lab.image)
        assert image is not None
        assert image.id
        assert image.platform.count("/") >= 1 or not image.platform

    def test_absent_image_is_none(self, lab: Lab) -> None:
        assert lab.runtime.find_image("dagu-kit-no-such-image:1") is None

    def test_create_of_an_absent_image_raises_image_not_found(self, lab: Lab) -> None:
        with pytest.raises(ImageNotFound) as raised:
            lab.create("true", image="dagu-kit-no-such-image:1")
        assert "dagu-kit-no-such-image:1" in str(raised.value)

    @needs(Capability.PLATFORM)
    def test_image_of_the_engines_platform_is_found(self, lab: Lab) -> None:
        image = lab.runtime.find_image(lab.image)
        assert image is not None
        assert image.platform
        assert lab.runtime.find_image(lab.image, platform=image.platform) is not None

    @needs(Capability.PLATFORM)
    def test_image_of_another_platform_is_none(self, lab: Lab) -> None:
        assert lab.runtime.find_image(lab.image, platform="linux/s390x") is None

    @needs(Capability.PULL)
    def test_pull_brings_the_image(self, lab: Lab) -> None:
        seen: list[PullProgress] = []
        lab.runtime.pull(lab.pull_image, on_progress=seen.append)
        assert lab.runtime.find_image(lab.pull_image) is not None
        for progress in seen:
            assert progress.image == lab.pull_image
            assert progress.layers_done >= 0
            assert progress.bytes_done >= 0
            assert progress.bytes_done <= progress.bytes_total or progress.bytes_total == 0

    @needs(Capability.PULL)
    def test_pull_from_an_unreachable_registry_fails(self, lab: Lab) -> None:
        with pytest.raises((PullFailed, ImageNotFound)):
            lab.runtime.pull(UNREACHABLE)
        assert lab.runtime.find_image(UNREACHABLE) is None

    @needs(Capability.PULL)
    def test_a_failed_pull_tells_no_credential(self, lab: Lab) -> None:
        auth = RegistryAuth(registry="127.0.0.1:1", username="kit", password="kit-pass-4711")
        with pytest.raises((PullFailed, ImageNotFound)) as raised:
            lab.runtime.pull(UNREACHABLE, auth=auth)
        error: BaseException | None = raised.value
        while error is not None:
            assert "kit-pass-4711" not in f"{error} {error!r}"
            error = error.__cause__
