#!/usr/bin/env bash
# Makes the GitHub release of a tag from dist/ and release/notes.md: tools/release.sh TAG
set -euo pipefail

tag=${1:?usage: tools/release.sh TAG}

# Again after a failure: the release may stand, without all of its files.
if ! gh release view "$tag" >/dev/null 2>&1; then
  gh release create "$tag" --verify-tag --generate-notes --title="$tag" \
    --notes-file=release/notes.md
fi
gh release upload "$tag" --clobber dist/*
