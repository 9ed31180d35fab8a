# Sourced by bench.sh. A library has kernels for several processors and takes one by itself, which is not always its
# fastest here, and may be the slow one for processors that it does not know.
#
# choose PEER VARIABLE NAME...: exports VARIABLE as the NAME under which "$PROBE PEER" prints the highest speed; leaves it
# unset where the library's own choice is within 2 % of that. Says on stderr what was chosen, and warns where the own
# choice is slower by more than a tenth. A NAME with which the probe fails (no such kernels, an instruction that the
# processor lacks) is passed over.
choose() {
    peer=$1 variable=$2
    shift 2
    unset "$variable"
    own=$($PROBE "$peer" 2>/dev/null) && [ -n "$own" ] || return 0
    best=$own name=
    for kernels; do
        { speed=$(env "$variable=$kernels" $PROBE "$peer") || continue; } 2>/dev/null
        if awk "BEGIN { exit !($speed + 0 > 1.02 * $best) }"; then best=$speed name=$kernels; fi
    done
    export "BENCH_KERNELS_$peer=${name:-its own choice}"
    if [ -z "$name" ]; then echo "$peer: its own kernels, none of $* is faster" >&2; return 0; fi
    export "$variable=$name"
    echo "$peer: kernels $name, $(awk "BEGIN { printf \"%.2f\", $best / $own }") times as fast as its own choice" >&2
    ! awk "BEGIN { exit !($best > 1.1 * $own) }" || echo "$peer: WARNING: what it takes by itself is slow on this processor" >&2
}
