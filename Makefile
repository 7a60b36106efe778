# Every target is a verb of ./readiness: `make help` lists them. GNU make ends with 2 whatever a recipe's code was, so a
# failing recipe prints the launcher's own exit code as its last line.

SHELL := /bin/bash
.DEFAULT_GOAL := help
# No target here is a file.
.PHONY: $(shell sed -n 's/^\([a-zA-Z0-9_-]*\):.*/\1/p' $(firstword $(MAKEFILE_LIST)))

PROFILE ?= standard
RUN ?= latest
ALLOW ?=
ARGS ?=

# Half of the consent to more than reading a URL; the other half is its host in CONMAN_CONSENT_HOST.
consent = $(if $(ALLOW),--allow-$(ALLOW))

# Runs a verb and prints its exit code when it is not 0.
readiness = ./readiness $(1) || { code=$$?; echo "readiness exit code $$code" >&2; exit $$code; }

help: ## list the targets
	@awk -F ':.*## ' '/^[a-zA-Z0-9_-]+:.*## / { printf "  %-26s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@awk -F ':.*## ' '/^[a-zA-Z0-9_-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo '  PROFILE=smoke|standard|golive   ALLOW=writes|destructive   ARGS="…" for further options (see ./readiness run --help)'
	@echo '  CONMAN_BASE_URL, CONMAN_ADMIN_EMAIL, CONMAN_ADMIN_PASSWORD aim at a running Conman'

loadtest-L1: ## 50 users edit 5 files each at once: run, judge, report
	@$(call readiness,run L1 --profile $(PROFILE) $(consent) $(ARGS))

probe: ## walk the whole product flow once on the target, and say what differs from the contract
	@$(call readiness,probe $(consent) $(ARGS))

contract: setup ## the contract suite: the probe through every door
	node_modules/.bin/node node_modules/vitest/vitest.mjs run --project harness test/contract.test.ts checklist/CONTRACT harness/target $(ARGS)

loadtest-L2: ## 50 users hand in a changeset each at one instant
	@$(call readiness,run L2 --profile $(PROFILE) $(consent) $(ARGS))

loadtest-L3: ## a release is taken from 150 queued changesets, the rest is revalidated
	@$(call readiness,run L3 --profile $(PROFILE) $(consent) $(ARGS))
loadtest-L4: ## five releases in quick succession: tags, content, changesets and jobs agree
	@$(call readiness,run L4 --profile $(PROFILE) $(consent) $(ARGS))

loadtest-L5: ## a repository of 10,000 files is read: tree, files, diff, cold and warm
	@$(call readiness,run L5 --profile $(PROFILE) $(consent) $(ARGS))

loadtest-L6: ## ten deployments at once, and fifty that race for one environment
	@$(call readiness,run L6 --profile $(PROFILE) $(consent) $(ARGS))

loadtest-L7: ## 50 users list the queued changesets, closed and open model
	@$(call readiness,run L7 --profile $(PROFILE) $(consent) $(ARGS))

loadtest: ## every load scenario and the steady mixes
	@$(call readiness,run loadtest --profile $(PROFILE) $(consent) $(ARGS))

loadtest-scale: ## the scale tier, weekly: bulk-queue, auth-burst, poll-storm (docs/scale.md)
	@$(call readiness,run scale --profile $(PROFILE) $(consent) $(ARGS))

loadtest-scale-bulk-queue: ## the queue among 10,000 changesets is put into another order, 5 times a second
	@$(call readiness,run scale.bulk-queue --profile $(PROFILE) $(consent) $(ARGS))

loadtest-scale-auth-burst: ## 200 users log in, ask for new passwords and use their tokens at once
	@$(call readiness,run scale.auth-burst --profile $(PROFILE) $(consent) $(ARGS))

loadtest-scale-poll-storm: ## the clients of 5,000 users poll, 167 times a second
	@$(call readiness,run scale.poll-storm --profile $(PROFILE) $(consent) $(ARGS))
loadtest-api-mix: ## normal load: 50 users over all endpoints (GL-P2, GL-P5, SLO1, SLO2, what was told)
	@$(call readiness,run api-mix GL-P2 GL-P5 SLO1 SLO2 --profile $(PROFILE) $(consent) $(ARGS))

loadtest-job-mix: ## a steady load of jobs and deployments (GL-P3, SLO3, SLO4, SLO5, what was told)
	@$(call readiness,run job-mix GL-P3 SLO3 SLO4 SLO5 --profile $(PROFILE) $(consent) $(ARGS))
security: ## every security check: run, judge, report; security-S19 for one
	@$(call readiness,run security --profile $(PROFILE) $(consent) $(ARGS))

security-%:
	@$(call readiness,run $* --profile $(PROFILE) $(consent) $(ARGS))
fault-F3: ## the primary of the database steps down, dies, and dies with what only it has
	@$(call readiness,run F3 --profile $(PROFILE) $(consent) $(ARGS))

fault-F4: ## all members of the database are stopped, and come back
	@$(call readiness,run F4 --profile $(PROFILE) $(consent) $(ARGS))

seed: ## seed the specified volume on a stack that is kept up, or on CONMAN_BASE_URL
	@$(call readiness,seed $(ARGS))

seed-scale: ## seed 10,000 changesets and 5,000 users on a stack that is kept up
	@$(call readiness,seed --scale $(ARGS))

prove: ## seed known defects: each must turn exactly its check red
	@$(call readiness,prove $(ARGS))

bench: ## measure the harness and the bundled Conman, and store the figures
	@$(call readiness,bench $(ARGS))

judge: ## recompute the verdicts of RUN (default: latest) from its evidence
	@$(call readiness,judge $(RUN) $(ARGS))

report: ## render the report of RUN (default: latest) again
	@$(call readiness,report $(RUN) $(ARGS))

bundle: ## make one file of RUN (default: latest), with a statement of what it attests
	@$(call readiness,bundle $(RUN) $(ARGS))

sign-off: ## put a name under the verdicts of RUN: ARGS='--as "A. Name" --section Security'
	@$(call readiness,sign-off $(RUN) $(ARGS))

verify: ## say whether RUN (default: latest), or a bundle, still says what it said
	@$(call readiness,verify $(RUN) $(ARGS))

list: ## the catalogue of checks
	@$(call readiness,list $(ARGS))

runs: ## the runs that are kept
	@$(call readiness,runs $(ARGS))

clean-run: ## take away what RUN made on a URL, and list what its API cannot remove
	@$(call readiness,clean $(RUN) $(consent) $(ARGS))

doctor: ## the programs that the harness needs, and what to type where one is missing
	@$(call readiness,doctor $(ARGS))

up: ## keep a stack with the bundled Conman up, and print its addresses
	@$(call readiness,up $(ARGS))

down: ## end the stacks that are kept up
	@$(call readiness,down $(ARGS))

setup: ## install the locked packages and Node 24
	@$(call readiness,setup)

test: setup ## the project's own tests, on real parts
	@node_modules/.bin/node node_modules/vitest/vitest.mjs run --project reference --project harness $(ARGS)

lint: setup ## formatting and lint rules
	@node_modules/.bin/biome check .

format: setup ## mend the formatting
	@node_modules/.bin/biome check --write .

typecheck: setup ## the types, load scripts included
	@node_modules/.bin/tsc
