"""Harness providers for dagu: one module and one entry point for each agent program."""
