#!/bin/sh
# The legs of tests/legs.txt: what each compiler and processor makes of the project, against gcc on this machine.
#   bits      tests/bits.c builds without a warning and prints what tests/bits.txt keeps
#   E5        a short run of E5 gives the same result file (CLB_NO_FMA: that of CLB_NO_FMA here)
#   tests     the unit tests: how many programs pass, of how many; only with UNITS=1, since emulators take hours
# The table goes to stdout; what is not installed is named below it.
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
# build LEG-COMPILER OUTPUT SOURCE...: with the implementation in library.o, compiled once a leg
build() { c=$1 o=$2; shift 2; limited 900 $c ${LEVEL:--O1} -DCLB_DECLARATIONS_ONLY -o "$o" "$@" -lm >"$work/err" 2>&1; }
run_e5() { # PROGRAM...: the result file without the lines that name the machine
    limited 900 "$@" --quick --seeds 42 --lrs 0.01,0.1 -q --json - --threads 1 </dev/null 2>"$work/err" |
        tr -d '\r' | sed '/"environment"/d'
}
e5() { # COMPILER RUNNER ARITHMETIC: same, differ or what went wrong
    case $3 in single) like="gcc -std=c99 -DCLB_SINGLE" ;; nofma) like="gcc -std=c99 -DCLB_NO_FMA" ;; *) like="gcc -std=c99" ;; esac
    if [ ! -e "$work/e5.$3" ]; then
        $like -O1 -o "$work/e5.here" examples/e05_drift_scaling.c -lm && run_e5 "$work/e5.here" >"$work/e5.$3"
    fi
    build "$1" "$work/e5.exe" examples/e05_drift_scaling.c "$work/library.o" "$work/plain.o" || { echo "does not build"; return; }
    run_e5 $2 "$work/e5.exe" >"$work/e5.out"
    if [ ! -s "$work/e5.out" ]; then echo "does not run"
    elif cmp -s "$work/e5.out" "$work/e5.$3"; then echo same
    else echo differ; fi
}
# Not asked on Windows: what compares with fma and round of the C library (mingw-w64's are wrong), and POSIX threads.
units() { # COMPILER RUNNER: "20 of 20", and what failed
    passed=0 all=0 bad=
    for t in tests/t_*.c; do
        name=$(basename "${t%.c}") plain="$work/plain.o"
        case $1:$name in *mingw*:t_fma | *mingw*:t_libm | *mingw*:t_threads) continue ;; esac
        all=$((all + 1))
        ! grep -q 'failing_alloc.h' "$t" || plain=
        if build "$1" "$work/unit.exe" "$t" "$work/library.o" $plain && limited 900 $2 "$work/unit.exe" </dev/null >"$work/unit.out" 2>&1
        then passed=$((passed + 1))
        else bad="$bad $name"; tail -4 "$work/err" "$work/unit.out" >&2; fi
        : >"$work/unit.out"
    done
    echo "$passed of $all${bad:+, not$bad}"
}
echo "| leg | compiler | bits | E5 | ${UNITS:+tests | }build, s | run, s |"
echo "|---|---|---|---|${UNITS:+---|}---|---|"
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
    a=$(date +%s) e5=- units=-
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
    # shellcheck disable=SC2086
    if [ "$bits" = same ] && limited 900 $compiler ${LEVEL:--O1} -c -o "$work/library.o" tests/library.c >"$work/err" 2>&1 &&
        limited 900 $compiler ${LEVEL:--O1} -DCLB_DECLARATIONS_ONLY -c -o "$work/plain.o" tests/plain_alloc.c >"$work/err" 2>&1; then
        case $compiler in
        *++*) ;;                                       # the experiments are C
        *) e5=$(e5 "$compiler" "$runner" "$arithmetic")
           [ "$e5" = same ] || { failed=1; echo "$name: E5 $e5" >&2; head -5 "$work/err" >&2; } ;;
        esac
        [ -z "${UNITS:-}" ] || units=$(units "$compiler" "$runner")
        case $units in *not*) failed=1 ;; esac
    fi
    echo "| $name | $shown | $bits | $e5 | ${UNITS:+$units | }$((b - a)) | $((c - b)) |"
done <tests/legs.txt
[ ! -s "$work/missing" ] || { echo; echo "Not installed here: $(paste -sd';' "$work/missing" | sed 's/;/; /g')."; }
exit $failed
