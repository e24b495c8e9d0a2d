#!/bin/sh
# The packages that benchmarks.counterfactual compares with, in environments of their own, and the benchmark itself.
# Usage: sh benchmarks/counterfactual_env.sh [python of skdistill's environment] [a Python from 3.12 on, for oceanpy]
# NICEx wants numpy 1 and pandas 1, DiCE pandas 2 or 3, alibi TensorFlow 2.14, oceanpy Python 3.12: so there are four.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
python=${1:-"$here/../.venv/bin/python"}
newer=${2:-python3.12}
for name in nice dice alibi ocean; do
    env="$here/../.venv-counterfactual/$name"
    [ -f "$env/.stamp" ] && continue
    interpreter=$python
    if [ "$name" = ocean ]; then
        # Without it everything but the comparison with the optimum runs.
        command -v "$newer" > /dev/null || { echo "no $newer: oceanpy is left out"; continue; }
        interpreter=$newer
    fi
    "$interpreter" -m venv "$env"
    sed -n "s/^$name //p" "$here/constraints-counterfactual.txt" > "$env/requirements.txt"
    # The list is complete but for the packages for graphics cards, which nothing here uses.
    "$env/bin/python" -m pip install -qq --no-deps -r "$env/requirements.txt"
    touch "$env/.stamp"
done
cd "$here/.."
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
"$python" -m benchmarks.counterfactual
