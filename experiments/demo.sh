#!/usr/bin/env bash
# The whole path on drawn images, from nothing to predictions: experiments/demo.sh FOLDER
set -euo pipefail

out=${1:?usage: experiments/demo.sh FOLDER}
if [ -e "$out" ]; then
  rm -r "$out"
fi

step() { printf '\n== %s\n' "$1"; }

step "1/5 draw images"
python -m trash_keras prepare --source=synthetic --data_dir="$out/data" --images_per_class=100
step "2/5 train"
python -m trash_keras train --preset=demo \
  --data_dir="$out/data" --workdir="$out/run"
step "3/5 export"
python -m trash_keras export --workdir="$out/run"
step "4/5 evaluate the TFLite file on the test split"
python -m trash_keras evaluate --model="$out/run/export/model_float32.tflite" \
  --data_dir="$out/data" --catalog="$out/run/catalog.json" --output="$out/evaluation"
step "5/5 predict"
python -m trash_keras predict --model="$out/run/model.keras" \
  "$out"/data/glass/glass{1,2,3}.jpg "$out"/data/metal/metal{1,2,3}.jpg

printf '\nThe report: %s\n' "$out/run/report.html"
