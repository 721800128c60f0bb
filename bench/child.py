"""One measured process: prepares its database, measures, prints a table."""

import argparse
import sys

import django


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=["requests", "operations"])
    parser.add_argument("--rounds", type=int, required=True)
    parser.add_argument("--binding", action="store_true")
    chosen = parser.parse_args()
    django.setup()
    from bench import databases, operations, request  # noqa: PLC0415 - models come after set-up

    databases.prepare()
    measure = request if chosen.kind == "requests" else operations
    return int(measure.report(rounds=chosen.rounds, is_binding=chosen.binding))


if __name__ == "__main__":
    sys.exit(main())
