"""The HTTP API: the application, its routes, the request and response models, and the error responses."""
