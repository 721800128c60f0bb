"""One long run in a process and on a database of its own; its last line is the result."""

import sys
from collections.abc import Callable
from typing import Any

import django


def runs(size: int) -> dict[str, Callable[[], str]]:
    """Return each run by its name, in the given size; models must be ready."""
    from bench import crowds, people  # noqa: PLC0415 - models come after set-up
    from bench.proof import (  # noqa: PLC0415 - as above
        assertions,
        audit_trail,
        guessing,
        mail_kills,
        model_check,
        outage,
        paper,
        previews,
        pumping,
        races,
        single_use,
        suites,
        switching,
        ways_back,
    )

    def told(found: dict[str, Any]) -> str:
        return (
            f"{found['what']}: {found['milliseconds']:.3g} ms; "
            f"{found['usual']}: {found['usual_milliseconds']:.3g} ms"
        )

    def with_cheap_codes(work: Callable[[], str]) -> str:
        with people.cheap_backup_codes():
            return work()

    return {
        "histories": lambda: str(model_check.run(size)) + ": no difference",
        "previews": lambda: previews.run(size),
        "single_use": lambda: single_use.run_all(uses=200, rounds=size),
        "ways_back": lambda: ways_back.run_all(uses=200, rounds=size),
        "single_use_sqlite": lambda: single_use.run_all(uses=40, rounds=size),
        "wrong_codes": lambda: with_cheap_codes(
            lambda: races.wrong_codes_at_once(200, rounds=size)
        ),
        "even_codes": lambda: paper.even(size),
        "times_of_tries": lambda: paper.times(size),
        "set_up_race": lambda: races.set_up_against_sign_out(size),
        "wrong_passwords": lambda: races.wrong_passwords_at_once(200, rounds=size),
        "strangers": lambda: guessing.strangers_beside_a_known_browser(
            size, visits=max(1, size // 100)
        ),
        "pumping": lambda: pumping.run(size),
        "audit_chain": lambda: audit_trail.whole(size),
        "audit_tampering": lambda: audit_trail.tampered(size),
        "audit_export": lambda: audit_trail.exported(size),
        "audit_kills": lambda: audit_trail.killed(size),
        "mail_kills": lambda: mail_kills.run(size),
        "journeys": suites.journeys,
        "journeys_sqlite": suites.journeys,
        "bare_clone": suites.bare_clone,
        "pages": suites.pages,
        "office": lambda: suites.office(size),
        "assertions": lambda: assertions.tampered(size),
        "odd_values": lambda: suites.odd_values(size),
        "clicks": lambda: switching.clicks(size),
        "outage": lambda: outage.workers_dead_across_a_deadline(size),
        "scan": lambda: told(crowds.deadline_scan(periods=size, due=max(1, size // 1000))),
        "forced_logout": lambda: told(crowds.forced_logout(people=size, sessions=size * 10)),
    }


def main(name: str, size: int) -> int:
    django.setup()
    from bench import databases  # noqa: PLC0415 - models come after set-up

    databases.prepare()
    try:
        print(runs(size)[name]())
    except AssertionError as error:
        print(str(error).replace("\n", "; "))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
