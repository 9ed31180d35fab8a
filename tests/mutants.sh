#!/bin/sh
# Do the tests notice a fault? Changes one operator or one whole number of clb.h at a time, builds, runs the tests of that
# section and compares the bits. A change that nothing notices is printed: it wants a test, or changes nothing that counts.
#
#   sh tests/mutants.sh             COUNT=100 changes drawn by SEED=1; the same numbers draw the same changes
#   ONLY=S40 sh tests/mutants.sh    only in the section @S40
#   AT=LINE sh tests/mutants.sh     every change of that line of clb.h          VERBOSE=1: who noticed what
#
# CC is tcc if there is one (0.1 s a build), else cc -O0. Scalar code; the vector kernels (@S60) and the platform (@S31) are
# not changed: t_kernels.c compares each with the scalar ones. Not counted: what does not compile, and what gives the same
# object file. MINIMUM=90: status 1 if less than so many per cent were noticed.
LC_ALL=C
export LC_ALL
cd "$(dirname "$0")/.." || exit 2
unset CLB_ISA MAKEFLAGS MFLAGS
COUNT=${COUNT:-100} SEED=${SEED:-1} MINIMUM=${MINIMUM:-0}
command -v tcc >/dev/null 2>&1 && CC=${MUTANT_CC:-tcc} || CC="${MUTANT_CC:-cc} -O0"
CC="$CC -std=c99 -DCLB_NO_SIMD"
work=$(mktemp -d "${TMPDIR:-/tmp}/clb_mutants.XXXXXX") || exit 2
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
mkdir "$work/tests"
cp tests/*.[ch] "$work/tests"
cp clb.h "$work/unchanged.h"
ln -s "$PWD/examples" "$PWD/tools" "$work"
ln -s "$PWD/tests/fuzz" "$work/tests"

# The tests of a section, quick ones first. Every change is held against the bits as well.
tests_of() {
    case $1 in
    S30) echo t_direct t_data t_limits ;;
    S32) echo t_elementary ;;
    S33) echo t_random ;;
    S34) echo t_data ;;
    S35) echo t_kernels ;;
    S36) echo t_direct t_net t_limits t_derivs ;;
    S37) echo t_direct t_derivs t_theory t_limits ;;
    S38) echo t_direct t_flow t_train ;;
    S39) echo t_eigen t_limits ;;
    S40) echo t_direct t_laws ;;
    S41) echo t_theory ;;
    S42) echo t_stats t_limits t_direct ;;
    S43) echo t_direct t_pathways ;;
    S45) echo t_edge ;;
    S46) echo t_weights t_data ;;
    S47) echo t_audit ;;
    esac
}

# Every place that can be changed: section, line, column, length, what stands there, what shall.
sites() {
    awk '
    BEGIN { change["+"] = "-"; change["-"] = "+"; change["*"] = "/"; change["/"] = "*"
            change["<"] = "<="; change["<="] = "<"; change[">"] = ">="; change[">="] = ">"
            change["=="] = "!="; change["!="] = "=="; change["&&"] = "||"; change["||"] = "&&"
            change["+="] = "-="; change["-="] = "+=" }
    /^ \* @S[0-9]/ { section = substr($2, 2) }
    /@S60 VECTOR/ { exit }
    section < "S30" || section == "S31" { next }
    {
        text = $0; n = length(text); directive = before || text ~ /^ *#/; before = directive && text ~ /\\$/
        if (directive || text ~ /^(static|CLBDEF|typedef|enum)|CLB_ASSERT|[a-z] enum /) skip = 1; else skip = 0
        for (i = 1; i <= n; ++i) {
            c = substr(text, i, 1)
            if (comment) { if (substr(text, i, 2) == "*/") { comment = 0; ++i } continue }
            if (substr(text, i, 2) == "/*") { comment = 1; ++i; continue }
            if (c == "\"" || c == "\047") {
                for (q = c; ++i <= n && (c = substr(text, i, 1)) != q;) if (c == "\\") ++i
                continue
            }
            if (skip) continue
            if (match(substr(text, i), /^ (\+=|-=|<=|>=|==|!=|&&|\|\||[-+*\/<>]) /) && i > 4 &&
                substr(text, i - 1, 1) ~ /[])A-Za-z0-9_]/) {
                op = substr(text, i + 1, RLENGTH - 2)
                print section, NR, i + 1, length(op), op, change[op]
                i += RLENGTH - 2
            } else if (c ~ /[A-Za-z_]/) {
                while (substr(text, i + 1, 1) ~ /[A-Za-z0-9_]/) ++i
            } else if (c ~ /[0-9]/) {
                match(substr(text, i), /^[0-9A-Za-z_.]+([eEpP][-+][0-9]+)?/)
                word = substr(text, i, RLENGTH)
                if (word ~ /^[0-9]+$/ && length(word) < 4) print section, NR, i, RLENGTH, word, word + 1
                i += RLENGTH - 1
            }
        }
    }' "$work/unchanged.h"
}

