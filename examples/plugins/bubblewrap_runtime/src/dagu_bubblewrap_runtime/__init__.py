"""Runs dagu's containers with bubblewrap: Linux namespaces, no daemon, no root needed."""
