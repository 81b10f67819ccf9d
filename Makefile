# `make` alone lists the targets. Each installs what it needs; Node.js itself comes from the npm package `node`.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# First on the PATH, so that the machine's own Node.js never runs the code.
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)

INSTALLED := node_modules/.package-lock.json
MOCHA := node node_modules/mocha/bin/mocha.js
# Tests to run: make test TESTS=test/proxy/sip/via.test.ts
TESTS ?= 'test/**/*.test.ts'

.PHONY: help demo image deploy test lint format simulate fuzz fuzz-udp chaos bench profile test-interop coverage types docs package clean etcd sipp promtool

help: ## List the targets
	@sed -n 's/^\([a-z0-9-]*\):[^#]*## \(.*\)/make \1|\2/p' Makefile | column -t -s '|'

demo: $(INSTALLED) etcd ## Two data centres on this machine, and what may die there; KEEP=1 stays up for your own phones
	@KEEP='$(KEEP)' node test/demo/demo.ts

.PHONY: e2e
e2e: $(INSTALLED) etcd ## The operator and its proxies on a real Kubernetes: one made here (as root), or KUBECONFIG=… REGISTRY=…; STEP=exposure
	@test/tools/install-node.sh
	@node test/e2e/e2e.ts

.PHONY: many-clusters
many-clusters: $(INSTALLED) etcd ## How an operator does with many SipClusters after its restart: time, writes, memory; COUNT=200
	@test/tools/install-kube-apiserver.sh
	@node test/kubernetes/many-clusters.ts $(COUNT)

# docker, podman or buildah: the first that is there and works, as a docker without its daemon does not.
IMAGE ?= sipcluster:$(shell sed -n 's/^  "version": "\(.*\)",/\1/p' package.json)
image: ## Build the image of operator and proxies: IMAGE=registry.example/sipcluster:1.0.0, NODE_IMAGE=…, BUILD_FLAGS=…
	@for builder in docker podman buildah; do "$$builder" info >/dev/null 2>&1 && break || builder=; done; \
	[ -n "$$builder" ] || { echo 'It takes docker, podman or buildah, and none of them works here.' >&2; exit 1; }; \
	"$$builder" build $(if $(NODE_IMAGE),--build-arg NODE_IMAGE='$(NODE_IMAGE)') $(BUILD_FLAGS) --tag '$(IMAGE)' .

test: $(INSTALLED) etcd sipp promtool ## Run all tests, closing with their count; TESTS=file runs some
	@$(MOCHA) $(TESTS)

lint: $(INSTALLED) ## Check types, style, unused code, import directions and generated files
	@test/tools/lint.sh

format: $(INSTALLED) ## Format all sources
	@oxfmt

simulate: $(INSTALLED) ## Whole clusters in virtual time, with faults, from a seed: SEED=1 COUNT=100, or HOURS=8 for the night
	@node test/simulation/run.ts --seed '$(or $(SEED),1)' $(if $(HOURS),--hours '$(HOURS)',--count '$(or $(COUNT),20)')

fuzz: $(INSTALLED) ## Mutated messages and conversations for the parser, the framer and the whole core: FOR=60s SEED=1
	@node --disable-warning=ExperimentalWarning test/fuzz/run.ts --for '$(or $(FOR),60s)' $(if $(SEED),--seed '$(SEED)')

fuzz-udp: $(INSTALLED) ## A million mutated messages over UDP at a real proxy, and its heap before and after: COUNT=1000000 SEED=1
	@node --expose-gc test/fuzz/over-udp.ts --count '$(or $(COUNT),1000000)' --seed '$(or $(SEED),1)'

chaos: $(INSTALLED) etcd ## What can fail, in network namespaces of its own, with calls up: RUNS=10 FAULTS=primary-killed,proxy-killed DOCS=1 FROM=commit
	@test/tools/install-debian.sh iproute2:ip nftables:nft faketime:faketime strace:strace
	@node test/chaos/run.ts --runs '$(or $(RUNS),10)' --faults '$(FAULTS)' --from '$(FROM)' $(if $(DOCS),--docs)

.PHONY: hostile neighbour storm
hostile: $(INSTALLED) ## Ten thousand hostile TCP connections against one proxy, some two minutes; CONNECTIONS=1000 for fewer
	@node test/load/hostile.ts

storm: $(INSTALLED) ## 10,000 phones of a lost data centre at a pair that holds 200 REGISTERs a second, beside calls, some 90 s
	@node test/load/storm.ts

neighbour: $(INSTALLED) ## Phones calling each other beside one endpoint that sends 10,000 bad messages a second, some 50 s
	@node test/load/bad-neighbour.ts

bench: $(INSTALLED) ## CPU a call beside Kamailio's, in one run: QUICK=1 ROUNDS=8 STEPS=call@1000,ceiling CONNECTIONS=10000 MINUTES=10 DOCS=1
	@test/tools/install-debian.sh kamailio:kamailio util-linux:taskset \
	  'kamailio-tls-modules:/usr/lib/*/kamailio/modules/tls.so' \
	  'kamailio-websocket-modules:/usr/lib/*/kamailio/modules/websocket.so'
	@node test/bench/run.ts $(if $(QUICK),--quick) $(if $(ROUNDS),--rounds '$(ROUNDS)') $(if $(STEPS),--steps '$(STEPS)') \
	  $(if $(CONNECTIONS),--connections '$(CONNECTIONS)') $(if $(MINUTES),--minutes '$(MINUTES)') $(if $(DOCS),--docs)

