"""What stands in .github: pinned, bounded, with few permissions, and naming only what exists."""

import configparser
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.fuzzing import guided
from trash_keras import config

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / ".github/workflows").iterdir())
MAKEFILE = (ROOT / "Makefile").read_text()


def jobs():
    """All jobs but those that call another workflow, which has its own."""
    for file in FILES:
        for name, job in yaml.safe_load(file.read_text())["jobs"].items():
            if "steps" in job:
                yield pytest.param(job, id=f"{file.stem}-{name}")


def test_a_called_workflow_exists_and_may_do_no_more_than_its_caller():
    calls = [
        job
        for file in FILES
        for job in yaml.safe_load(file.read_text())["jobs"].values()
        if "steps" not in job
    ]
    assert [job["uses"] for job in calls] == ["./.github/workflows/android.yml"]
    for job in calls:
        called = yaml.safe_load((ROOT / job["uses"]).read_text())
        assert "workflow_call" in called[True]
        assert all(each["permissions"] == job["permissions"] for each in called["jobs"].values())


def test_the_app_is_built_with_the_tools_that_its_pages_name(workflow):
    steps = workflow("android")["jobs"]["build"]["steps"]
    given = {name: value for step in steps for name, value in step.get("with", {}).items()}
    wrapper = (ROOT / "android/gradle/wrapper/gradle-wrapper.properties").read_text()
    assert f"gradle-{given['gradle-version']}-bin.zip" in wrapper
    assert f"JDK {given['java-version']} " in (ROOT / "docs/android.md").read_text()


def test_a_release_waits_for_the_app_but_comes_without_it(workflow):
    publish = workflow("release")["jobs"]["publish"]
    assert publish["needs"] == ["build", "apk"]
    assert publish["if"] == "${{ !cancelled() && needs.build.result == 'success' }}"
    (fetched,) = [step for step in publish["steps"] if "download-artifact@" in step.get("uses", "")]
    assert fetched["with"] == {"pattern": "{dist,apk}", "merge-multiple": True, "path": "dist"}


def test_a_release_lists_signs_and_attests_before_it_is_published(workflow):
    jobs = workflow("release")["jobs"]
    assert [step["run"] for step in jobs["build"]["steps"] if "run" in step] == [
        "make dist", "make sbom"
    ]  # fmt: skip
    steps = jobs["publish"]["steps"]
    assert [step["run"] for step in steps if "run" in step] == [
        "make release-files", "make sign", "make release"
    ]  # fmt: skip
    attested = [step["with"] for step in steps if "actions/attest@" in step.get("uses", "")]
    assert attested == [
        {"subject-path": "dist/*"},
        {"subject-path": "dist/*.whl", "sbom-path": "dist/sbom.cdx.json"},
    ]
    assert "dist/sbom.cdx.json" in MAKEFILE and "run" in steps[-1]


def test_only_what_scorecard_accepts_is_in_its_workflow(workflow):
    rating = workflow("scorecard")
    assert "env" not in rating and "defaults" not in rating and list(rating["jobs"]) == ["analysis"]
    job = rating["jobs"]["analysis"]
    assert not {"env", "defaults", "container", "services"}.intersection(job)
    assert job["runs-on"].startswith("ubuntu-")
    used = [step["uses"].partition("@")[0] for step in job["steps"]]
    assert used == [
        "actions/checkout", "ossf/scorecard-action", "github/codeql-action/upload-sarif"
    ]  # fmt: skip
    _, scored, uploaded = (step.get("with", {}) for step in job["steps"])
    assert scored["results_file"] == uploaded["sarif_file"] and scored["publish_results"] is True


def runs():
    return [step["run"] for job in jobs() for step in job.values[0]["steps"] if "run" in step]


def test_every_action_is_pinned_by_its_hash_with_the_version_beside_it():
    lines = [
        line
        for file in FILES
        for line in file.read_text().splitlines()
        if "uses:" in line and "uses: ./" not in line
    ]
    pinned = {}
    for line in lines:
        match = re.fullmatch(
            r" +(?:- )?uses: ([\w-]+(?:/[\w-]+){1,2})@([0-9a-f]{40}) # v\d+\.\d+\.\d+", line
        )
        assert match, line
        pinned.setdefault(match[1], set()).add(line.partition("@")[2])
    assert {"actions/checkout", "actions/setup-python", "actions/upload-artifact"} <= set(pinned)
    assert all(len(versions) == 1 for versions in pinned.values()), pinned
    steps = [step for job in jobs() for step in job.values[0]["steps"]]
    assert len(lines) == sum("uses" in step for step in steps)


