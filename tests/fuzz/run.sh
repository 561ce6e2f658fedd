#!/usr/bin/env bash
# Builds the fuzz targets, coverage-guided by libFuzzer on stable Rust, and runs them:
#
#   run.sh SECONDS [TARGET...]
#
# FUZZ_CACHE keeps what is found between runs: a corpus and, after a crash, the input that led to it. Without it every
# run begins with the seeds alone, so that CI does the same each time.
set -euo pipefail
cd "$(dirname "$0")"
seconds=${1:?seconds for each target}
shift
targets=("$@")
((${#targets[@]})) || targets=(h264 vp8 vp9 av1 opus loss track fmp4 signalling session extension wire)

host=$(rustc -vV | sed -n 's/^host: //p')
# What cargo-fuzz passes, less the address sanitizer, which is for unsafe code and for nightly alone. With --target, build
# scripts and macros are left as they are.
export RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module \
-Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
-Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares"
unset CARGO_BUILD_RUSTFLAGS CARGO_ENCODED_RUSTFLAGS
export CARGO_TARGET_DIR=${FUZZ_TARGET_DIR:-target}
cargo build --locked --quiet --target "$host"
binary=$(realpath "$CARGO_TARGET_DIR/$host/debug/tureen-fuzz")

if [[ -z ${FUZZ_CACHE:-} ]]; then
    FUZZ_CACHE=$(mktemp -d)
    keep=
else
    mkdir -p "$FUZZ_CACHE"
    FUZZ_CACHE=$(realpath "$FUZZ_CACHE")
    keep=yes
fi

# One target. Inputs up to 64 KiB; a unit that takes 5 s hangs; memory is bounded by the binary itself (main.rs), and as
# a whole by libFuzzer.
one() {
    local target=$1 folder=$FUZZ_CACHE/$1 log=$FUZZ_CACHE/$1.log
    mkdir -p "$folder/corpus" "$folder/crashes" "$folder/seeds"
    FUZZ_TARGET=$target FUZZ_SEEDS=$folder/seeds "$binary" >"$log" 2>&1
    if FUZZ_TARGET=$target "$binary" -max_total_time="$seconds" -max_len=65536 -timeout=5 -rss_limit_mb=1024 \
        -seed=1 -print_final_stats=1 -artifact_prefix="$folder/crashes/" "$folder/corpus" "$folder/seeds" \
        >>"$log" 2>&1; then
        printf '%-11s %9s inputs, %s\n' "$target" "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")" \
            "$(grep -oE 'cov: [0-9]+' "$log" | tail -1)"
    else
        tail -n 40 "$log"
        echo "$target: FAILED. Again: FUZZ_TARGET=$target $binary INPUT, with an INPUT of:"
        ls -1 "$folder/crashes/"*
        return 1
    fi
}
export -f one
export FUZZ_CACHE binary seconds

status=0
printf '%s\n' "${targets[@]}" | xargs -P "$(nproc)" -I{} bash -c 'one {}' || status=1
if [[ -z $keep && $status == 0 ]]; then
    rm -rf "$FUZZ_CACHE"
fi
exit $status
