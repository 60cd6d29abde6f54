"""How a run looks while it runs, and afterwards."""
