"""A harness provider for dagu, as an example."""
