"""What can hold a secret in an address is neither printed nor kept, whatever the verb."""

import io
import json
import zipfile

import pytest

from tests.support import builders, http_server

SECRETS = ("s3cr-one", "s3cr-two", "s3cr-three")


class Archive(http_server.Handler):
    def reply(self):
        self.respond(200 if self.path.startswith("/set.zip") else 404, self.server.content)


@pytest.fixture
def address(tmp_path_factory):
    """An archive of images, at an address with a user, a query and a fragment."""
    folder = builders.write_solid(tmp_path_factory.mktemp("set") / "set")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for file in folder.rglob("*.png"):
            archive.write(file, file.relative_to(folder))
    with http_server.serving(Archive, content=packed.getvalue()) as server:
        host = server.url.removeprefix("http://")
        yield f"http://me:{SECRETS[0]}@{host}/set.zip?auth={SECRETS[1]}#{SECRETS[2]}"


def require_no_secret(place, *done):
    """Checks what is on the disk and what was printed."""
    kept = {file: file.read_bytes() for file in place.rglob("*") if file.is_file()}
    kept |= {number: f"{each.stdout}{each.stderr}".encode() for number, each in enumerate(done)}
    names = "\n".join(map(str, place.rglob("*")))
    for secret in SECRETS:
        assert not [name for name, content in kept.items() if secret.encode() in content]
        assert secret not in names


@pytest.mark.slow
def test_a_run_keeps_no_secret_of_its_source(script, tmp_path, address, toy_backbone):
    data, run = tmp_path / "data", tmp_path / "run"
    flags = [
        f"--data_source={address}", f"--data_dir={data}", f"--workdir={run}", "--head_epochs=1",
        f"--backbone={toy_backbone}", "--image_size=16", "--finetune_epochs=0", "--tensorboard",
        "--wandb_mode=offline", "--accelerator=cpu",
    ]  # fmt: skip
    trained = script("train", *flags)
    assert trained.returncode == 0, trained.stderr
    again = script("prepare", f"--source={address}", f"--data_dir={data}")
    assert again.returncode == 0 and "nothing to do" in again.stdout
    scored = script(
        "evaluate", f"--model={run}/model.keras", f"--data_dir={data}", f"--output={tmp_path}/out"
    )
    assert scored.returncode == 0, scored.stderr
    public = address.partition("@")[2].partition("?")[0]
    written = ["data/.trash_keras-source.json", "run/config.json", "run/report.json"]
    written += ["run/report.html", "run/MODEL_CARD.md", "out/report.json"]
    for name in written:
        assert f"http://{public}" in (tmp_path / name).read_text().replace("&#x2F;", "/"), name
    require_no_secret(tmp_path, trained, again, scored)
    resumed = script("train", *flags)  # with a setting that is not the one that was kept
    assert resumed.returncode == 0 and "complete" in resumed.stdout


@pytest.mark.parametrize(
    ("verb", "flags"),
    [
        ("prepare", ["--source=ADDRESS", "--data_dir=FOLDER"]),
        ("prepare", ["--source=ADDRESS", "--data_dir=FOLDER", "--traceback"]),
        ("train", ["--data_dir=ADDRESS", "--workdir=FOLDER", "--traceback"]),
        ("train", ["--data_dir=FOLDER", "--workdir=FOLDER", "--head_epochs=ADDRESS"]),
        ("evaluate", ["--model=ADDRESS", "--data_dir=FOLDER", "--output=FOLDER"]),
        ("predict", ["ADDRESS"]),
        ("predict", ["--format=json", "ADDRESS"]),
        ("train", ["--no_such_flag=ADDRESS"]),
        ("compare", ["ADDRESS"]),
    ],
)
def test_no_error_shows_a_secret(script, tmp_path, address, verb, flags):
    gone = address.replace("/set.zip", "/gone.zip")
    folder = str(tmp_path / "folder")
    given = [flag.replace("ADDRESS", gone).replace("FOLDER", folder) for flag in flags]
    done = script(verb, *given)
    assert done.returncode and f"{done.stdout}{done.stderr}".strip()
    require_no_secret(tmp_path, done)


def test_predictions_name_an_image_without_its_secrets(script, tmp_path):
    image = next(builders.write_solid(tmp_path / "set", 1).rglob("*.png")).read_bytes()
    with http_server.serving(Archive, content=image) as server:
        address = server.url.replace("//", f"//me:{SECRETS[0]}@") + f"/set.zip?sig={SECRETS[1]}"
        done = script("predict", "--format=json", address)
    assert json.loads(done.stdout)["file"] == f"{server.url}/set.zip"
    require_no_secret(tmp_path, done)


def test_a_job_refuses_an_address_with_secrets(script, tmp_path):
    pytest.importorskip("apache_beam", reason="needs the extra beam: make beam")
    with http_server.serving(Archive, content=b"") as server:
        address = server.url.replace("//", f"//me:{SECRETS[0]}@") + f"/set.zip?sig={SECRETS[1]}"
        done = script("predict", "--runner=DirectRunner", f"--output={tmp_path}/job", address)
    assert done.returncode == 1 and "keeps the addresses" in done.stderr
    require_no_secret(tmp_path, done)
