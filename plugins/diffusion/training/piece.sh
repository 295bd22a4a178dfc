#!/usr/bin/env bash
# One piece of the transformer's training on a machine with a CUDA GPU that is lent for minutes. Clips are drawn beside it.
#   piece.sh SECONDS OUT      goes on from OUT/dit.{raw,ema}.pt where they are; leaves them there, 8 MB each. ANNEAL=1: the last
# Needs encoder.npz in OUT. BATCH (256) and RATE (1) as in train_dit.py.
set -euo pipefail
seconds=$1 out=$(cd "$2" && pwd) here=$(cd "$(dirname "$0")" && pwd) work=$(mktemp -d)
export OMP_NUM_THREADS=1 PYTHONPATH=$here
python=${PYTHON:-python3} drawers=$(( $(nproc) > 3 ? $(nproc) - 2 : 1 )) pids=()
cp "$out"/*.npz "$work"; cp "$out"/dit.*.pt "$work" 2>/dev/null || true
cd "$work"
first=$(( 1000000 + $(date +%s) / 60 % 100000 * 100 ))  # other clips in every piece, none of those kept for judging
for ((i = 0; i < drawers; i++)); do
    $python "$here/make_data.py" $(( first + 7 * i )) $(( first + 7 * i + 7 )) & pids+=($!)
done
trap 'kill "${pids[@]}" 2>/dev/null || true; rm -rf "$work"' EXIT
until [ "$(ls shard_*.npz 2>/dev/null | wc -l)" -ge "$drawers" ]; do sleep 1; done
BATCH=${BATCH:-256} $python "$here/train_dit.py" "$seconds"
cp dit.*.pt "$out"
