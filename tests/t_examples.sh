#!/bin/sh
# The programs to copy (hello, xor, classify_csv, watch_sharpness, own_loss): at most 60 lines, C and
# C++, and what they print is right. The line that compiles each example, as its first lines print it.
# Run from the root of the sources.
BUILD=${BUILD:-build} CC=${CC:-cc} CXX=${CXX:-c++}
dir=$BUILD/t_examples
rm -rf "$dir"
mkdir -p "$dir" && dir=$(cd "$dir" && pwd) || exit 1
failed=0
fail() { echo "FAIL $*"; failed=1; }

flags='-O1 -Wall -Wextra -Werror'
$CC -std=c99 $flags -I. -c -o "$dir/impl_c.o" -x c - <<END || exit 1
#define CLB_IMPLEMENTATION
#include "clb.h"
END
$CXX -std=c++17 $flags -I. -c -o "$dir/impl_cxx.o" -x c++ - <<END || exit 1
#define CLB_IMPLEMENTATION
#include "clb.h"
END

# 90 rows of three classes that a line cannot tell apart: the ring in which a point lies.
awk 'BEGIN { print "row,x,y,\"the ring\""
    for (i = 0; i < 90; ++i) { r = 1 + i % 3; a = i * 0.7
        printf "%d,%.6f,%.6f,%s\r\n", i, 100 + 5 * r * cos(a), r * sin(a), substr("in,mid,out", 1 + 3 * (i % 3) + (i % 3 == 2), 3 - (i % 3 == 0)) } }' >"$dir/rings.csv"

# The second number of a line that begins so.
value() { sed -n "s/^$1 *\([-+0-9.e]*\).*/\1/p"; }

for name in hello xor own_loss classify_csv watch_sharpness; do
    [ "$(wc -l <examples/$name.c)" -le 60 ] || fail "$name has more than 60 lines"
    for lang in c cxx; do
        exe=$dir/${name}_$lang
        if [ $lang = c ]; then
            $CC -std=c99 -Wpedantic $flags -DCLB_DECLARATIONS_ONLY -o "$exe" examples/$name.c "$dir/impl_c.o" -lm
        else
            $CXX -std=c++17 $flags -DCLB_DECLARATIONS_ONLY -o "$exe" -x c++ examples/$name.c -x none "$dir/impl_cxx.o" -lm
        fi || { fail "$name ($lang) does not compile"; continue; }
        (cd "$dir" && "$exe" $([ $name = classify_csv ] && echo rings.csv) >"$name.$lang") || fail "$name ($lang) failed"
    done
    cmp "$dir/$name.c" "$dir/$name.cxx" || fail "$name: C and C++ print different things"
done

# The law, to rounding, whichever the loss.
for name in hello own_loss; do
    c=$(value 'C(T) - C(0)' <"$dir/$name.c") s=$(value 'eta^2 S(eta)' <"$dir/$name.c")
    awk -v c="$c" -v s="$s" 'BEGIN { d = c - s; if (d < 0) d = -d; exit !(s != 0 && d < 1e-9 * (s > 0 ? s : -s)) }' ||
        fail "$name: C(T) - C(0) = $c, eta^2 S = $s"
done
# What the manual and the README say hello prints.
for file in clb.h README.md; do
    while read -r line; do grep -qF "$line" $file || fail "$file does not show: $line"; done <"$dir/hello.c"
done
awk '{ p = $NF; want = ($1 != $3); if ((want && p < 0.9) || (!want && p > 0.1)) exit 1; ++n } END { exit n != 4 }' "$dir/xor.c" ||
    fail "xor is not learnt"
grep -q 'accuracy [89][0-9]\|accuracy 100' "$dir/classify_csv.c" || fail "classify_csv: $(cat "$dir/classify_csv.c")"
grep -q '^first row: in$' "$dir/classify_csv.c" || fail "classify_csv: $(cat "$dir/classify_csv.c")"

# At the end the sharpness is within 10 % of 2/eta, and the drift is the sum of its two parts.
awk '$1 == 2000 { edge = $3 > 0.9 * $5 && $3 < 1.1 * $5 }
    $1 == "drift" { d = $2 - $5 - $8; sum = d < 2e-6 && d > -2e-6 } END { exit !(edge && sum) }' "$dir/watch_sharpness.c" || fail "watch_sharpness: $(cat "$dir/watch_sharpness.c")"

# " *   cc OPTIONS -o NAME examples/FILE.c -lm && ./NAME (time)": one line a file, of that file, and NAME is
# what is run. Each set of options, and each place of the header, is compiled once.
seen=" "
for file in examples/*.c examples/beyond/*.c; do
    [ $file = examples/template.c ] && continue
    line=$(sed -n '1,6s/^ \*   \(cc .*\)$/\1/p' $file)
    [ "$(printf '%s\n' "$line" | grep -c '^cc ')" -eq 1 ] || { fail "$file: its first lines have not one compile line"; continue; }
    compile=${line%% && *} run=${line#* && ./}
    name=$(printf '%s\n' "$compile" | sed -n 's/.* -o \([^ ]*\) .*/\1/p')
    [ "$compile" != "$line" ] && [ -n "$name" ] || { fail "$file: $line"; continue; }
    case $compile in *" $file -lm") ;; *) fail "$file: compiles another file: $compile" ;; esac
    case "$run " in "$name "*) ;; *) fail "$file: makes $name, runs $run" ;; esac
    grep -q '^#define CLB_IMPLEMENTATION$' $file || fail "$file: -lm alone does not link it"
    case $file in
    examples/beyond/*|examples/[em][0-9]*) # an experiment says how long it takes
        case $line in *"("[0-9]*" s)"|*"("[0-9]*" min)") ;; *) fail "$file: no time behind $line" ;; esac ;;
    esac
    kind="${compile%% -o *} $(dirname $file)"
    case $seen in *" $kind "*) continue ;; esac
    seen="$seen$kind "
    $CC ${compile#cc } -fsyntax-only || fail "$file: $compile"
done

[ $failed = 0 ] && echo "examples to copy: compiled and right, C and C++"
exit $failed
