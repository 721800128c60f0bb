"""Which long runs there are, on which database, and how long they are."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One long run; ``full`` is its size in full."""

    name: str
    title: str
    what: str
    database: str
    full: int

    def size(self, share: float) -> int:
        return max(1, round(self.full * share))


RUNS = (
    Run(
        name="histories",
        title="The gate against the rules, in random histories",
        what=(
            "One person, two accounts and their identity providers, several browsers; events at "
            "random, instants down to\nthe millisecond beside each deadline. After every event "
            "each browser goes through the middleware, and the answer\nis compared with what is "
            "written from the rules alone (`tests/rulebook.py`)."
        ),
        database="sqlite",
        full=20_000,
    ),
    Run(
        name="previews",
        title="The preview against what then happens",
        what=(
            "Members made at random: roles, devices, passes, single sign-on, staff, bounces, other "
            "accounts.\nThe switch, 24 hours, the jobs. Each came out as the preview had said, "
            "and the database's\ncounts and filters agree with `decide`."
        ),
        database="sqlite",
        full=1_000,
    ),
    Run(
        name="single_use",
        title="What may happen once, 200 times at once",
        what=(
            "PostgreSQL, four processes of 50 threads, each post through the product's whole "
            "stack. Codes of the app,\nof texts and of paper, invitations, reset links, passes, "
            "switches, asking for a text, wrong codes.\nEach happens once, and nobody is answered "
            "with an error."
        ),
        database="postgres",
        full=50,
    ),
    Run(
        name="ways_back",
        title="One answer of an identity provider, 200 times at once",
        what=(
            "PostgreSQL, four processes of 50 threads; a new person's, by OpenID Connect and by "
            "SAML, with the same browser's cookies.\nOne comes in, the provider is asked once, and "
            "nobody is answered with an error."
        ),
        database="postgres",
        full=50,
    ),
    Run(
        name="single_use_sqlite",
        title="What may happen once, 40 times at once on SQLite",
        what="The same in a file, by four processes of ten threads.",
        database="sqlite",
        full=50,
    ),
    Run(
        name="even_codes",
        title="A million backup codes",
        what="From the system's source: none twice, and every symbol as often as another.",
        database="sqlite",
        full=1_000_000,
    ),
    Run(
        name="times_of_tries",
        title="What the time of a backup code's try tells",
        what="PostgreSQL; wrong codes, used ones and other people's, in turn.",
        database="postgres",
        full=1_000,
    ),
    Run(
        name="wrong_codes",
        title="Guesses, 200 at once",
        what="No more than the budget of five is evaluated, and the count of failures is exact.",
        database="postgres",
        full=20,
    ),
    Run(
        name="set_up_race",
        title="Set-up against the sign-out job",
        what=(
            "The code that completes set-up is posted while the job signs out the overdue, up to "
            "30 ms before or after.\nWhoever completes set-up stays in."
        ),
        database="postgres",
        full=200,
    ),
    Run(
        name="audit_chain",
        title="The audit, untouched",
        what="PostgreSQL, rows written and sealed by 8 processes at once; one in ten rolled back.",
        database="postgres",
        full=100_000,
    ),
    Run(
        name="audit_tampering",
        title="The audit, tampered with",
        what=(
            "PostgreSQL, as superuser, at random over 10,000 rows: change, drop, swap, insert, "
            "cut the end below the exported head.\nEach must show, and the row be named."
        ),
        database="postgres",
        full=1_000,
    ),
    Run(
        name="audit_export",
        title="The audit, exported",
        what="PostgreSQL, by support through the admin, as a browser takes it.",
        database="postgres",
        full=100_000,
    ),
    Run(
        name="audit_kills",
        title="Writers of the audit killed",
        what="PostgreSQL, SIGKILL while they write and seal; no seal is lost, none made twice.",
        database="postgres",
        full=50,
    ),
    Run(
        name="mail_kills",
        title="Workers killed while they mail",
        what=(
            "PostgreSQL, a real worker, beat and mail server; SIGKILL to the worker or to its "
            "child, half of them\nafter a mail was taken and before the worker heard of it."
        ),
        database="postgres",
        full=50,
    ),
    Run(
        name="office",
        title="An office sets up",
        what="J14 in full: behind one address, through the pages; 60 guesses from another one.",
        database="sqlite",
        full=300,
    ),
    Run(
        name="broker_away",
        title="Redis away for an hour",
        what=(
            "PostgreSQL, the product, worker, beat and mail server; Redis killed and come back "
            "empty, or standing still.\nA page every five seconds, a switch and two set-ups "
            "meanwhile."
        ),
        database="postgres",
        full=3_600,
    ),
    Run(
        name="outage",
        title="Six hours without workers",
        what="No worker and no beat from two hours before a deadline until four hours after it.",
        database="sqlite",
        full=600,
    ),
    Run(
        name="journeys",
        title="All journeys, in each way of being served",
        what="PostgreSQL; WSGI and ASGI, sessions in the database and cached.",
        database="postgres",
        full=1,
    ),
    Run(
        name="journeys_sqlite",
        title="All journeys, in each way of being served, on SQLite",
        what="The same on the other database.",
        database="sqlite",
        full=1,
    ),
    Run(
        name="bare_clone",
        title="The whole story, from a clone with nothing installed",
        what="`git clone`, `make run`, a real browser, codes and mails, until Ctrl-C.",
        database="sqlite",
        full=1,
    ),
    Run(
        name="pages",
        title="Every page, in each language and form",
        what=(
            "The whole tour in a real browser: axe at 360 and 1280, in the light and the dark, "
            "reflow at 320 (400 % zoom),\ntargets, sizes, `lang`; in English, and in German and "
            "French with long, right-to-left and emoji names.\nThe story also on a phone, and on "
            "phone and desk without scripts."
        ),
        database="sqlite",
        full=1,
    ),
    Run(
        name="odd_values",
        title="A thousand odd values",
        what=(
            "For every field of every form, query argument, piece of a path, argument of a command "
            "and variable.\nEach gets a clear answer, and nothing is stored of what was refused."
        ),
        database="postgres",
        full=1_000,
    ),
    Run(
        name="assertions",
        title="20,000 answers of SAML, tampered with",
        what=(
            "A signed one, changed at random: elements moved, doubled, dropped, renamed, wrapped, "
            "texts and attributes exchanged,\nmarkup put in. Each is refused, or says what was "
            "signed."
        ),
        database="sqlite",
        full=20_000,
    ),
    Run(
        name="strangers",
        title="10,000 wrong passwords beside a known browser",
        what=(
            "From 100 addresses, one in ten of the guesses from the person's own. The person signs "
            "in 100 times meanwhile,\nin a browser of before, and must get in at the first try."
        ),
        database="sqlite",
        full=10_000,
    ),
    Run(
        name="pumping",
        title="10,000 texts asked for in an hour",
        what=(
            "Over 500 accounts, 50 prefixes, 400 addresses, with a limit of 2,000 texts a day; one "
            "in ten by one person,\nto one number or from one address. No limit may be overshot."
        ),
        database="sqlite",
        full=10_000,
    ),
    Run(
        name="wrong_passwords",
        title="Wrong passwords, 200 at once",
        what="From one address, for as many people. No more than the ten of its budget are hashed.",
        database="postgres",
        full=20,
    ),
    Run(
        name="clicks",
        title="A switch for 10,000 members",
        what=(
            "By the owner's page, clicked twice, with no broker to be reached; beside one for three"
            " members.\nAs many statements, a reply at once, one period, and one mail each later."
        ),
        database="postgres",
        full=10_000,
    ),
    Run(
        name="scan",
        title="Due deadlines among a million periods",
        what="1,000 due, one in twenty ahead, the rest swept. The sweep's own query.",
        database="postgres",
        full=1_000_000,
    ),
    Run(
        name="forced_logout",
        title="Signing out 10,000 people",
        what="Two sessions each, among five times as many people; beside scanning and deleting.",
        database="postgres",
        full=10_000,
    ),
)
