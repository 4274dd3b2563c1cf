# make demo: analyze the bundled mammogram.   make test: everything that must hold.   Both set up .venv by themselves.
PYTHON ?= python3
BIN = .venv/bin
SOURCES = pyproject.toml $(shell find MicrocalcAI MicrocalcElastography -name '*.py' -o -path '*/Resources/*' -type f 2>/dev/null)
SAMPLE = MicrocalcAI/Resources/MicrocalcAI/SampleData/mammogram_right_mlo.jpg

.PHONY: demo test lint fast figures benchmarks clean

demo: .venv/installed
	@$(BIN)/microcalc analyze $(SAMPLE) --output out/demo
	@echo "Picture:      out/demo/mammogram_right_mlo/overlay.png"
	@echo "Tables:       out/demo/mammogram_right_mlo/clusters.csv and calcifications.csv"
	@echo "Segmentation: out/demo/mammogram_right_mlo/calcifications.seg.nrrd (opens in Slicer)"

test: .venv/installed-tests lint
	$(BIN)/python -m pytest

fast: .venv/installed-tests
	$(BIN)/python -m pytest Testing/library -m "not slow"

lint: .venv/installed-tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

.venv/installed: $(SOURCES)
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check .
	@touch $@

.venv/installed-tests: .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check ".[test]"
	@# The reference of our radiomics builds only without isolation, with a C compiler and Python's headers.
	$(BIN)/python -m pip install --quiet --disable-pip-version-check setuptools wheel versioneer cython numpy
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation pyradiomics==3.0.1
	@# Neural networks; torchvision without its dependencies, so that it does not replace this build of PyTorch.
	$(BIN)/python -m pip install --quiet --disable-pip-version-check torch==2.13.0
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps torchvision==0.28.0
	@touch $@

# The detection figures of the README: simulated calcifications in real images that no training saw.
figures: .venv/installed-tests
	$(BIN)/microcalc phantom --background Testing/Data/backgrounds/backgrounds.csv --split held-out --count 21 --seed 7 \
	  --format nrrd --output out/held-out
	$(BIN)/microcalc analyze out/held-out/nrrd/*.nrrd --false-marks 3 --output out/held-out/networks
	$(BIN)/microcalc analyze out/held-out/nrrd/*.nrrd --false-marks 3 --selector measurements --output out/held-out/measurements
	$(BIN)/microcalc evaluate --predictions out/held-out/networks --compare out/held-out/measurements \
	  --truth out/held-out/truth --output out/held-out/curve
	$(BIN)/microcalc analyze out/held-out/nrrd/*.nrrd --output out/held-out/default
	$(BIN)/microcalc evaluate --predictions out/held-out/default --truth out/held-out/truth --output out/held-out/at-default

benchmarks: .venv/installed-tests
	for benchmark in Testing/benchmarks/*_benchmark.py; do PYTHONPATH=MicrocalcAI:MicrocalcElastography:Testing $(BIN)/python $$benchmark || exit 1; done

clean:
	rm -rf .venv out build *.egg-info