# COUNT lines of the input in an order drawn by SEED.
draw() {
    awk -v seed="$SEED" '{ line[NR] = $0 }
    END { x = seed + 12345
          for (i = NR; i > 0; --i) {
              x = x * 16807 % 2147483647; j = 1 + x % i
              print line[j]; line[j] = line[i] } }'
}

build() { # build the implementation from $work/clb.h
    # shellcheck disable=SC2086
    (cd "$work" && $CC -c -o clb.o tests/library.c) >"$work/log" 2>&1
}
# Build a test (tcc does not know all of C99: cc then); run those of its cases that NAME.cases lists, within its seconds
# of processor time.
program() {
    for with in "$CC" "cc -O0 -std=c99"; do
        # shellcheck disable=SC2086
        (cd "$work" && $with -DCLB_DECLARATIONS_ONLY -c -o "$1.o" "tests/$1.c" && $CC -o "$1" "$1.o" clb.a -lm) \
            >"$work/log" 2>&1 && return
    done
    return 1
}
run() {
    program "$1" || return 1
    # shellcheck disable=SC2046
    { (cd "$work" && ulimit -t "$(cat "$1.limit")" && "./$1" -x $(cat "$1.cases") >"$1.out" 2>&1); } 2>/dev/null
}
# Which cases of a test take less than a second of processor time? The others are too slow to be run so often.
choose() {
    cp "$work/clb.h" "$work/changed.h" && cp "$work/unchanged.h" "$work/clb.h"
    cp "$work/clb.a" "$work/changed.a" && cp "$work/before.a" "$work/clb.a"
    : >"$work/$1.cases"
    program "$1" || { echo "$1 does not build so: left out"; cat "$work/log"; }
    for case in $(cd "$work" && "./$1" -l 2>/dev/null); do
        # shellcheck disable=SC3045
        { (cd "$work" && ulimit -t 1 && "./$1" "=$case"); } >/dev/null 2>&1 && echo "=$case" >>"$work/$1.cases"
    done
    echo $((5 + $(wc -l <"$work/$1.cases"))) >"$work/$1.limit"
    mv "$work/changed.h" "$work/clb.h" && mv "$work/changed.a" "$work/clb.a"
}
same_bits() { run bits && cmp -s "$work/bits.out" "$work/bits.want"; }
archive() { rm -f "$work/clb.a" && ar rc "$work/clb.a" "$work/clb.o" "$work/plain.o"; }

cp "$work/unchanged.h" "$work/clb.h"
# shellcheck disable=SC2086
(cd "$work" && $CC -c -o plain.o tests/plain_alloc.c) || exit 2
build && archive && cp "$work/clb.o" "$work/before.o" && cp "$work/clb.a" "$work/before.a" || { cat "$work/log"; exit 2; }
echo 60 >"$work/bits.limit"
: >"$work/bits.cases"
run bits || { echo "bits.c fails before any change"; exit 2; }
cp "$work/bits.out" "$work/bits.want"

sites >"$work/all"
if [ -n "$AT" ]; then awk -v at="$AT" '$2 == at' "$work/all"; COUNT=1000
else awk -v only="$ONLY" 'only == "" || $1 == only' "$work/all" | draw; fi >"$work/drawn"
tried=0 noticed=0
exec 3<"$work/drawn"
while [ "$tried" -lt "$COUNT" ] && read -r section line column length old new <&3; do
    awk -v at="$line" -v c="$column" -v n="$length" -v new="$new" \
        'NR == at { $0 = substr($0, 1, c - 1) new substr($0, c + n) } { print }' "$work/unchanged.h" >"$work/clb.h"
    build || continue
    cmp -s "$work/clb.o" "$work/before.o" && continue
    archive
    tried=$((tried + 1)) by=
    for t in $(tests_of "$section"); do
        [ -f "$work/$t.limit" ] || choose "$t"
        [ ! -s "$work/$t.cases" ] || run "$t" || { by=$t; break; }
    done
    [ -n "$by" ] || same_bits || by=bits
    [ -z "$VERBOSE" ] || echo "# $section $line:$column $old -> $new: ${by:-nobody}"
    if [ -n "$by" ]; then noticed=$((noticed + 1)); continue; fi
    echo "clb.h:$line:$column: $old -> $new: $(sed -n "${line}s/^ *//;${line}p" "$work/unchanged.h")"
done
[ "$tried" -gt 0 ] || { echo "no change drawn"; exit 2; }
echo "$noticed of $tried changes noticed: $((100 * noticed / tried)) %  (SEED=$SEED COUNT=$COUNT, of $(wc -l <"$work/all") places)"
[ $((100 * noticed)) -ge $((MINIMUM * tried)) ]
