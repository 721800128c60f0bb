"""The ``cached_db`` engine over our own table; the stamp revokes, not the deletion of a row."""

from django.contrib.sessions.backends.cached_db import SessionStore as CachedStore

from accounts.session_db import RowMixin
from accounts.spare import SpareCache

# A row that was deleted while the cache did not answer lives on in it for so long at most.
CACHED_FOR = 300


class SessionStore(RowMixin, CachedStore):  # type: ignore[misc]
    """Read from the cache, or from the table while the cache is away; written to both."""

    cache_key_prefix = "gatehouse.session."

    def __init__(self, session_key: str | None = None) -> None:
        super().__init__(session_key)
        self._cache = SpareCache(longest=CACHED_FOR)
