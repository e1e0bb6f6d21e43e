"""The processes of the service: the server, the runner, and the supervisor that restarts the runner."""
