#!/usr/bin/env bash
# Trains the pretrained model that comes with the package:
#   tools/build_pretrained.sh IMAGES EXTERNAL OUT
#   IMAGES    TrashNet in class folders
#   EXTERNAL  photos/ in class folders, not_waste/ and other_waste/; none of it is trained on
# The same command again continues where an interrupted one stopped.
set -euo pipefail

usage="usage: tools/build_pretrained.sh IMAGES EXTERNAL OUT"
images=${1:?$usage} external=${2:?$usage} out=${3:?$usage}
run="$out/run"
model="$run/export/model_int8.tflite"

step() { printf '\n== %s\n' "$1"; }

step "1/4 train"
# To guarantee the target risk from 328 validation images costs a fifth of all predictions; a model
# that anybody may try should rather say something: its threshold is the point estimate.
python -m trash_keras train --preset=best --tta=1 --risk_confidence=0 --backbone=EfficientNetLite0 \
  --data_dir="$images" --split_method=official --workdir="$run"
step "2/4 export"
python -m trash_keras export --workdir="$run" --formats=float32,int8 --license=Apache-2.0
step "3/4 evaluate the file, at home and elsewhere"
python -m trash_keras evaluate --model="$model" --data_dir="$images" \
  --catalog="$run/catalog.json" \
  --ood_dir="near=$external/other_waste,far=$external/not_waste" --output="$out/home"
python -m trash_keras evaluate --model="$model" --data_dir="$external/photos" --output="$out/external"
step "4/4 put it into the package"
python -m tools.build_pretrained --workdir="$run" --home="$out/home" --external="$out/external"
