#!/bin/bash
# sbatch slurm.sh IN OUT: sixteen tasks, each with its shard; a task that was lost is queued again and goes on.
#SBATCH --job-name=upres
#SBATCH --array=1-16
#SBATCH --cpus-per-task=4
#SBATCH --mem=2G
#SBATCH --time=12:00:00
#SBATCH --requeue
#SBATCH --signal=TERM@60
set -euo pipefail

exec upres upscale "$1" -o "$2" --shard auto --threads "$SLURM_CPUS_PER_TASK" --max-memory 1500MB -q
