"""A Django without us: the stock user's columns, the stock way to load one."""
