# nightjar: `make help` lists the targets.
BUILD   ?= build
# Where setup keeps Envoy and the Python test tools, whatever BUILD is.
TOOLS   ?= build
PREFIX  ?= /usr/local
VERSION := 0.1.0

CC      ?= cc
LUA     ?= lua5.4
PYTHON  ?= /usr/bin/python3

PACKAGES = lua5.4 libcurl libssl libcrypto libcjson yaml-0.1 libseccomp libmicrohttpd
WARNINGS = -Wall -Wextra -Wpedantic -Werror -Wshadow -Wstrict-prototypes \
           -Wmissing-prototypes -Wformat=2 -Wpointer-arith -Wcast-qual
# _FORTIFY_SOURCE=3 would take 1 % more instructions of a plan, -ftrivial-auto-var-init=zero 6 % or
# more of an unchanged pass; -fcf-protection has no effect where a library or the C start-up lacks
# it, as Debian's do.
HARDEN   = -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE \
           -Werror=format-security $(KNOWN_HARDEN)
MAYBE_HARDEN = -fstack-clash-protection -mbranch-protection=standard
# Those that this compiler knows for this machine.
KNOWN_HARDEN := $(shell for flag in $(MAYBE_HARDEN); do \
  echo 'int x;' | $(CC) -Werror $$flag -x c -c -o /dev/null - 2>/dev/null && echo $$flag; done)
OPTIMIZE ?= -O2 -g
SANITIZE ?=
CPPFLAGS := -D_GNU_SOURCE -DNIGHTJAR_VERSION='"$(VERSION)"' -Ihost \
            $(shell pkg-config --cflags $(PACKAGES) 2>/dev/null) $(CPPFLAGS)
CFLAGS   += -std=c11 $(WARNINGS) $(HARDEN) $(OPTIMIZE) $(SANITIZE)
LDFLAGS  += -pie -Wl,-z,relro,-z,now -Wl,-z,noexecstack -Wl,--export-dynamic \
            $(SANITIZE)

# What each program is made of. nightjar-plan has no network code: neither
# libcurl nor OpenSSL is linked into it.
BOTH_C  = host/error.c host/arena.c host/buf.c host/distinct.c host/fd.c host/harden.c host/hugepages.c host/jsonprint.c host/jsontext.c host/jsonwrite.c \
          host/keypath.c host/pool.c host/textshape.c host/yamlscalar.c host/bind/bind.c host/bind/state.c host/bind/json.c \
          host/bind/json_decode.c host/bind/json_encode.c host/bind/options.c host/bind/shape.c host/bind/yaml.c host/bind/yaml_json.c