.PHONY: bench-check
bench-check: $(INSTALLED) ## Time parts of the core beside a commit, some 2 minutes; fails where one became 15 % slower: BASE=HEAD^ ROUNDS=5
	@node test/bench/pieces/check.ts $(if $(BASE),--base '$(BASE)') $(if $(ROUNDS),--rounds '$(ROUNDS)')

profile: $(INSTALLED) ## Where a call's CPU goes: a flame graph, .sipcluster/profile.svg; RATE=1000
	@test/tools/install-debian.sh util-linux:taskset
	@node test/bench/profile.ts $(if $(RATE),--rate '$(RATE)')

test-interop: $(INSTALLED) ## Real user agents through a real proxy and Kamailio: ONLY=baresip runs some, DOCS=1 writes docs/interop.md
	@test/tools/install-debian.sh sip-tester:sipp sipsak:sipsak baresip-core:baresip linphone-cli:linphonec chromium:chromium kamailio:kamailio
	@node test/interop/run.ts --only '$(ONLY)' $(if $(DOCS),--docs)

.PHONY: mutation
mutation: $(INSTALLED) ## Break proxy/sip and proxy/transaction in thousands of places and see that a test fails: FILES=proxy/sip/via.ts TIMEOUT=10
	@failed=0; for folder in $(or $(word 2,$(subst /, ,$(FILES))),sip transaction); do \
	  FOLDER=$$folder $(if $(TIMEOUT),TIMEOUT='$(TIMEOUT)') NODE_COMPILE_CACHE=.sipcluster/compiled stryker run test/mutation/stryker.cjs $(if $(FILES),--mutate '$(FILES)') || failed=1; \
	done; exit $$failed

coverage: $(INSTALLED) etcd sipp promtool ## Run all tests and say which lines they ran; coverage/index.html shows them
	@c8 $(MOCHA) $(TESTS)

types: $(INSTALLED) ## Generate the TypeScript types from the CRD and the proxy configuration's schema
	@node test/tools/generate-types.ts

docs: $(INSTALLED) ## Generate docs/manifest.md, docs/proxy-config.md, the drawings of the state machines and the table of defects
	@node test/tools/generate-docs.ts
	@node test/tools/draw-machines.ts
	@node test/tools/list-defects.ts
	@node test/tools/draw-oos-check.ts

deploy: $(INSTALLED) ## Generate deploy/operator.yaml, the chart for `kubectl apply -k`
	@node test/tools/generate-deploy.ts

package: $(INSTALLED) ## Make the npm package, with the types stripped: dist/sipcluster-VERSION.tgz
	@node --disable-warning=ExperimentalWarning test/tools/package.ts dist

.PHONY: scale
scale: $(INSTALLED) etcd ## What a proxy with a million bindings costs, and how half of them end, 11 minutes: COUNT=1000000
	@node --expose-gc test/scale/bindings.ts '$(or $(COUNT),1000000)'
	@node test/scale/registers.ts '$(or $(COUNT),1000000)'
	@node test/scale/expiry.ts $(if $(COUNT),$$(( $(COUNT) / 2 )),500000) 5

.PHONY: partition
partition: $(INSTALLED) etcd ## Three data centres, one of them cut off while phones come and go on both sides: COUNT=100000 SECONDS=600 RATE=18
	@node test/scale/partition.ts '$(or $(COUNT),100000)' '$(or $(SECONDS),600)' '$(or $(RATE),18)'

.PHONY: restart
restart: $(INSTALLED) etcd ## A proxy killed and started with a million bindings in its etcd, and 10,000 of them tried: COUNT=1000000 SAMPLE=10000
	@node test/scale/restart.ts '$(or $(COUNT),1000000)' '$(or $(SAMPLE),10000)'

.PHONY: sizing
sizing: $(INSTALLED) etcd ## What REGISTERs and calls cost with 1 to 8 proxies and 1 to 3 data centres, 8 minutes: SECONDS=10 DOCS=1
	@node test/scale/sizing.ts '$(or $(SECONDS),10)' $(if $(DOCS),--docs)

.PHONY: divided
divided: $(INSTALLED) ## Ten million phones in ten DNs and a hundred proxies, simulated, 20 minutes: DNS=10 PHONES=1000000 PROXIES=10 DATA_CENTRES=2 DOCS=1
	@node --expose-gc test/scale/divided.ts '$(or $(DNS),10)' '$(or $(PHONES),1000000)' '$(or $(PROXIES),10)' '$(or $(DATA_CENTRES),2)' $(if $(DOCS),--docs)

clean: ## Remove what the other targets made here; the cache in ~/.cache/sipcluster stays
	rm -rf node_modules coverage dist .sipcluster proxy/transport/native/build

etcd:
	@test/tools/install-etcd.sh

sipp:
	@test/tools/install-sipp.sh

promtool:
	@test/tools/install-promtool.sh

# npm writes this file last, and after package-lock.json when it changes that itself.
$(INSTALLED): package-lock.json proxy/transport/native/udp.c
	@echo 'Installing the npm packages, Node.js among them: up to a minute.' >&2
	@npm ci --no-audit --no-fund --loglevel=error
	@test -x node_modules/node/bin/node || { echo 'npm has not installed Node.js: it must run the install script of the package `node` (npm config get ignore-scripts).' >&2; rm -f $@; exit 1; }
	@sh proxy/transport/native/build.sh
	@touch $@
