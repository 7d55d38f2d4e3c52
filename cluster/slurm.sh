#!/bin/bash
# A search on nodes that Slurm allocates: sbatch cluster/slurm.sh SPACE RUN [options of search]
# Submitted again with the same RUN, it goes on where the search was.
#SBATCH --job-name=einsearch
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --exclusive
#SBATCH --time=24:00:00
#SBATCH --output=einsearch-%j.log
# For GPUs add: #SBATCH --gpus-per-node=4, and submit with: --gpus 1
set -euo pipefail

SPACE=${1:?"usage: sbatch cluster/slurm.sh SPACE RUN [options of search]"}
RUN=${2:?"usage: sbatch cluster/slurm.sh SPACE RUN [options of search]"}
shift 2
VENV=${VENV:-$HOME/einsearch-venv}
export PATH="$VENV/bin:$PATH"

# One token for all processes of this job, known to its owner alone.
export RAY_AUTH_MODE=token
RAY_AUTH_TOKEN=$(python -c "import secrets; print(secrets.token_hex(32))")
export RAY_AUTH_TOKEN

HEAD=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
HEAD_ADDRESS=$(getent ahostsv4 "$HEAD" | awk 'NR == 1 {print $1}')

if [ -d "$RUN" ]; then
    SEARCH=(einsearch resume "$RUN" --address auto "$@")
else
    SEARCH=(einsearch search "$SPACE" --run "$RUN" --executor ray --address auto "$@")
fi
srun --nodes="$SLURM_JOB_NUM_NODES" --ntasks="$SLURM_JOB_NUM_NODES" \
    ray symmetric-run --address "$HEAD_ADDRESS:6379" --min-nodes "$SLURM_JOB_NUM_NODES" \
    --disable-usage-stats --include-dashboard=false -- "${SEARCH[@]}"
