"""Runs dagu's containers on Podman, rootful or rootless, over libpod's own API."""
