#!/bin/sh
# What a user sees of the programs: options, exit statuses, files, shards, same bytes. BUILD=build sh tests/t_tool.sh
BUILD=${BUILD:-build}
T=$(mktemp -d) || exit 1
trap 'rm -rf "$T"' EXIT
passed=0 failed=0
ok() { passed=$((passed + 1)); }
bad() { failed=$((failed + 1)); echo "FAIL $*"; }
# status WANT COMMAND...: the exit status, and one line on stderr if it is not 0
status() {
    want=$1; shift
    "$@" >"$T/out" 2>"$T/err"; got=$?
    if [ $got -ne "$want" ]; then bad "status $got, expected $want: $*"
    elif [ "$want" -ge 2 ] && [ "$want" -lt 100 ] && [ "$(wc -l <"$T/err")" -ne 1 ]; then bad "not one line on stderr: $*"
    else ok; fi
}
same() { if cmp -s "$1" "$2"; then ok; else bad "files differ: $1 $2 ($3)"; fi; }
plain() { sed '/"environment"/d' "$1" >"$2"; }          # a result without its environment

E5="$BUILD/e05_drift_scaling" TOOL="$BUILD/clb_tables"
FAST="--quick --seeds 42,137,5 --lrs 0.01,0.3"

for p in "$BUILD"/e[0-9]* "$BUILD"/m[0-9]* "$TOOL"; do
    [ -x "$p" ] || continue
    "$p" --help >"$T/help" || bad "$p --help"
    if awk 'length > 80 { exit 1 }' "$T/help"; then ok; else bad "$p --help is wider than 80 columns"; fi
    "$p" --version | grep -q "clb [0-9]" && ok || bad "$p --version"
done
for f in examples/[em][0-9][0-9]_*.c; do
    grep -q "\"../$f\"" tools/clb_tables.c && ok || bad "$f is not in tools/clb_tables.c"
done

status 2 "$E5" --bogus
status 2 "$E5" --threads x
status 2 "$E5" --threads 3x
status 2 "$E5" --seeds 1..
status 2 "$E5" --seeds 5,5
status 2 "$E5" --lrs 0.1,
status 2 "$E5" --lrs=-1
status 2 "$E5" --shard 3/3
status 2 "$E5" --isa mips
status 2 "$E5" --seeds
status 2 "$E5" --quiet=1
status 2 "$E5" stray
status 2 "$TOOL"
status 2 "$TOOL" nonsense
status 2 "$TOOL" run --only E99
status 2 "$TOOL" check "$T"
status 3 "$TOOL" tables "$T/none"
status 4 "$E5" $FAST -q --json /dev/full
if [ -w /dev/full ]; then
    for what in --help --version --list; do
        "$E5" $what >/dev/full 2>/dev/null; [ $? -eq 4 ] && ok || bad "$what to a full disk"
        [ $what = --list ] || { "$TOOL" $what >/dev/full 2>/dev/null; [ $? -eq 4 ] && ok || bad "clb_tables $what to a full disk"; }
    done
    "$E5" $FAST -q --json - >/dev/full 2>/dev/null; [ $? -eq 4 ] && ok || bad "--json - to a full disk"
fi
: >"$T/file"
status 4 "$E5" $FAST -q --out "$T/file/sub"
"$E5" $FAST --list >"$T/list"; [ "$(wc -l <"$T/list")" -eq 6 ] && ok || bad "--list"

# MNIST files that are missing, cut, too few, or of another shape: bad input, and no result file
E4="$BUILD/e04_edge_of_stability"
idx() { printf '\0\0\010\003\0\0\0\003\0\0\0\002\0\0\0\002abcdefghijkl' >"$1/train-images-idx3-ubyte"
        printf '\0\0\010\001\0\0\0\003\001\0\002' >"$1/train-labels-idx1-ubyte"; }
mkdir "$T/few" "$T/cut"; idx "$T/few"; idx "$T/cut"
head -c 20 "$T/few/train-images-idx3-ubyte" >"$T/cut/train-images-idx3-ubyte"
for d in none few cut; do
    [ -x "$E4" ] || continue
    status 3 "$E4" --mnist "$T/$d" --published --seeds 42 --lrs 0.1 --threads 1 -q --out "$T/mnist"
    [ -e "$T/mnist/E04.json" ] && bad "a result from bad MNIST files" || ok
done

# the same bytes from any number of threads, any instruction set, in shards
"$E5" $FAST -q --threads 1 --out "$T/a" 2>"$T/err"; [ -s "$T/err" ] && bad "stderr not empty in a pipe" || ok
"$E5" $FAST -q --threads 2 --out "$T/b"
plain "$T/a/E05.json" "$T/a.json"; plain "$T/b/E05.json" "$T/b.json"
same "$T/a.json" "$T/b.json" threads
same "$T/a/E05_drift.svg" "$T/b/E05_drift.svg" threads
for isa in scalar avx2 avx512 neon; do
    "$E5" --quick --seeds 42 --lrs 0.3 -q --isa $isa --json "$T/$isa.json" 2>/dev/null || continue
    plain "$T/$isa.json" "$T/isa.json"
    [ -f "$T/isa0.json" ] || cp "$T/isa.json" "$T/isa0.json"
    same "$T/isa0.json" "$T/isa.json" "$isa"
