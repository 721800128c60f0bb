"""What this app tells the app above it.

``signed_in``: sender, request, user, pending, now; a sign-in is complete.
``device_confirmed``: sender, user, device, replaced (bool), now.
``device_removed``: sender, user, now; also for a reset.
``code_rejected``: sender, user, kind, reason, now.
Each is sent inside the transaction of the change.
"""

from django.dispatch import Signal

signed_in = Signal()
device_confirmed = Signal()
device_removed = Signal()
code_rejected = Signal()
