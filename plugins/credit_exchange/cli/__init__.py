"""The command line: check, explain, run, withdraw, export."""
