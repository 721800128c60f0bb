"""The long runs. Each is a function of its size; `make test` runs every one of them in small."""
