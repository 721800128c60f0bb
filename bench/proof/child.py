"""One long run in a process and on a database of its own; its last line is the result."""

import sys
from collections.abc import Callable
from typing import Any

import django

Runs = dict[str, Callable[[], str]]


def runs(size: int) -> Runs:
    """Return each run by its name, in the given size; models must be ready."""
    return {
        **of_codes(size),
        **of_the_rules(size),
        **of_the_record(size),
        **of_many(size),
        **of_suites(size),
    }


def of_codes(size: int) -> Runs:
    """What may happen once, and what is guessed."""
    from bench import people  # noqa: PLC0415 - models come after set-up
    from bench.proof import (  # noqa: PLC0415 - as above
        guessing,
        paper,
        pumping,
        races,
        single_use,
        ways_back,
    )

    def wrong_codes() -> str:
        with people.cheap_backup_codes():
            return races.wrong_codes_at_once(200, rounds=size)

    visits = max(1, size // 100)
    return {
        "single_use": lambda: single_use.run_all(uses=200, rounds=size),
        "single_use_sqlite": lambda: single_use.run_all(uses=40, rounds=size),
        "ways_back": lambda: ways_back.run_all(uses=200, rounds=size),
        "wrong_codes": wrong_codes,
        "wrong_passwords": lambda: races.wrong_passwords_at_once(200, rounds=size),
        "set_up_race": lambda: races.set_up_against_sign_out(size),
        "strangers": lambda: guessing.strangers_beside_a_known_browser(size, visits=visits),
        "pumping": lambda: pumping.run(size),
        "even_codes": lambda: paper.even(size),
        "times_of_tries": lambda: paper.times(size),
    }


def of_the_rules(size: int) -> Runs:
    """What the product says and does, against what the rules say."""
    from bench.proof import assertions, model_check, outage, previews  # noqa: PLC0415 - as above

    return {
        "histories": lambda: f"{model_check.run(size)}: no difference",
        "previews": lambda: previews.run(size),
        "outage": lambda: outage.workers_dead_across_a_deadline(size),
        "assertions": lambda: assertions.tampered(size),
    }


def of_the_record(size: int) -> Runs:
    """The audit, and mails whose senders are killed."""
    from bench.proof import audit_trail, mail_kills  # noqa: PLC0415 - as above

    return {
        "audit_chain": lambda: audit_trail.whole(size),
        "audit_tampering": lambda: audit_trail.tampered(size),
        "audit_export": lambda: audit_trail.exported(size),
        "audit_kills": lambda: audit_trail.killed(size),
        "mail_kills": lambda: mail_kills.run(size),
    }


def of_many(size: int) -> Runs:
    """What many rows cost."""
    from bench import crowds  # noqa: PLC0415 - as above
    from bench.proof import switching  # noqa: PLC0415 - as above

    def told(found: dict[str, Any]) -> str:
        return (
            f"{found['what']}: {found['milliseconds']:.3g} ms; "
            f"{found['usual']}: {found['usual_milliseconds']:.3g} ms"
        )

    return {
        "clicks": lambda: switching.clicks(size),
        "scan": lambda: told(crowds.deadline_scan(periods=size, due=max(1, size // 1000))),
        "forced_logout": lambda: told(crowds.forced_logout(people=size, sessions=size * 10)),
    }


def of_suites(size: int) -> Runs:
    """Tests that `make test` performs in small."""
    from bench.proof import suites  # noqa: PLC0415 - as above

    return {
        "journeys": suites.journeys,
        "journeys_sqlite": suites.journeys,
        "bare_clone": suites.bare_clone,
        "pages": suites.pages,
        "office": lambda: suites.office(size),
        "odd_values": lambda: suites.odd_values(size),
        "broker_away": lambda: suites.broker_away(size),
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