done
for i in 0 1 2; do "$E5" $FAST -q --shard $i/3 --out "$T/s"; done
"$TOOL" merge --out "$T/m" "$T"/s/E05.shard-*.json && plain "$T/m/E05.json" "$T/m.json"
same "$T/a.json" "$T/m.json" "merged shards"
same "$T/a/E05_drift.svg" "$T/m/E05_drift.svg" "merged shards"
status 3 "$TOOL" merge --out "$T/x" "$T/s/E05.shard-0-of-3.json" "$T/s/E05.shard-1-of-3.json"
status 3 "$TOOL" merge --out "$T/x" "$T/s/E05.shard-0-of-3.json" "$T/s/E05.shard-0-of-3.json"
"$E5" --quick --seeds 42,137 --lrs 0.01,0.3 -q --shard 1/3 --out "$T/o"
status 3 "$TOOL" merge --out "$T/x" "$T/s/E05.shard-0-of-3.json" "$T/o/E05.shard-1-of-3.json" "$T/s/E05.shard-2-of-3.json"
head -c 300 "$T/a/E05.json" >"$T/cut.json"
status 3 "$TOOL" merge --out "$T/x" "$T/cut.json"
[ -e "$T/x/E05.json" ] && bad "a refused merge left a file" || ok

# a run that another experiment of the same process made has the bytes of one made alone
"$TOOL" run --only E10,E11 $FAST -q --out "$T/two"
"$BUILD/e11_homogeneity" $FAST -q --out "$T/one"
plain "$T/two/E11.json" "$T/two.json"; plain "$T/one/E11.json" "$T/one.json"
same "$T/two.json" "$T/one.json" "shared runs"

# stdout is one document, and the tables and the report are the same twice
"$E5" $FAST --json - >"$T/stdout.json" 2>/dev/null; plain "$T/stdout.json" "$T/c.json"
same "$T/a.json" "$T/c.json" "--json -"
for k in 1 2; do
    "$TOOL" tables --out "$T/t$k" "$T/a"
    "$TOOL" report --out "$T/r$k.html" "$T/a"
done
if diff -r "$T/t1" "$T/t2" >/dev/null; then ok; else bad "tables differ"; fi
same "$T/r1.html" "$T/r2.html" report
grep -q "https\?://[^w]\|<script" "$T/r1.html" && bad "the report is not self-contained" || ok
printf '# T\n\nWith `x < 1`.\n\n| | a\\_b |\n|---|---|\n| E05 | c \\| d |\n\n## E05\n\nmore\n' >"$T/rep.md"
"$TOOL" report --replication "$T/rep.md" --out "$T/r3.html" "$T/a"
for text in '<p>With <code>x &lt; 1</code>.</p>' '<th> a_b </th>' '<td> c | d </td></tr>' '<h3>E05</h3>'; do
    if grep -qF "$text" "$T/r3.html"; then ok; else bad "the report's replication lacks $text"; fi
done
"$TOOL" report --replication "$T/none.md" --out "$T/r4.html" "$T/a" 2>/dev/null && bad "a missing file is no error" || ok
[ -e "$T/r4.html" ] && bad "a refused report left a file" || ok

# a replication that lost a group makes that one again, and the table has the same bytes
R="replicate --only E5,E20 --quick --published --seeds 3..4 --lrs 0.1,0.3 -q --out $T/rep"
"$TOOL" $R && mv "$T/rep/replication.md" "$T/rep.md" && rm "$T/rep/E20.seeds-001.json" && touch -d @0 "$T"/rep/E05.*
"$TOOL" $R
same "$T/rep.md" "$T/rep/replication.md" "replication, resumed"
[ -z "$(find "$T/rep" -name 'E05*' -newer "$T/rep.md")" ] && ok || bad "a group that was there was run again"
status 3 "$TOOL" replicate --only E5,E20 --quick --seeds 3..4 -q --out "$T/rep"
status 2 "$TOOL" replicate

# interrupted: status 130, no file, nothing half written
mkdir "$T/int"; echo old >"$T/int/E05.json"
"$E5" --seeds 1..999 --threads 1 -q --out "$T/int" & pid=$!
{ for i in 1 2 3 4 5 6 7 8 9; do sleep 1; kill -INT $pid || break; done; } 2>/dev/null & asking=$!
wait $pid; got=$?; kill $asking 2>/dev/null
[ $got -eq 130 ] && ok || bad "status $got after SIGINT"
[ "$(cat "$T/int/E05.json")" = old ] && [ "$(ls "$T/int" | wc -l)" -eq 1 ] && ok || bad "files after SIGINT"

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
