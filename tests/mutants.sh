#!/bin/sh
# Do the tests notice a fault? Changes one operator or one whole number of clb.h at a time and runs the tests of that section.
# A change that no test notices is printed: it wants a test, or changes nothing that counts.
#
#   sh tests/mutants.sh             COUNT=100 changes drawn by SEED=1; the same numbers draw the same changes
#   ONLY=S40 sh tests/mutants.sh    only in the section @S40
#   AT=LINE sh tests/mutants.sh     every change of that line of clb.h          VERBOSE=1: who noticed what
#   LIST=FILE sh tests/mutants.sh   the changes that an earlier run printed as not noticed
#
# The library is built once, as a shared object in which every function can be replaced. A change is a small shared object
# with the one function that it is in, loaded before (LD_PRELOAD), so it costs half a second to build and the tests run at
# full speed. Needs ELF, and gcc or clang. Scalar code; the vector kernels (@S60) and the platform (@S31) are not changed:
# t_kernels.c compares each with the scalar ones. Cases that take longer than SLOW=3 seconds of processor time are left out.
# On a busy machine processor time grows, too: set SLOW higher there, or changes pass that a slow case would notice.
# Not counted: what does not compile, what gives the same machine code, and what tests/mutants.txt lists, with the reason, as
# changing no result. MINIMUM=90: status 1 if less than so many per
# cent were noticed.
LC_ALL=C
export LC_ALL
cd "$(dirname "$0")/.." || exit 2
unset CLB_ISA MAKEFLAGS MFLAGS
COUNT=${COUNT:-100} SEED=${SEED:-1} MINIMUM=${MINIMUM:-0} SLOW=${SLOW:-3}
CC="${MUTANT_CC:-cc} -std=c99 -DCLB_NO_SIMD"
# fma as one instruction, where there is one
printf 'int main(void) { return 0; }\n' | $CC -mfma -x c -o /dev/null - 2>/dev/null && grep -q ' fma ' /proc/cpuinfo && CC="$CC -mfma"
work=$(mktemp -d "${TMPDIR:-/tmp}/clb_mutants.XXXXXX") || exit 2
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
cp clb.h "$work/unchanged.h"

# The tests of a section, quick ones first. Every change is held against the bits as well.
tests_of() {
    case $1 in
    S30) echo t_direct t_objects t_data t_net t_limits t_train ;;
    S32) echo t_elementary ;;
    S33) echo t_random ;;
    S34) echo t_data t_weights t_alloc ;;
    S35) echo t_kernels t_direct ;;
    S36) echo t_direct t_net t_limits t_derivs t_alloc ;;
    S37) echo t_direct t_derivs t_theory t_limits t_net t_alloc ;;
    S38) echo t_direct t_flow t_train t_laws t_alloc ;;
    S39) echo t_eigen t_limits t_alloc ;;
    S40) echo t_direct t_laws ;;
    S41) echo t_theory t_direct t_limits t_alloc ;;
    S42) echo t_stats t_limits t_direct ;;
    S43) echo t_direct t_pathways t_alloc ;;
    S45) echo t_objects t_direct t_edge t_alloc ;;
    S46) echo t_weights t_data t_document t_net t_alloc ;;
    S47) echo t_audit t_weights t_alloc ;;
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

# listed FILE KEEP: of the places in the input those that FILE lists ("old -> new: text of the line"; KEEP=1), or the others.
listed() {
    awk -v keep="$2" -v list="$1" -v header="$work/unchanged.h" '
    BEGIN { while ((getline line < list) > 0) { sub(/^clb\.h:[0-9]+:[0-9]+: /, "", line); known[line] = 1 }
            while ((getline line < header) > 0) { sub(/^ */, "", line); text[++n] = line } }
    ($5 " -> " $6 ": " text[$2] in known) == keep' -
}

# COUNT lines of the input in an order drawn by SEED.
draw() {
    awk -v seed="$SEED" '{ line[NR] = $0 }
    END { x = seed + 12345
          for (i = NR; i > 0; --i) {
              x = x * 16807 % 2147483647; j = 1 + x % i
              print line[j]; line[j] = line[i] } }'
}

