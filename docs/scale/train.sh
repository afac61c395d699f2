#!/bin/sh
# TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 torchrun --nnodes 2 --nproc-per-node 4 --max-restarts 10 --no-python sh train.sh RECIPE RUN
# After a process was lost torchrun stops all and starts this again everywhere: it goes on from the last checkpoint.
set -eu

if [ -e "$2/last.ckpt" ]; then
    exec upres train "$2" --resume
fi
exec upres train "$1" --run "$2"
