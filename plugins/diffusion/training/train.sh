#!/usr/bin/env bash
# Everything from nothing to a measured model, in the working folder. What exists is kept: stopped, it goes on.
#   train.sh OUTDIR [MINUTES]     minutes the transformer trains in this call, two processes, the last third annealed
#   FROM=MODELDIR: goes on from a model that was exported, its encoder, decoder and transformer
set -euo pipefail
out=$1 minutes=${2:-120} here=$(cd "$(dirname "$0")" && pwd)
export OMP_NUM_THREADS=1 PYTHONPATH=$here COMPILE=${COMPILE:-$(grep -qw amx_bf16 /proc/cpuinfo && echo 1 || echo 0)}
# Memory is kept for the next step: asking the kernel for fresh pages took a third of each.
export MALLOC_MMAP_THRESHOLD_=33554432 MALLOC_TRIM_THRESHOLD_=17179869184 MALLOC_TOP_PAD_=268435456
python=${PYTHON:-python3}
train() { $python -m torch.distributed.run --nproc_per_node=2 "$here/train_dit.py" "$@"; }

[ -z "${FROM:-}" ] || [ -f encoder.npz ] || $python "$here/weights.py" "$FROM"
[ -f encoder.npz ] || $python "$here/codec.py" fit
$python "$here/make_data.py" 16 32 & other=$!
$python "$here/make_data.py" 0 16
wait "$other"
{ { [ -f text.pt ] || $python "$here/train_text.py" 150; } && { [ -f probe.pt ] || $python "$here/probe.py" 240 6000; }; } & other=$!
[ -f decoder.pt ] || $python "$here/train_decoder.py" 600
wait "$other"
[ -f object_probe.pt ] || $python "$here/object_probe.py" 1200 & other=$!
train $(( minutes * 40 ))
ANNEAL=1 train $(( minutes * 20 ))
wait "$other"
$python "$here/export.py" dit.ema.pt "$out"
$python "$here/golden.py" "$out"
$python "$here/sampler.py" "$out" "$out/samples.jpg"
$python "$here/evaluate.py" "$out"