# clb.h with functions that no longer are static.
#   keep all      each with its body
#   keep none     only their declarations
#   keep LINE     the body of the one that LINE is in; of all that use it, if LINE is in a table
expose() {
    awk -v keep="$1" '
    function is_function() { return $0 ~ /^(static|CLBDEF)/ && $0 !~ /(=|;)$|= / || one_line() }
    function one_line() { return $0 ~ /^(static|CLBDEF) .*\) \{ .*\}$/ }
    { text[NR] = $0 }
    /@S30 STATUS/ { begun = NR }
    /@S60 VECTOR/ { ended = NR }
    END {
        for (i = begun; i < ended; ++i) {                  # the pieces: head[i] to tail[i]
            $0 = text[i]
            if ($0 ~ /^static .*= *\{/) {
                for (j = i; text[j] !~ /\};$/; ++j) { }
                if (keep >= i && keep <= j) { match($0, /clbi_[a-z_0-9]+/); table = substr($0, RSTART, RLENGTH) }
                i = j
            } else if (one_line()) tail[i] = open[i] = i
            else if (is_function()) {
                for (j = i; text[j] != "{" && text[j] !~ /;$/ && j - i < 9; ++j) { }
                if (text[j] ~ /\);$/) sub(/^static /, "", text[i])
                if (text[j] != "{") continue
                open[i] = j
                while (text[j] != "}") ++j
                tail[i] = j; i = j
            }
        }
        for (i = 1; i <= NR; ++i) {
            if (text[i] == "static int clbi_isa_cache;") text[i] = (keep == "all" ? "" : "extern ") "int clbi_isa_cache;"
            if (!(i in tail)) { print text[i]; continue }
            mine = keep == "all" || (keep >= i && keep <= tail[i])
            if (table) for (j = i; j <= tail[i]; ++j) if (index(text[j], table)) mine = 1
            sub(/^static /, "", text[i])
            if (!mine && open[i] == tail[i]) { sub(/ \{ .*/, ";", text[i]); print text[i]; continue }
            for (j = i; j <= tail[i]; ++j)
                if (mine || j < open[i]) print text[j]
                else if (j == open[i]) print ";"
            i = tail[i]
        }
    }' "$2"
}

