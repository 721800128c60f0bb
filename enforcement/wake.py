"""Tell the workers that there is work. Nothing depends on it: the sweep finds the rows anyway."""

from accounts import spare


def wake_sweep() -> None:
    from enforcement.tasks import sweep  # noqa: PLC0415 - tasks call the modules that call this

    spare.wake(sweep)
