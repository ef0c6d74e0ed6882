"""The addresses of the service: parse, one call, return."""
