#!/bin/sh
# Every check runs even when an earlier one failed, so that one round shows all.
set -u
failed=0
check() {
  echo "== $*"
  "$@" || failed=1
}
check ruff check .
check ruff format --check .
check mypy .
check lint-imports --no-cache
check djlint --quiet --check --lint templates
exit $failed
