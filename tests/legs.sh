#!/bin/sh
# The legs of tests/legs.txt: does each compiler and processor build tests/bits.c without a warning, and compute the bits
# that tests/bits.txt keeps? The table goes to stdout; what is not installed is named below it.
#   sh tests/legs.sh [NAME] >docs/legs.md       NAME: that leg only; LEVEL=-O0: another level than -O1
#                                               NOFMA=FILE: what tests/bits.c prints with CLB_NO_FMA elsewhere
cd "$(dirname "$0")/.." || exit 2
LC_ALL=C
export LC_ALL WINEDEBUG=-all
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
failed=0
: >"$work/missing"
limited() { if command -v timeout >/dev/null 2>&1; then timeout -k 5 "$@"; else shift; "$@"; fi; }
kept() { # FILE ARITHMETIC: are these the kept bits? Those of CLB_NO_FMA are compared with the first leg that has them.
    if [ "$2" = nofma ]; then
        [ -e "$work/nofma" ] || cp "${NOFMA:-$1}" "$work/nofma"
        cmp -s "$1" "$work/nofma"
    else
        grep "^$2 " tests/bits.txt | sort >"$work/want"
        sed "s/^/$2 /" "$1" | sort | cmp -s - "$work/want"
    fi
}
echo "| leg | compiler | bits | build, s | run, s |"
echo "|---|---|---|---|---|"
while IFS='|' read -r name compiler runner arithmetic; do
    case $name in '#'* | '') continue ;; esac
    name=${name% }
    [ -z "${1:-}" ] || [ "$1" = "$name" ] || continue
    compiler=${compiler# } compiler=${compiler% } arithmetic=${arithmetic# }
    # shellcheck disable=SC2086
    set -- "${1:-}" $compiler
    shown="$(basename "$2") $("$2" -dumpversion 2>/dev/null)"
    runner=$(echo $runner)
    if ! command -v "$2" >/dev/null 2>&1 || { [ -n "$runner" ] && ! command -v "$runner" >/dev/null 2>&1; }; then
        echo "$name" >>"$work/missing"
        continue
    fi
    a=$(date +%s)
    case $compiler in tcc*) warn= ;; *) warn="-Wall -Wextra" ;; esac
    # shellcheck disable=SC2086
    if ! limited 900 $compiler ${LEVEL:--O1} $warn -o "$work/bits.exe" tests/bits.c -lm >"$work/err" 2>&1; then bits="does not build"
    elif [ -s "$work/err" ]; then bits="warnings"
    else
        b=$(date +%s)
        # shellcheck disable=SC2086
        if ! limited 900 $runner "$work/bits.exe" </dev/null 2>"$work/err" | tr -d '\r' >"$work/out" || [ ! -s "$work/out" ]; then bits="does not run"
        elif kept "$work/out" "$arithmetic"; then bits=same
        else bits=differ; fi
    fi
    c=$(date +%s)
    [ "$bits" = same ] || { failed=1; echo "$name: $bits" >&2; head -5 "$work/err" >&2; b=${b:-$c}; }
    echo "| $name | $shown | $bits | $((b - a)) | $((c - b)) |"
done <tests/legs.txt
[ ! -s "$work/missing" ] || { echo; echo "Not installed here: $(paste -sd';' "$work/missing" | sed 's/;/; /g')."; }
exit $failed
