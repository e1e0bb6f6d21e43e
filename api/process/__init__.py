"""What runs as a process: the server, the runner, and who keeps them alive."""
