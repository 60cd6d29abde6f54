"""What is kept of runs: records in SQLite, output in log files, and who runs what right now."""
