#!/usr/bin/env bash
# The whole path from images to predictions: experiments/demo.sh FOLDER
# Takes the class folders in notebooks/my-trash-dataset/train where they are, else draws images.
set -euo pipefail

out=${1:?usage: experiments/demo.sh FOLDER}
data=notebooks/my-trash-dataset/train
if [ -e "$out" ]; then
  rm -r "$out"
fi

step() { printf '\n== %s\n' "$1"; }

if [ -d "$data" ]; then
  step "1/5 images: those in $data"
else
  step "1/5 draw images"
  data=$out/data
  python -m trash_keras prepare --source=synthetic --data_dir="$data" --images_per_class=100
fi
step "2/5 train: transfer learning from ImageNet, then fine-tuning"
python -m trash_keras train --preset=demo --data_dir="$data" --workdir="$out/run"
step "3/5 export: SavedModel, and TFLite in 8 bits"
python -m trash_keras export --workdir="$out/run" --formats=saved_model,int8
step "4/5 evaluate the TFLite file on the test split"
python -m trash_keras evaluate --model="$out/run/export/model_int8.tflite" \
  --data_dir="$data" --catalog="$out/run/catalog.json" --output="$out/evaluation"
step "5/5 predict: one image of each class that the model has not seen"
images=()
while IFS= read -r image; do
  images+=("$data/$image")
done < <(python -c 'import json, sys
for files in json.load(open(sys.argv[1]))["splits"]["test"].values(): print(files[0])' \
  "$out/run/catalog.json")
python -m trash_keras predict --model="$out/run/export/model_int8.tflite" "${images[@]}"

printf '\nThe report: %s\n' "$out/run/report.html"
printf 'Next, on images of your own, one folder a class, and then on any photograph:\n'
printf '  %s/trash-keras train --preset=best --backbone=EfficientNetLite0 --data_dir=MY_IMAGES --workdir=runs/mine\n' "$(dirname "$(command -v python)")"
printf '  %s/trash-keras predict --model=runs/mine/model.keras PHOTO.jpg\n' "$(dirname "$(command -v python)")"
