"""What this app tells the apps above it.

``objected``: sender, notice, user, now; the recipient of ``notice`` said that it wasn't them.
Sent inside the transaction of the objection, while the person's row is locked.

``provider_ended``: sender, provider, cut_off, actor, now; an account's provider was switched off,
or cut off. Sent inside the transaction that ended it, while the account's row is locked.

``membership_moved``: sender, membership, old, new; it belongs to the sign-in ``new`` from now on.

``membership_deleted``: sender, membership, now; it ended because its person deletes the sign-in.
Sent inside the transaction that deletes it, while the account's row is locked.
"""

from django.dispatch import Signal

objected = Signal()
provider_ended = Signal()
membership_moved = Signal()
membership_deleted = Signal()
