"""What people and programs see: the HTTP API, the dashboard and the command line."""
