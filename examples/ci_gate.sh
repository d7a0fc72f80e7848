#!/bin/sh
# A CI job that fails on a regression: it runs a plan, and compares what was measured
# with a baseline that an earlier run has stored. What was found is in gates.xml, for
# the CI, and in gates.md, for people.
#
#   examples/ci_gate.sh PLAN BASELINE.json GATE...
#   examples/ci_gate.sh examples/ci_link.yaml baseline.json 'bulk goodput >= 0.97x baseline'
#
# Where the baseline is missing, this run becomes it. The exit status is that of tine:
# 0 all gates pass, 3 one of them does not, 1 a test failed.
set -eu

[ $# -ge 3 ] || { echo "usage: $0 PLAN BASELINE.json GATE..." >&2; exit 2; }
plan=$1 baseline=$2
shift 2
for gate; do
  shift
  set -- "$@" --gate "$gate"
done
tine=${TINE:-tine}
status=0

# Gates of the plan itself end it with 3, and are looked at again below.
"$tine" run "$plan" --out results || status=$?
[ $status -eq 0 ] || [ $status -eq 3 ] || exit $status

if [ ! -e "$baseline" ]; then
  "$tine" gate results/latest --save ci || status=$?
  cp results/baselines/ci.json "$baseline"
  echo "there was no baseline: $baseline is that of this run" >&2
  exit $status
fi

status=0
"$tine" gate results/latest --baseline "$baseline" --junit gates.xml "$@" || status=$?
{
  "$tine" gate results/latest --baseline "$baseline" --markdown "$@" || :
  echo
  "$tine" compare "$baseline" results/latest --markdown || :
} >gates.md
exit $status
