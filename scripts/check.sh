#!/bin/sh
# The one gate before a commit. Every part runs even when one fails, so that one run shows everything.
#
#   scripts/check.sh          everything
#   scripts/check.sh static   without the unit tests (`make test` runs those with the others)
set -u
cd "$(dirname "$0")/.."
PATH="$PWD/node_modules/.bin:$PATH"
export PATH
failed=

part() {
  name=$1
  shift
  if out=$("$@" 2>&1); then
    echo "ok      $name"
  else
    echo "FAILED  $name"
    printf '%s\n' "$out"
    failed="$failed $name"
  fi
}

part types tsc
part lint oxlint --type-aware --deny-warnings src lab tests scripts bench
part format biome format .
part dead-code knip
part generated node scripts/generate.ts --check
[ "${1:-}" = static ] || part unit vitest run --project unit --silent=passed-only

[ -z "$failed" ] || {
  echo "check failed:$failed"
  exit 1
}