ONLY_PLAN = host/plan.c host/sandbox.c host/bind/budget.c
AGENT_C = $(filter-out $(ONLY_PLAN),$(wildcard host/*.c host/bind/*.c))
PLAN_C  = $(BOTH_C) $(ONLY_PLAN)
# What a build for measurements links into both; nothing else does.
ALSO_C ?=
AGENT_LIBS := $(shell pkg-config --libs lua5.4 libcurl libssl libcrypto libcjson yaml-0.1 libmicrohttpd 2>/dev/null) -lm
PLAN_LIBS  := $(shell pkg-config --libs lua5.4 libcjson yaml-0.1 libseccomp 2>/dev/null) -lm

ALL_LUA   = $(shell find lua/nightjar -name '*.lua' | LC_ALL=C sort)
# The leaves that both programs share stand directly below lua/nightjar/. The helpers for specs
# (testing) are of the agent's program alone.
PLAN_LUA  = $(filter-out lua/nightjar/agent/% lua/nightjar/cli/% lua/nightjar/testing%,$(ALL_LUA)) \
            $(SHIPPED)
AGENT_LUA = $(ALL_LUA) $(SHIPPED)
# What both know of the shipped policies, made of them.
SHIPPED   = $(BUILD)/lua/nightjar/plan/shipped.lua
POLICIES  = $(sort $(wildcard policies/*.lua policies/lib/*.lua))

objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(sort $(1)))

.PHONY: all build
all: build
build: $(BUILD)/nightjar $(BUILD)/nightjar-plan ## Build both programs

$(BUILD)/nightjar: $(call objects,$(AGENT_C) $(ALSO_C)) $(BUILD)/obj/embedded-agent.o
	$(CC) $(LDFLAGS) -o $@ $^ $(AGENT_LIBS)

$(BUILD)/nightjar-plan: $(call objects,$(PLAN_C) $(ALSO_C)) $(BUILD)/obj/embedded-plan.o
	$(CC) $(LDFLAGS) -o $@ $^ $(PLAN_LIBS)

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/obj/embedded-agent.o: $(BUILD)/embedded-agent.c
	$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<
$(BUILD)/obj/embedded-plan.o: $(BUILD)/embedded-plan.c
	$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

# A list of the modules, rewritten only when it changes, so that a module that
# goes away is noticed too.
$(BUILD)/modules: FORCE
	@mkdir -p $(@D)
	@echo $(ALL_LUA) $(POLICIES) | cmp -s - $@ || echo $(ALL_LUA) $(POLICIES) > $@
$(SHIPPED): $(POLICIES) host/shipped.lua $(BUILD)/modules
	@mkdir -p $(@D)
	$(LUA) host/shipped.lua $(POLICIES) > $@.tmp && mv $@.tmp $@
$(BUILD)/embedded-agent.c: $(AGENT_LUA) host/embed.lua host/bytecode.lua $(BUILD)/modules
	$(LUA) host/embed.lua $(AGENT_LUA) > $@.tmp && mv $@.tmp $@
$(BUILD)/embedded-plan.c: $(PLAN_LUA) host/embed.lua host/bytecode.lua $(BUILD)/modules
	$(LUA) host/embed.lua $(PLAN_LUA) > $@.tmp && mv $@.tmp $@

# Targets for people. The ones that install what they need do that first and
# build in a second make, which then sees the new packages.
CPUS  := $(shell nproc)
SETUP = .ci/setup $(TOOLS) build
PATHS = PATH="$(abspath $(TOOLS))/venv/bin:$$PATH"

.PHONY: FORCE run test test-images image asan valgrind check lint format bench install
.PHONY: bench-programs install-programs uninstall clean help
FORCE:

run: ## Show the main job live: real Envoys, an example mesh, the measured split
	@$(SETUP) run
	@$(MAKE) -s --no-print-directory -j$(CPUS) build
	@$(PATHS) examples/demo/demo.py --build $(BUILD) $(if $(SECONDS),--seconds $(SECONDS))

test: ## Run all specs (SPEC=path for some of them)
	@$(SETUP) run test
	@$(MAKE) -s --no-print-directory -j$(CPUS) build
	@$(PATHS) spec/run $(BUILD)/nightjar $(BUILD)/test $(SPEC)

test-%: ## Run one folder of specs: test-host, test-nightjar, test-policies, test-system
	@$(MAKE) -s --no-print-directory test SPEC=spec/$*

test-images: ## Build the images and run the specs of spec/images/ in them (as root, on Debian)
	@$(SETUP) run test images
	@$(MAKE) -s --no-print-directory -j$(CPUS) build
	@$(PATHS) spec/images/run $(abspath $(TOOLS)/images) $(BUILD)/nightjar $(BUILD)/test-images $(SPEC)

image: ## Build the images (IMAGE=sidecar|agent|test, ENGINE=docker|podman|buildah, PLATFORM=…)
	@docker/build $(IMAGE)

asan: ## Run the specs that exercise C under AddressSanitizer and UBSan (SPEC=path for others)
	@$(SETUP) run test
	@$(MAKE) -s --no-print-directory -j$(CPUS) build torture-programs $(ASAN)
	@$(PATHS) $(ASAN_ENV) spec/run $(TOOLS)/asan/nightjar $(TOOLS)/asan/test $(or $(SPEC),$(ASAN_SPECS))
ASAN = BUILD=$(TOOLS)/asan OPTIMIZE="-O1 -g -fno-omit-frame-pointer" \
       SANITIZE="-fsanitize=address,undefined -fno-sanitize-recover=all"
# The others are Lua's matter alone, about time, or take the same ways through C.
ASAN_SPECS = spec/host spec/nightjar spec/torture/boundaries_spec.lua \
             $(patsubst %,spec/system/%_spec.lua,aws_faults bootstrap deaths full_disk inotify \
             killed_agent main_job own_files proxy publication_faults readiness secrets)
ASAN_ENV = ASAN_OPTIONS=detect_leaks=1:abort_on_error=0 UBSAN_OPTIONS=print_stacktrace=1

valgrind: ## Run the specs of host/ under valgrind, which takes a minute (SPEC=path for others)
	@$(SETUP) run test
	@$(MAKE) -s --no-print-directory -j$(CPUS) build $(VALGRIND)
	@$(PATHS) NIGHTJAR=$(TOOLS)/valgrind/nightjar spec/run spec/valgrind $(TOOLS)/valgrind/test $(or $(SPEC),spec/host)
# Each block is one of malloc(), which valgrind knows (host/pool.h).
VALGRIND = BUILD=$(TOOLS)/valgrind SANITIZE=-DPOOL_ASIDE

check: build ## Check the shipped policies and templates with `nightjar check`
	@$(PATHS) $(BUILD)/nightjar check

lint: ## luacheck, the structure rules, formatting, shellcheck
	@$(SETUP) test
	luacheck -q lua policies spec host/bytecode.lua host/embed.lua host/shipped.lua
	spec/structure
	clang-format --dry-run --Werror $(C_FILES)
	shellcheck --external-sources --severity=warning --exclude=SC2034 $(SHELL_FILES)

format: ## Format the C files
	clang-format -i $(C_FILES)
C_FILES = $(wildcard host/*.[ch] host/bind/*.[ch] bench/*.[ch] spec/coverage/*.c spec/fuzz/*.[ch] \
            spec/fuzz/targets/*.c spec/torture/*.c spec/support/failing_memory.[ch])
# SC2034 is of no use here: some names are read by eval, or by who sources the file.
SHELL_FILES = .ci/run .ci/setup packaging/install docker/build bench/build-go \
              $(filter-out %.jq,$(wildcard docker/stages/*)) \
              $(filter-out %.lua,$(wildcard spec/images/*)) spec/run spec/coverage/run spec/fuzz/run \
              bench/week

bench: ## Measure passes side by side with others' programs; nothing is asserted (BENCH=options)
	@$(SETUP) run bench
	@$(MAKE) -s --no-print-directory -j$(CPUS) build bench-programs
	@$(PATHS) exec bench/run $(BUILD)/nightjar $(BENCH)

# What the bench needs of its own. Without a Go that knows the SDK's modules it measures the rest.
bench-programs: $(BUILD)/bench/limits FORCE
	@bench/build-go $(BUILD)/bench
LIMITS_C = bench/limits.c bench/requests.c host/buf.c host/error.c host/clock.c
$(BUILD)/bench/limits: $(call objects,$(LIMITS_C))
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(shell pkg-config --libs libcjson)

FUZZ_SETUP = .ci/setup $(TOOLS) build fuzz
fuzz: ## Give targets mutated inputs, a minute each (TARGET=name for one, SECONDS=60)
	@$(FUZZ_SETUP)
	@[ "$(TARGET)" = status ] || $(MAKE) -s --no-print-directory -j$(CPUS) $(FUZZ) fuzz-programs
	@[ -n "$(filter-out status,$(TARGET))" ] || $(MAKE) -s --no-print-directory -j$(CPUS) build $(ASAN)
	@AGENT=$(TOOLS)/asan/nightjar spec/fuzz/run $(TOOLS)/fuzz "$(or $(SECONDS),60)" $(TARGET)
FUZZ = BUILD=$(TOOLS)/fuzz CC=clang OPTIMIZE="-O1 -g -fno-omit-frame-pointer" \
       SANITIZE="-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all"

# The targets of spec/fuzz/: those in C are a program each, those in Lua share one.
FUZZ_C  = $(patsubst spec/fuzz/targets/%.c,%,$(wildcard spec/fuzz/targets/*.c))
FUZZ_HOST = $(filter-out $(BUILD)/obj/host/agent.o,$(call objects,$(AGENT_C)))
.PHONY: fuzz fuzz-programs
fuzz-programs: $(addprefix $(BUILD)/fuzz-,lua $(FUZZ_C))
$(BUILD)/fuzz-lua: $(call objects,spec/fuzz/lua.c spec/fuzz/input.c) $(FUZZ_HOST) \
    $(BUILD)/obj/embedded-agent.o
	$(CC) $(LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(AGENT_LIBS)
$(addprefix $(BUILD)/fuzz-,$(FUZZ_C)): $(BUILD)/fuzz-%: $(BUILD)/obj/spec/fuzz/targets/%.o \
    $(BUILD)/obj/spec/fuzz/input.o $(FUZZ_HOST) $(BUILD)/obj/embedded-agent.o
	$(CC) $(LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(AGENT_LIBS)

.PHONY: torture soak
torture: ## Faults with real parts, all of them (ONLY=text: those of the matrix that contain it)
	@$(SETUP) run test
	@$(MAKE) -s --no-print-directory -j$(CPUS) build
	@$(PATHS) $(ROWS) TORTURE=all ONLY="$(ONLY)" EVERY="$(or $(EVERY),20)" FIGURES=1 \
	  SYSTEM_JOBS=1 MORE_SYSTEM_JOBS=0 JOBS=1 \
	  spec/run $(BUILD)/nightjar $(BUILD)/torture/run spec/system/torture_spec.lua \
	  $(if $(ONLY),,$(wildcard spec/torture/lack_of_memory*_spec.lua spec/torture/failing_calls*_spec.lua))

soak: ## The same field for two hours, a random fault every few seconds (SECONDS=7200, SEED=)
	@$(SETUP) run test
	@$(MAKE) -s --no-print-directory -j$(CPUS) build
	@$(PATHS) $(ROWS) SOAK_SECONDS="$(or $(SECONDS),7200)" SEED="$(SEED)" \
	  $(BUILD)/nightjar test -o TAP spec/torture/soak.lua
# What docs/reliability.lua makes the tables of docs/reliability.md from.
ROWS = RELIABILITY_ROWS=$(BUILD)/torture

coverage: ## Lines of C and Lua that the specs run, into build/coverage/ (SPEC=path for some specs)
	@$(SETUP) run test
	@$(MAKE) -s --no-print-directory -j$(CPUS) build $(COVERAGE)
	@$(PATHS) spec/coverage/run $(abspath $(TOOLS)/coverage) $(SPEC)
# Without optimisation, so that a line of the source is one of the program; and so without
# _FORTIFY_SOURCE, which needs some.
COVERAGE = BUILD=$(abspath $(TOOLS)/coverage) OPTIMIZE="-O0 -g" HARDEN=-fPIE \
           ALSO_C=spec/coverage/coverage.c \
           SANITIZE="-DCOVERAGE_FOLDER='\"$(abspath $(TOOLS)/coverage)\"' -fprofile-arcs -ftest-coverage -fprofile-update=atomic -fdata-sections \
             -fprofile-info-section=gcov_info -Wl,-T,spec/coverage/counters.ld \
             -Wl,--wrap=lua_newstate,--wrap=lua_sethook"
.PHONY: coverage

.PHONY: torture-programs
torture-programs: $(BUILD)/boundaries
# Memory that runs out at the boundaries between C and Lua (spec/torture/), by `make asan` alone.
# Its malloc is called before AddressSanitizer is ready.
$(BUILD)/obj/spec/support/failing_memory.o: override SANITIZE =
$(BUILD)/boundaries: $(call objects,spec/torture/boundaries.c spec/support/failing_memory.c) \
    $(FUZZ_HOST) $(BUILD)/obj/embedded-agent.o
	$(CC) $(LDFLAGS) -o $@ $^ $(AGENT_LIBS)

.PHONY: bench-week
bench-week: ## A week of passes with a moved clock: memory, descriptors, files (PASSES=20160)
	@$(SETUP) run test bench
	@$(MAKE) -s --no-print-directory -j$(CPUS) build
	@bench/build-go $(BUILD)/bench
	@$(PATHS) exec bench/week $(BUILD)/nightjar $(BUILD)/bench/server $(PASSES)

install: build ## Install below PREFIX (and DESTDIR; see docs/install.md)
	@$(INSTALL_PLACES) packaging/install programs pages

install-programs: build
	@$(INSTALL_PLACES) packaging/install programs

uninstall: ## Remove what `make install` has installed with the same PREFIX and DESTDIR
	@$(INSTALL_PLACES) packaging/install uninstall

# The programs and share/nightjar stay together: the one finds the other from where it stands.
mandir      ?= $(PREFIX)/share/man
bashdir     ?= $(PREFIX)/share/bash-completion/completions
zshdir      ?= $(PREFIX)/share/zsh/site-functions
fishdir     ?= $(PREFIX)/share/fish/vendor_completions.d
unitdir     ?= $(PREFIX)/lib/systemd/system
sysusersdir ?= $(PREFIX)/lib/sysusers.d
INSTALL_PLACES = BUILD="$(BUILD)" LUA="$(LUA)" VERSION="$(VERSION)" DESTDIR="$(DESTDIR)" \
  PREFIX="$(PREFIX)" MANDIR="$(mandir)" BASHDIR="$(bashdir)" ZSHDIR="$(zshdir)" \
  FISHDIR="$(fishdir)" UNITDIR="$(unitdir)" SYSUSERSDIR="$(sysusersdir)" \
  INSTALL_STRIP="$(INSTALL_STRIP)" STRIP="$(STRIP)"

clean: ## Remove what was built and installed below build/
	rm -rf $(BUILD)

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z%-]+:.*## / {printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
