"""The HTTP API: the application, its routes, what goes over the wire, and how errors are answered."""
