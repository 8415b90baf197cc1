#!/usr/bin/env bash
# Makes the GitHub release of a tag from dist/ and the newest training: tools/release.sh TAG
set -euo pipefail

tag=${1:?usage: tools/release.sh TAG}

# A run of train.yml that succeeded has reached its bar; that of the tagged commit is preferred.
# Those started by hand do not count: they may be of other images, or of another bar.
newest() {
  gh run list --workflow=train.yml --event=push --status=success --limit=1 \
    --json=databaseId,headSha --jq='.[] | "\(.databaseId) \(.headSha)"' "$@"
}
found=$(newest --commit="$(git rev-parse HEAD)")
found=${found:-$(newest --branch=main)}

notes="No trained model is attached: no training has reached its bar yet."
if [ -n "$found" ]; then
  read -r run commit <<<"$found"
  trained=$(mktemp -d)
  trap 'rm -r "$trained"' EXIT
  if gh run download "$run" --name=exports --dir="$trained/exports" \
    && gh run download "$run" --name=report --dir="$trained/report"; then
    tar -C "$trained" -czf "dist/exports-$tag.tar.gz" exports
    for file in MODEL_CARD.md report.html; do
      if [ -e "$trained/report/$file" ]; then cp "$trained/report/$file" dist/; fi
    done
    notes="The exports come from training run $run at commit $commit."
  else
    notes="No trained model is attached: the artifacts of training run $run are gone."
  fi
fi

# Again after a failure: the release may stand, without all of its files.
if ! gh release view "$tag" >/dev/null 2>&1; then
  gh release create "$tag" --verify-tag --generate-notes --title="$tag" --notes="$notes"
fi
gh release upload "$tag" --clobber dist/*
