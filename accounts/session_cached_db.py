"""The ``cached_db`` engine over our own table; the stamp revokes, not the deletion of a row."""

from django.contrib.sessions.backends.cached_db import SessionStore as CachedStore

from accounts.session_db import RowMixin


class SessionStore(RowMixin, CachedStore):  # type: ignore[misc]
    """Read from the cache; written to table and cache."""

    cache_key_prefix = "gatehouse.session."
