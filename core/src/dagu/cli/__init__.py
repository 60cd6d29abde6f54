"""The command line: a file for each group of commands, which parses, asks, prints and exits."""
