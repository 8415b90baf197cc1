#!/usr/bin/env bash
# Puts what the newest training made into dist/, and notes in release/: tools/release_files.sh TAG
set -euo pipefail

tag=${1:?usage: tools/release_files.sh TAG}

# A run of train.yml that succeeded has reached its bar; that of the tagged commit is preferred.
# Those started by hand do not count: they may be of other images, or of another bar.
newest() {
  gh run list --workflow=train.yml --event=push --status=success --limit=1 \
    --json=databaseId,headSha --jq='.[] | "\(.databaseId) \(.headSha)"' "$@"
}
found=$(newest --commit="$(git rev-parse HEAD)")
found=${found:-$(newest --branch=main)}

rm -rf release
mkdir release
notes="No trained model is attached: no training has reached its bar yet."
if [ -n "$found" ]; then
  read -r run commit <<<"$found"
  if gh run download "$run" --name=exports --dir="release/exports-$tag" \
    && gh run download "$run" --name=report --dir=release/report; then
    tar -C release -czf "dist/exports-$tag.tar.gz" "exports-$tag"
    for file in MODEL_CARD.md report.html; do
      if [ -e "release/report/$file" ]; then cp "release/report/$file" dist/; fi
    done
    notes="The exports come from training run $run at commit $commit."
  else
    rm -rf "release/exports-$tag"
    notes="No trained model is attached: the artifacts of training run $run are gone."
  fi
fi
printf '%s\n' "$notes" "SECURITY.md says how to verify the files." > release/notes.md
