# `make test` and `make reproduce` set up what they need, once: a virtual environment and the
# install. Data sets are fetched by the first run that needs one.

# The first Python on the PATH that is new enough, unless one is named: make test PYTHON=python3.12
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$python"; break; }; done)
VENV ?= .venv
RESULTS ?= results
QUICK ?=
JOBS ?=
SEEDS ?=
FIGURES ?=
ARGS ?=

empty :=
space := $(empty) $(empty)
comma := ,
BIN := $(VENV)/bin/python
LRARUN := $(BIN) -m lrarun
PIP_INSTALL := $(BIN) -m pip install --quiet --disable-pip-version-check
BASE := $(VENV)/.installed
DEV := $(VENV)/.installed-dev
PLOTS := $(VENV)/.installed-plots
TUNE := $(VENV)/.installed-tune

quick := $(filter-out 0 no,$(QUICK))
FULL := $(foreach n,1 2 3,experiments/table$(n).yaml) experiments/figure1.yaml $(if $(filter-out 0 no,$(FIGURES)),experiments/figure3.yaml)
SPECS := $(if $(quick),experiments/quick.yaml,$(FULL))
OVER := $(if $(SEEDS),--set 'sweep.seed=[$(subst $(space),$(comma),$(strip $(SEEDS)))]')
TABLE := $(if $(quick),table 1 --spec experiments/quick.yaml,table)
TRAIN = $(strip train $(SPECS) $(OVER) --results $(RESULTS) $(if $(JOBS),--jobs $(JOBS)))

.DEFAULT_GOAL := help
.PHONY: help reproduce fair test stress lint format types readme-table pages publish clean
# Two goals at once would install into one environment at the same time.
.NOTPARALLEL:

help:  ## show this list
	@echo 'make TARGET [VARIABLE=value ...]'; echo
	@sed -n 's/^\([a-z-]*\):.*## */  \1|/p' $(firstword $(MAKEFILE_LIST)) | awk -F'|' '{printf "%-14s %s\n", $$1, $$2}'
	@echo; echo 'variables:'
	@echo '  QUICK=1        reproduce: a small Table 1, in minutes'
	@echo '  RESULTS=dir    reproduce: the folder for runs and figures (default: results)'
	@echo '  FIGURES=1      reproduce: also train the 24 runs that only Figure 3 needs'
	@echo '  JOBS=n         reproduce: number of processes (default: one per core)'
	@echo '  SEEDS="0 1 2"  reproduce: train every run once per seed'
	@echo '  ARGS="-k spec" test: more arguments for pytest'
	@echo '  PYTHON=path    the Python that makes the virtual environment (3.11 or newer)'

# Tables, figures and claims come also when a run failed (exit code 3); the first failure is the one that counts.
# A figure or claim whose runs are missing (4), or a claim that fails (5), is a result, not an accident.
reproduce: $(if $(quick),$(BASE),$(PLOTS))  ## train the paper's runs that are missing; print tables, figures, claims
	@code=0; results=0; \
	if [ -z '$(quick)' ]; then \
		$(LRARUN) $(TRAIN) --dry-run | tail -n 1 >&2; \
		echo 'Stop it at any time with Ctrl-C: the same command goes on where it was.' >&2; \
	fi; \
	$(LRARUN) $(TRAIN) || code=$$?; \
	[ $$code -eq 0 ] || [ $$code -eq 3 ] || exit $$code; \
	$(LRARUN) $(TABLE) --results $(RESULTS) || results=$$?; \
	[ $$code -ne 0 ] || code=$$results; \
	if [ -z '$(quick)' ]; then \
		for figure in 1a 1b 2 3; do \
			results=0; $(LRARUN) figure $$figure --results $(RESULTS) || results=$$?; \
			[ $$code -ne 0 ] || [ $$results -eq 4 ] || code=$$results; \
		done; \
		results=0; $(LRARUN) claims --results $(RESULTS) || results=$$?; \
		[ $$code -ne 0 ] || [ $$results -eq 4 ] || [ $$results -eq 5 ] || code=$$results; \
	else \
		{ echo; echo 'The runs are in $(RESULTS). On a web page:' \
			'$(VENV)/bin/lrarun report --spec $(SPECS) --results $(RESULTS)'; \
		echo 'Next: an experiment of your own (README.md), or the paper'"'"'s runs with make reproduce, in hours.'; } >&2; \
	fi; \
	exit $$code

