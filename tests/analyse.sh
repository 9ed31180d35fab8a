#!/bin/sh
# Static analysis of clb.h and the tools, as far as installed: gcc -fanalyzer, clang-tidy (bugprone, cert,
# clang-analyzer), cppcheck. What they find that is no fault stands in tests/analyse.txt, a line each with the reason.
#   sh tests/analyse.sh [gcc|tidy|cppcheck...]
# Status 1: a finding that is not in the list, or a line of the list that nothing finds any more.
cd "$(dirname "$0")/.." || exit 2
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
root=$PWD
printf '#define CLB_IMPLEMENTATION\n#include "%s/clb.h"\n' "$root" >"$work/clb.c"
have() { command -v "$1" >/dev/null 2>&1 || { echo "skip $1 (not installed)"; return 1; }; }

# Each prints lines "TOOL FILE LINE CHECK".
gcc_finds() {
    gcc -std=c99 -O0 -fanalyzer -DCLB_NO_SIMD -c -o /dev/null "$work/clb.c" 2>&1
    for f in tools/*.c; do gcc -std=c99 -O0 -fanalyzer -DCLB_DECLARATIONS_ONLY -c -o /dev/null "$f" 2>&1; done
}
checks='-*,bugprone-*,cert-*,clang-analyzer-*,-bugprone-easily-swappable-parameters,-clang-analyzer-optin.performance*'
tidy_finds() {
    clang-tidy --quiet --header-filter='.*' -checks="$checks" "$work/clb.c" -- -std=c99 -DCLB_NO_SIMD 2>/dev/null
    for f in tools/*.c; do
        clang-tidy --quiet --header-filter='.*' -checks="$checks" "$f" -- -std=c99 -DCLB_DECLARATIONS_ONLY 2>/dev/null
    done
}
cppcheck_finds() {
    set -- -q --std=c99 --enable=warning,portability --template='{file}:{line}: warning: x [{id}]' -U__cplusplus -UCLB_SINGLE \
        -UCLB_FREESTANDING -UCLB_NO_STDIO -UCLB_NO_FMA -U_MSC_VER -U_WIN32 -UCLB_API -DCLB_NO_SIMD
    cppcheck "$@" "$work/clb.c" 2>&1
    for f in tools/*.c; do cppcheck "$@" -DCLB_DECLARATIONS_ONLY "$f" 2>&1; done
}

for tool in ${*:-cppcheck tidy gcc}; do
    case $tool in tidy) have clang-tidy ;; *) have "$tool" ;; esac || continue
    "${tool}_finds" | sed -n "s#^$root/##; s#[a-z]*/\.\./##g
        s/^\([^: ]*\):\([0-9]*\):\([0-9]*:\)\{0,1\} warning: .*\[\([^] ]*\)\]\$/$tool \1 \2 \4/p" | sort -u >>"$work/found"
    echo "$tool" >>"$work/ran"
done

# "check TAB file TAB source" against "tool TAB check TAB file TAB words of the line TAB reason".
while read -r tool file line check; do
    printf '%s\t%s\t%s\t%s\t%s\n' "$tool" "$check" "$file" "$line" "$(sed -n "${line}p" "$file")"
done <"$work/found" | awk -F '\t' -v ran="$(tr '\n' ' ' <"$work/ran")" '
    FILENAME != "-" { if ($0 !~ /^#/ && NF == 5) { n++; tool[n] = $1; check[n] = $2; file[n] = $3; words[n] = $4 } next }
    { all++; known = 0
      for (i = 1; i <= n; ++i)
          if ($1 == tool[i] && $2 == check[i] && (file[i] == "*" || $3 == file[i]) && index($5, words[i])) known = used[i] = 1
      if (!known) { print "FOUND " $3 ":" $4 ": " $2 " (" $1 ")\n  " $5; bad++ } }
    END { for (i = 1; i <= n; ++i)
              if (index(" " ran, " " tool[i] " ") && !used[i]) { print "GONE " tool[i] " " check[i] " " file[i] ": " words[i]; bad++ }
          printf "%d findings, %d refuted, %d open\n", all, all - bad, bad; exit bad > 0 }' tests/analyse.txt - || exit 1
