"""How long things take until they count as lost. Seconds.

A run that another worker may take up (``on_worker_lost: retry``) is stopped by its own worker before that happens:
``FENCE + STOP_GRACE`` and what a stop takes after that are less than ``REDISPATCH``. The worker counts from before it
sent a renewal, the database from when it arrived, so the worker's time is up earlier.
"""

RENEW = 5.0
"""Between two renewals of a worker's leases."""

LOST = 25.0
"""After which a worker that did not renew is lost."""

FENCE = 60.0
"""After which a worker that could not renew stops what another one may take up."""

STOP_GRACE = 10.0
"""After which what did not stop is killed."""

REDISPATCH = 90.0
"""After which another worker may take up a run."""
