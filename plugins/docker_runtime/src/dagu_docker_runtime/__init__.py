"""The Docker runtime of dagu. The entry point is :mod:`dagu_docker_runtime.plugin`."""