# $work/all, none, one, before: clb.h of each kind, with the tests beside it.
folder() {
    mkdir -p "$work/$1/tests"
    for f in tests/*.[ch]; do sed '/^#undef CLB_DECLARATIONS_ONLY/d; /^#define CLB_STATIC/d' "$f" >"$work/$1/$f"; done
    ln -s "$PWD/examples" "$PWD/tools" "$work/$1"
    ln -s "$PWD/tests/fuzz" "$work/$1/tests"
}
in_folder() { (cd "$work/$1" && shift && "$@"); }
for f in all none one before; do folder $f; done
expose all "$work/unchanged.h" >"$work/all/clb.h"
expose none "$work/unchanged.h" >"$work/none/clb.h"
# shellcheck disable=SC2086
in_folder all $CC -O2 -fPIC -fno-inline -shared -o ../libclb.so tests/library.c tests/plain_alloc.c -lm || exit 2

# Build a test, note which of its cases are quick.
prepare() {
    # shellcheck disable=SC2086
    in_folder none $CC -O1 -Wl,-rpath,"$work" -o "../$1" "tests/$1.c" "$work/libclb.so" -lm >"$work/log" 2>&1 ||
        { echo "$1 does not build:"; cat "$work/log"; exit 2; }
    : >"$work/$1.cases"
    [ "$1" != bits ] || { "$work/bits" >"$work/bits.want" && echo 99 >"$work/$1.limit"; return; }
    for case in $("$work/$1" -l 2>/dev/null); do
        # shellcheck disable=SC3045
        (ulimit -t "$SLOW"; exec "$work/$1" "=$case" >/dev/null 2>&1) 2>/dev/null && echo "=$case" >>"$work/$1.cases"
    done
    echo $((5 + 2 * $(wc -l <"$work/$1.cases"))) >"$work/$1.limit"
}
# Does this test pass with the change?
passes() {
    # shellcheck disable=SC2046,SC3045
    (ulimit -t "$(cat "$work/$1.limit")"; ulimit -v 4000000
     LD_PRELOAD=$work/changed.so exec "$work/$1" -x $(cat "$work/$1.cases") >"$work/$1.out" 2>/dev/null) 2>/dev/null
}
# The same under the address sanitizer, which sees a loop that runs one element too far. Only asked of changes that no test
# has noticed; the header places its arrays in blocks of their own there.
checks_memory() {
    address=$($CC -print-file-name=libasan.so) checked="-g0 -fsanitize=address -fPIC -fno-inline"
    # shellcheck disable=SC2086
    [ -f "$address" ] && in_folder all $CC -O1 $checked -shared -o ../libchecked.so tests/library.c tests/plain_alloc.c -lm \
        >"$work/log" 2>&1 || { echo "no address sanitizer: memory is not checked"; address=; }
}
checked_run() { # TEST LIBRARY CASE...: with the sanitizer, and the functions of LIBRARY in place of those of clb.h
    test=$1 library=$2; shift 2
    # shellcheck disable=SC3045
    (ulimit -t $((20 * SLOW)); export ASAN_OPTIONS=detect_leaks=0:detect_odr_violation=0
     LD_PRELOAD="$address${library:+:$library}" exec "$work/$test.checked" -x "$@" >/dev/null 2>&1) 2>/dev/null
}
prepare_checked() { # the cases that pass without a change
    # shellcheck disable=SC2086
    in_folder none $CC -O1 -g0 -fsanitize=address -Wl,-rpath,"$work" -o "../$1.checked" "tests/$1.c" \
        "$work/libchecked.so" -lm >"$work/log" 2>&1 || { echo "$1 does not build:"; cat "$work/log"; exit 2; }
    # shellcheck disable=SC2013
    for case in $(cat "$work/$1.cases"); do
        checked_run "$1" "" "$case" && echo "$case" >>"$work/$1.inside"
    done
    touch "$work/$1.inside"
}
stays_inside() {
    [ -f "$work/$1.inside" ] || prepare_checked "$1"
    # shellcheck disable=SC2046
    [ ! -s "$work/$1.inside" ] || checked_run "$1" "$work/checked.so" $(cat "$work/$1.inside")
}
same_bits() { passes bits && cmp -s "$work/bits.out" "$work/bits.want"; }
changed() { # changed LINE FOLDER FILE: the machine code of the function there
    # shellcheck disable=SC2086
    expose "$1" "$3" >"$work/$2/clb.h" && in_folder "$2" $CC -O1 -fPIC -S -o "../$2.s" tests/library.c 2>/dev/null
}
prepare bits

sites | listed tests/mutants.txt 0 >"$work/sites"
if [ -n "$AT" ]; then awk -v at="$AT" '$2 == at' "$work/sites"; COUNT=1000
elif [ -n "$LIST" ]; then listed "$LIST" 1 <"$work/sites"; COUNT=1000
else awk -v only="$ONLY" 'only == "" || $1 == only' "$work/sites" | draw; fi >"$work/drawn"
tried=0 noticed=0
exec 3<"$work/drawn"
while [ "$tried" -lt "$COUNT" ] && read -r section line column length old new <&3; do
    awk -v at="$line" -v c="$column" -v n="$length" -v new="$new" \
        'NR == at { $0 = substr($0, 1, c - 1) new substr($0, c + n) } { print }' "$work/unchanged.h" >"$work/changed.h"
    changed "$line" before "$work/unchanged.h" || { echo "clb.h:$line cannot be built alone"; exit 2; }
    changed "$line" one "$work/changed.h" || continue
    cmp -s "$work/one.s" "$work/before.s" && continue
    # shellcheck disable=SC2086
    $CC -shared -o "$work/changed.so" "$work/one.s" || exit 2
    tried=$((tried + 1)) by=
    for t in $(tests_of "$section"); do
        [ -f "$work/$t.limit" ] || prepare "$t"
        [ ! -s "$work/$t.cases" ] || passes "$t" || { by=$t; break; }
    done
    [ -n "$by" ] || same_bits || by=bits
    # shellcheck disable=SC2086
    if [ -z "$by" ] && { [ -n "${address+x}" ] || checks_memory; [ -n "$address" ]; } &&
        in_folder one $CC -O1 $checked -shared -o ../checked.so tests/library.c 2>/dev/null; then
        for t in $(tests_of "$section"); do
            stays_inside "$t" || { by="$t, address sanitizer"; break; }
        done
    fi
    [ -z "$VERBOSE" ] || echo "# $section $line:$column $old -> $new: ${by:-nobody}"
    if [ -n "$by" ]; then noticed=$((noticed + 1)); continue; fi
    echo "clb.h:$line:$column: $old -> $new: $(sed -n "${line}s/^ *//;${line}p" "$work/unchanged.h")"
done
[ "$tried" -gt 0 ] || { echo "no change drawn"; exit 2; }
echo "$noticed of $tried changes noticed: $((100 * noticed / tried)) %  (SEED=$SEED COUNT=$COUNT, of $(wc -l <"$work/sites") places)"
[ $((100 * noticed)) -ge $((MINIMUM * tried)) ]