# A winner that diverges (exit code 3) is a result; the rest is trained all the same.
fair: $(TUNE)  ## tune every rule under one budget, train the winners, print the fair table (docs/fair-table.md)
	@todo="$$($(LRARUN) fair --todo --results $(RESULTS)/fair)" || exit $$?; \
	lrarun() { $(LRARUN) "$$@" $(if $(JOBS),--jobs $(JOBS)) || { code=$$?; [ $$code -eq 3 ] || exit $$code; }; }; \
	eval "$$todo"; \
	$(LRARUN) fair --results $(RESULTS)/fair

test: $(DEV)  ## run the tests
	@$(BIN) -m pytest $(ARGS)

stress: $(DEV)  ## kill and interrupt many runs, fill the disk, and compare with undisturbed runs
	@$(PIP_INSTALL) --editable '.[dev,cluster]' || $(INSTALL_FAILED)
	@$(BIN) tests/stress.py $(ARGS)

lint: $(DEV)  ## check style and import order with ruff
	@$(BIN) -m ruff check && $(BIN) -m ruff format --check --quiet || \
		{ echo 'make format mends what can be mended by itself' >&2; exit 1; }

format: $(DEV)  ## mend style and import order with ruff
	@$(BIN) -m ruff check --fix; $(BIN) -m ruff format

types: $(DEV)  ## check types with mypy
	@$(BIN) -m mypy

readme-table: $(BASE)  ## write Table 1 of the reference results into README.md
	@$(LRARUN) table 1 --format markdown --results results/reference | $(BIN) maintenance/readme_table.py README.md

publish: $(BASE)  ## copy finished runs without weights: FROM=results TO=results/reference
	@$(BIN) maintenance/publish_results.py $(or $(FROM),$(RESULTS)) $(or $(TO),results/reference)

pages: $(BASE)  ## write the generated tables of the pages anew
	@$(BIN) maintenance/choices_page.py > docs/choices.md.new && mv docs/choices.md.new docs/choices.md
	@$(BIN) maintenance/packages_table.py > docs/architecture.md.new && mv docs/architecture.md.new docs/architecture.md
	@$(BIN) -m maintenance.result_pages

clean:  ## remove the virtual environment and caches; results and data sets stay
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .hypothesis .coverage
	find lrarun tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.created:
	@python='$(PYTHON)'; \
	if [ -z "$$python" ]; then \
		echo 'lrarun needs Python 3.11 or newer, and none is on the PATH.' \
			'Install one, or name it: make PYTHON=/path/to/python3' >&2; exit 1; fi; \
	version=$$("$$python" -c 'import sys; print("%d.%d" % sys.version_info[:2]); sys.exit(sys.version_info < (3, 11))') || { \
		echo "lrarun needs Python 3.11 or newer; $$python is $${version:-no Python that runs}." \
			'Name another: make PYTHON=/path/to/python3' >&2; exit 1; }; \
	"$$python" -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$$python can't make virtual environments: its modules venv and ensurepip are missing." \
			"On Debian and Ubuntu they are in the package python$$version-venv." >&2; exit 1; }; \
	echo "Creating $(VENV) with Python $$version" >&2; \
	"$$python" -m venv $(VENV)
	@touch $@

define INSTALL_FAILED
{ echo 'The install failed; pip says why above. Behind a proxy or without a network, point pip at' \
	'what it may use (PIP_INDEX_URL, PIP_FIND_LINKS, PIP_NO_INDEX) and run make again.' >&2; exit 1; }
endef

$(BASE): $(VENV)/.created setup.cfg pyproject.toml
	@echo 'Installing lrarun (once)' >&2
	@$(PIP_INSTALL) --editable . || $(INSTALL_FAILED)
	@touch $@

$(PLOTS): $(VENV)/.created setup.cfg pyproject.toml
	@echo 'Installing lrarun and what draws figures (once)' >&2
	@$(PIP_INSTALL) --editable '.[plots]' || $(INSTALL_FAILED)
	@touch $(BASE) $@

$(TUNE): $(VENV)/.created setup.cfg pyproject.toml
	@echo 'Installing lrarun and what proposes trials (once)' >&2
	@$(PIP_INSTALL) --editable '.[tune]' || $(INSTALL_FAILED)
	@touch $(BASE) $@

$(DEV): $(VENV)/.created setup.cfg pyproject.toml
	@echo 'Installing lrarun and its test tools (once)' >&2
	@$(PIP_INSTALL) --editable '.[dev]' || $(INSTALL_FAILED)
	@touch $(BASE) $@
