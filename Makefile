# make demo: analyze an exam of real films.   make test: everything that must hold.   Both set up .venv by themselves.
PYTHON ?= python3
BIN = .venv/bin
SOURCES = pyproject.toml $(shell find MicrocalcAI MicrocalcElastography -name '*.py' -o -path '*/Resources/*' -type f 2>/dev/null)
# Says nothing unless it fails.
install = $(BIN)/python -m pip install --disable-pip-version-check $(1) >.venv/pip.log 2>&1 || { cat .venv/pip.log; exit 1; }

.PHONY: demo test slow lint fast figures pictures benchmarks clean

demo: .venv/installed
	@$(BIN)/python Resources/Examples/demo.py --output out/demo

# A process for each core; tests of one file stay together, because they share what they have made.
test: .venv/installed-tests lint
	$(BIN)/python -m pytest -n logical --dist loadfile -m "not slow"

# The slow ones: long simulations, kills at random instants, trainings; with -s they print their figures.
slow: .venv/installed-tests
	$(BIN)/python -m pytest -n logical --dist loadfile -m slow

fast: .venv/installed-tests
	$(BIN)/python -m pytest Testing/library -m "not slow"

lint: .venv/installed-tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

.venv/installed: $(SOURCES)
	@echo "Installing Microcalc and eight sample films into .venv (about 400 MB to download, a few minutes) …"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(call install,".[samples]")
	@echo "Trying it on a simulated image; calculations are compiled once for this computer (a minute or two) …"
	@rm -rf .venv/trial
	@{ $(BIN)/microcalc phantom --output .venv/trial --format nrrd && \
	  $(BIN)/microcalc analyze .venv/trial/nrrd --output .venv/trial/results; } >.venv/trial.log 2>&1 || { cat .venv/trial.log; exit 1; }
	@rm -rf .venv/trial
	@touch $@

.venv/installed-tests: .venv/installed
	@echo "Installing what the tests need, PyTorch included (about 1 GB to download, several minutes) …"
	@$(call install,".[test]")
	@# The reference of our radiomics builds only without isolation, with a C compiler and Python's headers.
	@$(call install,setuptools wheel versioneer cython numpy)
	@$(call install,--no-build-isolation pyradiomics==3.0.1)
	@# Neural networks; torchvision without its dependencies, so that it does not replace this build of PyTorch.
	@$(call install,torch==2.13.0)
	@$(call install,--no-deps torchvision==0.28.0)
	@touch $@

# The detection figures of Docs/figures.md: simulated calcifications in real films and simulated breasts that no training saw.
figures: .venv/installed-tests
	$(BIN)/python Testing/real_data.py out/held-out/backgrounds.csv
	$(BIN)/microcalc phantom --background out/held-out/backgrounds.csv power-law power-law power-law --split held-out \
	  --count 21 --seed 7 --format nrrd --output out/held-out
	$(BIN)/microcalc analyze out/held-out/nrrd/*.nrrd --false-marks 3 --output out/held-out/networks
	$(BIN)/microcalc analyze out/held-out/nrrd/*.nrrd --false-marks 3 --selector measurements --output out/held-out/measurements
	$(BIN)/microcalc evaluate --predictions out/held-out/networks --compare out/held-out/measurements \
	  --truth out/held-out/truth --output out/held-out/curve
	$(BIN)/microcalc analyze out/held-out/nrrd/*.nrrd --output out/held-out/default
	$(BIN)/microcalc evaluate --predictions out/held-out/default --truth out/held-out/truth --output out/held-out/at-default

# The pictures of README and Docs, drawn anew.
pictures: .venv/installed-tests demo
	PYTHONPATH=MicrocalcAI:MicrocalcElastography:Testing $(BIN)/python Testing/draw_screenshots.py

# One table: every stage beside a peer, whole runs from a cold start.
benchmarks: .venv/installed-tests
	PYTHONPATH=MicrocalcAI:MicrocalcElastography:Testing:Testing/library $(BIN)/python Testing/benchmarks/speed_table.py

clean:
	rm -rf .venv out build *.egg-info
