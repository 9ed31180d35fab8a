#!/bin/sh
# A misspelt quantity, a wrong type, a member that the table lacks: the experiment does not compile or does not start.
T=$(mktemp -d) || exit 1
trap 'rm -rf "$T"' EXIT
CC=${CC:-cc}
passed=0 failed=0
check() { # NAME, what happened
    if [ "$2" = 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "FAIL $1"; fi
}
build() { # sed script: the template with one mistake in it
    sed -e 's|"\.\./clb.h"|"clb.h"|' -e 's|"kit/kit.h"|"examples/kit/kit.h"|' -e "$1" examples/template.c >"$T/t.c"
    $CC -O0 -std=c99 -Werror -I. -o "$T/t" "$T/t.c" -lm 2>"$T/err"
}
build 's/NOTHING/NOTHING/'; check "the template builds" $?
"$T/t" --list >"$T/list"; check "the template plans" $?
[ "$(wc -l <"$T/list")" -eq 25 ]; check "five rates, five seeds" $?
build 's/KIT_AT(training, drift)/KIT_AT(training, drfit)/' && r=1 || r=0; check "a misspelt quantity compiles" $r
build 's/KIT_RESULT(training, drift)/KIT_RESULT_TEXT(training, drift)/' && r=1 || r=0; check "a wrong type compiles" $r
build 's/KIT_RESULT(training, drift),//' && "$T/t" --list >/dev/null 2>"$T/err"; r=$?
[ "$r" = 2 ] && grep -q "training is missing in its table" "$T/err"; check "a member missing in the table starts" $?
build 's/KIT_LINE(t, etas.at\[i\], c.mean\[i\])/KIT_LINE(t, etas.at[i])/' && "$T/t" -q --quick --json - >/dev/null 2>"$T/err"; r=$?
[ "$r" = 2 ] && grep -q "table drift" "$T/err"; check "a line with too few cells is written" $?
build 's/\.lr = etas.at\[i\]/.lr = 1/' && "$T/t" --list >/dev/null 2>"$T/err"; r=$?
[ "$r" = 2 ] && grep -q "planned twice" "$T/err"; check "a run stands twice in the plan" $?
echo "$passed checks passed, $failed failed"
[ "$failed" -eq 0 ]
