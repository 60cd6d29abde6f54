"""The commands, each a module whose ``app`` is a ``typer.Typer``."""
