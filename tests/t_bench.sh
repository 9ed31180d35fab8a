#!/bin/sh
# The benchmark takes of each peer the kernels that are fastest here: tests/bench_choose.sh with a probe that pretends.
cd "$(dirname "$0")/.." || exit 2
T=$(mktemp -d) || exit 1
trap 'rm -rf "$T"' EXIT
passed=0 failed=0
ok() { passed=$((passed + 1)); }
bad() { failed=$((failed + 1)); echo "FAIL $*"; }
cat >"$T/probe" <<'END'
case $1:${KERNELS:-} in
fast:) echo 100 ;; fast:old) echo 50 ;; fast:same) echo 101 ;;
slow:) echo 25.5 ;; slow:old) echo 50 ;; slow:new) echo 100.25 ;; slow:newer) kill -ILL $$ ;;
*) exit 1 ;;
esac
END
PROBE="sh $T/probe"
. tests/bench_choose.sh
KERNELS=old
choose fast KERNELS old same nosuch 2>"$T/said"
[ -z "${KERNELS+set}" ] && ok || bad "its own choice is the fastest, but KERNELS=$KERNELS"
grep -q WARNING "$T/said" && bad "a warning without cause" || ok
choose slow KERNELS old newer new nosuch 2>"$T/said"
[ "${KERNELS:-}" = new ] && ok || bad "the fastest is new, but KERNELS=${KERNELS:-}"
grep -q '3.93 times' "$T/said" && ok || bad "said: $(cat "$T/said")"
grep -q WARNING "$T/said" && ok || bad "no warning of a slow choice"
[ "${BENCH_KERNELS_slow:-}" = new ] && ok || bad "the choice is not handed on"
choose absent KERNELS old new 2>"$T/said"
[ ! -s "$T/said" ] && ok || bad "a peer that is not there: $(cat "$T/said")"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
