"""Workers on several machines, with history and queue in one PostgreSQL.

The entry point is :mod:`dagu_postgres_queue.plugin`.
"""
