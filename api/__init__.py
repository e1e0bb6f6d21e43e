"""The interfaces to people and programs: the HTTP API, the dashboard, the command line, and their processes."""
