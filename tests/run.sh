#!/bin/sh
# Run tests, JOBS at once: programs, and scripts by sh. The output of each comes whole, under its name.
#   BUILD=build JOBS=2 sh tests/run.sh tests/t_docs.sh build/t_net
# Status 1 if one failed; those are named at the end, with what they said.
JOBS=${JOBS:-1}
if [ "${1:-}" = --one ]; then
    name=$2
    log=$LOGS/$(basename "$name")
    case $name in
    *.sh) sh "$name" ;;
    *) "$name" ;;
    esac >"$log" 2>&1 </dev/null
    status=$?
    # one test's lines stay together: a single write where it is short, and else nearly always
    { echo "$name"; cat "$log"; } >"$log.out" && cat "$log.out"
    [ $status -eq 0 ] || echo "FAIL $name: status $status" >"$log.failed"
    exit $status
fi
LOGS=$(mktemp -d) || exit 1
trap 'rm -rf "$LOGS"' EXIT
trap 'exit 130' INT TERM HUP
export LOGS
printf '%s\n' "$@" | xargs -n 1 -P "$JOBS" sh "$0" --one
status=$?
for log in "$LOGS"/*.failed; do
    [ -e "$log" ] || break
    cat "$log"
    { grep FAIL "${log%.failed}" || tail -n 12 "${log%.failed}"; } | sed 's/^/  /'
done
[ $status -eq 0 ] || exit 1
