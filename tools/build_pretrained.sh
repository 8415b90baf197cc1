#!/usr/bin/env bash
# Trains the pretrained model that comes with the package:
#   tools/build_pretrained.sh IMAGES SPLITS BACKBONE EXTERNAL OUT
#   IMAGES    TrashNet in class folders          SPLITS    its official lists
#   BACKBONE  efficientnet_lite0.keras           EXTERNAL  photos/ in class folders, not_waste/
# The same command again continues where an interrupted one stopped.
set -euo pipefail

usage="usage: tools/build_pretrained.sh IMAGES SPLITS BACKBONE EXTERNAL OUT"
images=${1:?$usage} splits=${2:?$usage} backbone=${3:?$usage} external=${4:?$usage} out=${5:?$usage}
data=(--data_dir="$images" --split_method=official --split_dir="$splits" --backbone="$backbone")
model="$out/student/export/model_int8.tflite"

step() { printf '\n== %s\n' "$1"; }

step "1/5 train the teacher"
python -m trash_keras train --preset=best --finetune_epochs=14 --tta=4 \
  "${data[@]}" --workdir="$out/teacher"
step "2/5 train the student (distillation)"
python -m trash_keras train --preset=student_lite0_224 "${data[@]}" \
  --teacher="$out/teacher/model.keras" --cache_dir="$out/cache" --workdir="$out/student"
step "3/5 export"
python -m trash_keras export --workdir="$out/student" --formats=float32,int8 --license=Apache-2.0
step "4/5 evaluate the file, at home and elsewhere"
python -m trash_keras evaluate --model="$model" --data_dir="$images" \
  --catalog="$out/student/catalog.json" --ood_dir="$external/not_waste" --output="$out/home"
python -m trash_keras evaluate --model="$model" --data_dir="$external/photos" --output="$out/external"
step "5/5 put it into the package"
python -m tools.build_pretrained --workdir="$out/student" --home="$out/home" --external="$out/external"
