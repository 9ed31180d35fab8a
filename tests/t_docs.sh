#!/bin/sh
# The documents keep their word: the quick starts of manual and README compile and print what stands below them, the
# index of the manual names things that exist, the README's table is the one in tables/.
T=$(mktemp -d) || exit 1
trap 'rm -rf "$T"' EXIT
CC=${CC:-cc}
passed=0 failed=0
ok() { passed=$((passed + 1)); }
bad() { failed=$((failed + 1)); echo "FAIL $*"; }

sed -n '/^```c$/,/^```$/p' README.md | sed '1d;$d' >"$T/readme.c"
sed -n '/^```c$/,/^Licence/p' README.md | sed -n '/^```$/,$p' | sed '1d' | sed -n '2,/^```$/p' | sed '$d' >"$T/readme.want"
sed -n 's/^ \*   //p' clb.h | sed -n '/^#define CLB_IMPLEMENTATION$/,/^}$/p' >"$T/manual.c"
sed -n 's/^ \*   //p' clb.h | sed -n '/^}$/,/Theorem 2)$/p' | sed '1d' | head -3 >"$T/manual.want"
for doc in readme manual; do
    if $CC -O2 -I. -o "$T/$doc" "$T/$doc.c" -lm 2>"$T/err" && "$T/$doc" >"$T/$doc.got" && [ -s "$T/$doc.got" ]; then ok
    else bad "the quick start of the $doc does not build and run"; cat "$T/err"; fi
    if cmp -s "$T/$doc.got" "$T/$doc.want"; then ok; else bad "the quick start of the $doc prints something else"; diff "$T/$doc.want" "$T/$doc.got"; fi
done

# every identifier that the manual names, every test of its section 8
sed -n '/^ \* 8  WHERE IS/,/^ \* 9  COOKBOOK/p' clb.h >"$T/index"
sed -n '/^ \* @S00 MANUAL/,/^#ifndef CLB_H/p' clb.h >"$T/manual"
for name in $(grep -o '[^_A-Za-z]clb_[a-z_0-9]*' "$T/manual" | grep -o 'clb_.*' | sort -u); do
    if grep -q "^CLBDEF.*[ *]$name(\|^typedef [a-z]* $name\b\|^} $name;" clb.h; then ok; else bad "the manual names $name, which does not exist"; fi
done
for name in $(grep -o 't_[a-z]*\.c' "$T/index" | sort -u); do [ -f "tests/$name" ] && ok || bad "no tests/$name"; done
for theorem in "Theorem 1" "Theorem 2" "Theorem 2'" "Theorem 3" "Theorem 4" "Theorem 5" "Theorem 6" "Proposition 7" "Theorem 8"; do
    grep -q "$theorem" "$T/index" && ok || bad "$theorem is not in the manual's index"
    [ "$theorem" = "Theorem 2'" ] && continue
    grep -qE "(Theorems?|Proposition) [0-9, ']*${theorem#* }" examples/*.c && ok || bad "no example names $theorem"
done
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23; do
    [ -n "$(ls examples/e$(printf %02d "$i")_*.c 2>/dev/null)" ] && ok || bad "no example for E$i"
done

# the first lines of an example show how it is compiled: this file, by the short way, and the program that results
for file in examples/*.c examples/beyond/*.c; do
    [ "$file" = examples/template.c ] && shown=examples/e31_name.c || shown=$file
    line=$(head -8 "$file" | grep ' \* *cc ')
    name=$(echo "$line" | sed -n "s|^ \*   cc -O2 -DCLB_STATIC -o \([a-z0-9_]*\) $shown -lm && ./\([a-z0-9_]*\).*|\1 \2|p")
    if [ -n "$name" ] && [ "${name% *}" = "${name#* }" ]; then ok; else bad "$file shows another compile line: $line"; fi
done

# an experiment of the papers is short: none has more than 260 lines, the median at most 160
for file in examples/*.c; do
    [ "$(wc -l <"$file")" -le 260 ] && ok || bad "$file has more than 260 lines"
done
median=$(wc -l examples/[em][0-9][0-9]_*.c | sed '$d' | sort -n | sed -n 17p | awk '{ print $1 }')
[ "$median" -le 160 ] && ok || bad "the median of the experiments is $median lines, not 160"
[ "$(wc -l <examples/template.c)" -le 60 ] && ok || bad "examples/template.c has more than 60 lines"

if [ -f tables/table1.md ]; then
    sed -n '/^<!-- table1/,/^<!-- \/table1/p' README.md | sed '1d;$d' >"$T/table"
    if cmp -s "$T/table" tables/table1.md; then ok; else bad "the README's table is not tables/table1.md: make readme"; fi
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
