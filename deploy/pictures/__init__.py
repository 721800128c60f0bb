"""Pictures of the running product for the docs: `make pictures`."""
