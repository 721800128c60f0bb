#!/bin/sh
# Pins every package with its hashes: what production runs, and what tests need on top.
# UPGRADE=1 looks for newer versions; otherwise pins stay unless pyproject.toml forbids them.
set -eu
uv=.venv/bin/uv
flags="--quiet --generate-hashes --universal --python-version 3.11 --no-emit-index-url --no-annotate
  --no-header ${UPGRADE:+--upgrade}"
$uv pip compile $flags pyproject.toml -o requirements.txt
$uv pip compile $flags pyproject.toml --extra saml -c requirements.txt -o deploy/requirements-saml.txt
$uv pip compile $flags pyproject.toml --extra saml --group dev -c deploy/requirements-saml.txt \
  -o requirements-dev.txt
wc -l requirements.txt deploy/requirements-saml.txt requirements-dev.txt