@pytest.mark.parametrize("job", jobs())
def test_every_job_ends_and_may_do_little(request, job):
    assert 0 < job["timeout-minutes"] <= 180
    writes = [name for name, access in job["permissions"].items() if access != "read"]
    publishing = {
        "release-publish": ["contents", "id-token", "attestations"],
        "pages-publish": ["pages", "id-token"],
        "scorecard-analysis": ["security-events", "id-token"],
    }
    assert writes == publishing.get(request.node.callspec.id, [])
    checkouts = [step for step in job["steps"] if "actions/checkout@" in step.get("uses", "")]
    assert not any(step["with"]["persist-credentials"] for step in checkouts)
    reads = any("run" in step or "/scorecard-action@" in step["uses"] for step in job["steps"])
    assert len(checkouts) == reads


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_workflow_permits_nothing_by_itself_and_stops_older_runs(file):
    content = yaml.safe_load(file.read_text())
    assert content["permissions"] == {}
    assert "group" in content["concurrency"]


@pytest.mark.parametrize("script", sorted(set(runs())))
def test_a_step_is_one_make_target_that_exists_and_names_what_exists(script):
    target = re.fullmatch(r"make ([a-z-]+)", script)[1]
    assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE), target
    phony = " ".join(re.findall(r"^\.PHONY: (.*)", MAKEFILE, re.MULTILINE)).split()
    assert target in phony
    command = ["make", "--dry-run", "--always-make", target]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for verb in re.findall(r"-m trash_keras (\w+)", done.stdout):
        assert (ROOT / f"trash_keras/cli/{verb}.py").exists(), verb
    for module in re.findall(r"-m (tools\.\w+)", done.stdout):
        assert (ROOT / f"{module.replace('.', '/')}.py").exists(), module
    for path in re.findall(r"\b(?:experiments|tests|tools)/[\w/]+\.\w+", done.stdout):
        assert (ROOT / path).exists(), path


def test_the_paths_of_uploads_are_where_make_writes():
    roots = dict(re.findall(r"^(DEMO|TRAIN) \?= (.+)", MAKEFILE, re.MULTILINE))
    allowed = (f"{roots['DEMO']}/run/", f"{roots['TRAIN']}/run/", "dist", f"{guided.FOLDER}/")
    steps = [step for job in jobs() for step in job.values[0]["steps"] if "uses" in step]
    uploads = [step for step in steps if "/upload-artifact@" in step["uses"]]
    assert len(uploads) == 7
    for step in uploads:
        assert all(path.startswith(allowed) for path in step["with"]["path"].split())


def test_presets_to_choose_from_exist_and_hold_settings(workflow):
    options = workflow("train")[True]["workflow_dispatch"]["inputs"]["preset"]["options"]
    types = {field.name: type(field.default) for _, field in config.fields()}
    for option in options:
        lines = (ROOT / f"trash_keras/presets/{option}.flags").read_text().splitlines()
        settings = [line for line in lines if not line.startswith("#")]
        assert settings
        for setting in settings:
            name, value = re.fullmatch(r"--(\w+)=(\S+)", setting).groups()
            types[name](value)


def test_tests_run_on_every_python_from_the_oldest_allowed(workflow):
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    oldest = setup["options"]["python_requires"].removeprefix(">=")
    matrix = workflow("ci")["jobs"]["test"]["strategy"]["matrix"]["python"]
    minors = [int(version.removeprefix("3.")) for version in matrix]
    assert matrix[0] == oldest
    assert minors == list(range(minors[0], minors[0] + len(minors)))


def test_newer_versions_are_proposed_for_actions_and_packages():
    updates = yaml.safe_load((ROOT / ".github/dependabot.yml").read_text())["updates"]
    folders = {update["package-ecosystem"]: update["directory"] for update in updates}
    assert folders == {"github-actions": "/", "pip": "/", "npm": "/web", "gradle": "/android"}
    assert (ROOT / "web/package.json").exists() and (ROOT / "android/build.gradle.kts").exists()
