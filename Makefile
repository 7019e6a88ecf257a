# The commands of this house. Each does its own set-up.
NODE := node_modules/.bin/node
export PATH := $(CURDIR)/node_modules/.bin:$(CURDIR)/.cache/bin:$(PATH)

.PHONY: lab guide test check bench generate format clean

lab: ## A laptop-size cluster on this machine; stays up until Ctrl-C. NODES=n for more nodes, FRR=10 for the newer FRR.
	@sh scripts/setup.sh
	@[ "$(FRR)" != 10 ] || sh scripts/setup.sh frr10
	@exec $(NODE) lab/main.ts

guide: ## The guide, start to end, unattended; transcript in .cache/guide-transcript.txt
	@sh scripts/setup.sh
	@[ "$(FRR)" != 10 ] || sh scripts/setup.sh frr10
	@exec $(NODE) lab/guide.ts

test: ## Everything installed, every test run
	@sh scripts/setup.sh
	@sh scripts/setup.sh vm
	@exec $(NODE) scripts/test.ts

check: ## Types, lint, format, architecture, unit tests, generated files: under a minute, no root
	@sh scripts/setup.sh npm
	@sh scripts/check.sh

bench: ## Measurements, as a table and as bench/results/latest.json
	@sh scripts/setup.sh
	@exec $(NODE) bench/run.ts

generate: ## CRDs, RBAC and reference pages from the tables in src/api
	@sh scripts/setup.sh npm
	@$(NODE) scripts/generate.ts

format:
	@sh scripts/setup.sh npm
	@biome format --write .

clean: ## What a killed lab left behind, and what set-up unpacked
	@[ ! -x $(NODE) ] || $(NODE) lab/main.ts --sweep
	@rm -rf .cache coverage
