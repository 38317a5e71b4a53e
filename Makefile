# nightjar: `make help` lists the targets.
BUILD   ?= build
PREFIX  ?= /usr/local
VERSION := 0.1.0

CC      ?= cc
LUA     ?= lua5.4
PYTHON  ?= /usr/bin/python3

PACKAGES = lua5.4 libcurl libcrypto libcjson yaml-0.1 libseccomp
WARNINGS = -Wall -Wextra -Wpedantic -Werror -Wshadow -Wstrict-prototypes \
           -Wmissing-prototypes -Wformat=2 -Wpointer-arith -Wcast-qual
HARDEN   = -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE \
           -Werror=format-security
OPTIMIZE ?= -O2 -g
SANITIZE ?=
CPPFLAGS += -D_GNU_SOURCE -DNIGHTJAR_VERSION='"$(VERSION)"' -Ihost \
            $(shell pkg-config --cflags $(PACKAGES) 2>/dev/null)
CFLAGS   += -std=c11 $(WARNINGS) $(HARDEN) $(OPTIMIZE) $(SANITIZE)
LDFLAGS  += -pie -Wl,-z,relro,-z,now -Wl,-z,noexecstack -Wl,--export-dynamic \
            $(SANITIZE)

# What each program is made of. nightjar-plan has no network code: neither
# libcurl nor OpenSSL is linked into it.
BOTH_C  = host/error.c host/buf.c host/harden.c host/bind/bind.c host/bind/state.c \
          host/bind/json.c host/bind/yaml.c
AGENT_C = $(BOTH_C) host/agent.c host/clock.c host/log.c host/file.c \
          host/sigv4.c host/http.c host/child.c host/loop.c \
          $(filter-out $(BOTH_C) host/bind/budget.c,$(wildcard host/bind/*.c))
PLAN_C  = $(BOTH_C) host/plan.c host/sandbox.c host/bind/budget.c
AGENT_LIBS = $(shell pkg-config --libs lua5.4 libcurl libcrypto libcjson yaml-0.1)
PLAN_LIBS  = $(shell pkg-config --libs lua5.4 libcjson yaml-0.1 libseccomp)

ALL_LUA   = $(shell find lua/nightjar -name '*.lua' | LC_ALL=C sort)
# The leaves that both programs share stand directly below lua/nightjar/.
PLAN_LUA  = $(filter-out lua/nightjar/agent/% lua/nightjar/cli/%,$(ALL_LUA))
AGENT_LUA = $(ALL_LUA)

objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(sort $(1)))

.PHONY: all build
all: build
build: $(BUILD)/nightjar $(BUILD)/nightjar-plan ## Build both programs

$(BUILD)/nightjar: $(call objects,$(AGENT_C)) $(BUILD)/obj/embedded-agent.o
	$(CC) $(LDFLAGS) -o $@ $^ $(AGENT_LIBS)

$(BUILD)/nightjar-plan: $(call objects,$(PLAN_C)) $(BUILD)/obj/embedded-plan.o
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
	@echo $(ALL_LUA) | cmp -s - $@ || echo $(ALL_LUA) > $@
$(BUILD)/embedded-agent.c: $(AGENT_LUA) host/embed.lua $(BUILD)/modules
	$(LUA) host/embed.lua $(AGENT_LUA) > $@.tmp && mv $@.tmp $@
$(BUILD)/embedded-plan.c: $(PLAN_LUA) host/embed.lua $(BUILD)/modules
	$(LUA) host/embed.lua $(PLAN_LUA) > $@.tmp && mv $@.tmp $@

.PHONY: FORCE clean
FORCE:
clean: ## Remove what was built
	rm -rf $(BUILD)

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
