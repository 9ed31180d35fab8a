# clb - everything goes into build/. Nothing here is needed to use clb.h: each example and test is one cc line.
# Here the implementation is compiled once, into libclb.a (tests/library.c), and all else with -DCLB_DECLARATIONS_ONLY.
# A test that needs an implementation of its own (#undef CLB_DECLARATIONS_ONLY) takes nothing from the library.
#
#   make                 examples and tools            make test       unit tests
#   make tables          run all experiments, write tables/, figures/, build/report.html
#   make quick           the same in a minute, smaller make check      sanitizers, C++17, both precisions, macros
#   make ledger REFERENCE=DIR [MNIST=DIR]   every published number against ours, tables/ledger.md
#   make replicate SEEDS=100    the paper's protocols on fresh seeds, tables/replication.md; resumes
#   make mutants COUNT=100 SEED=1   faults put into clb.h, one at a time: the share that the tests notice
#   make bench           speed against the peers installed
#   make analyse         gcc -fanalyzer, clang-tidy, cppcheck, as far as installed
#   make fuzz MINUTES=5  mutated inputs for every reader and solver, so long each; sanitizers
#   make page            build/page.html: the laws, live in a browser (clang with wasm32, wasm-ld)
#   make install PREFIX=/usr/local DESTDIR=            make clean
#   PRECISION=single     float arithmetic, into build/single/

CC       ?= cc
CXX      ?= c++
# The arithmetic is in the library; the programs around it need less optimisation, which halves their build.
ifeq ($(origin CFLAGS),undefined)
CFLAGS   := -O2
LIGHT    := -O1
endif
WARN     := -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wdouble-promotion \
            -Wcast-qual -Wundef -Wstrict-prototypes -Wmissing-prototypes -Wvla
PREFIX   ?= /usr/local
SEEDS    ?= 100
MINUTES  ?= 5
THREADS  ?= 0
JOBS     ?= $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
REFERENCE ?= ../shared/reference
VERSION  := $(shell sed -n 's/^\#define CLB_VERSION  *"\(.*\)"/\1/p' clb.h)

ifeq ($(PRECISION),single)
BUILD    := build/single
DEFINES  := -DCLB_SINGLE
else
BUILD    := build
DEFINES  :=
endif

# OpenMP where the compiler has it; results are the same bytes without.
OPENMP   := $(shell printf 'int main(void){return 0;}\n' | $(CC) -fopenmp -x c -o /dev/null - 2>/dev/null && echo -fopenmp)
COMPILE  := $(CC) -std=c99 $(CFLAGS) $(WARN) $(DEFINES) $(OPENMP)

EXAMPLES := $(sort $(wildcard examples/[em][0-9][0-9]_*.c examples/beyond/*.c))
TESTS    := $(sort $(wildcard tests/t_*.c))
PROGRAMS := $(EXAMPLES:examples/%.c=$(BUILD)/%)
TESTBINS := $(TESTS:tests/%.c=$(BUILD)/%)
TOOLS    := $(patsubst tools/%.c,$(BUILD)/%,$(sort $(wildcard tools/clb_*.c)))

.PHONY: page all examples tests test tables quick readme replicate ledger check mutants analyse fuzz bench install uninstall clean
.DELETE_ON_ERROR:

all: examples $(TOOLS)
examples: $(PROGRAMS)
tests: $(TESTBINS)

# A program is one source file and the library; what it includes, the compiler notes in PROGRAM.d.
LINK      = $(COMPILE) $(LIGHT) -DCLB_DECLARATIONS_ONLY -MMD -MP -MF $@.d -MT $@ -o $@ $< $(BUILD)/libclb.a -lm

$(BUILD):
	mkdir -p $@
$(BUILD)/clb.o: tests/library.c tests/library.h tests/private.h clb.h | $(BUILD)
	$(COMPILE) -c -o $@ $<
$(BUILD)/plain_alloc.o: tests/plain_alloc.c tests/library.h | $(BUILD)
	$(COMPILE) -c -o $@ $<
$(BUILD)/libclb.a: $(BUILD)/clb.o $(BUILD)/plain_alloc.o
	rm -f $@ && $(AR) rc $@ $^
$(PROGRAMS): $(BUILD)/%: examples/%.c $(BUILD)/libclb.a
	@mkdir -p $(@D)
	$(LINK)
$(TESTBINS): $(BUILD)/%: tests/%.c $(BUILD)/libclb.a
	$(LINK)
$(TOOLS): $(BUILD)/%: tools/%.c $(BUILD)/libclb.a
	$(LINK)
-include $(wildcard $(BUILD)/*.d $(BUILD)/beyond/*.d)

page: $(BUILD)/page.html
$(BUILD)/page.html: clb.h $(wildcard tools/page/*) tables/table1.md tables/pathways.md | $(BUILD)
	CC="$(CC)" sh tools/page/build.sh $@

# Built, and run, as many at once as there are processors; the longest tests first. tests/run.sh prints the output of
# each whole, and at the end what failed.
test:
	@$(MAKE) --no-print-directory $(if $(findstring -j,$(MAKEFLAGS)),,-j$(JOBS)) tests all
	@BUILD=$(BUILD) CC="$(CC)" JOBS=$(JOBS) sh tests/run.sh $(wildcard tests/t_*.sh) $(TESTBINS)

# Runs that experiments share are made once and kept in the cache.
RUN       = $(BUILD)/clb_run --programs $(BUILD)
RUN_HOW   = --threads $(THREADS) --cache $(BUILD)/cache
FRESH     = $(wildcard tables/replication.json)
PUT_FRESH = $(if $(FRESH),--replication $(FRESH))

tables: all
	$(RUN) --out $(BUILD)/results -- $(RUN_HOW)
	$(BUILD)/clb_tables tables $(PUT_FRESH) --out tables $(BUILD)/results
	$(BUILD)/clb_theorems run --out tables/theorems.md
	mkdir -p figures && cp $(BUILD)/results/*.svg figures/
	$(BUILD)/clb_tables report $(PUT_FRESH) --theorems tables/theorems.md \
	    $(if $(wildcard tables/replication.md),--fresh tables/replication.md) \
	    $(if $(wildcard tables/ledger.md),--ledger tables/ledger.md) \
	    $(if $(wildcard $(BUILD)/page.html),--page page.html) --out $(BUILD)/report.html $(BUILD)/results

quick: all
	$(RUN) --out $(BUILD)/quick -- $(RUN_HOW) --quick
	$(BUILD)/clb_tables tables $(BUILD)/quick

# Tables that stand in documents: the one in tables/, and what "make bench" printed last, if it did.
readme: tables/table1.md
	for part in README.md:table1:tables/table1.md docs/speed.md:bench:$(BUILD)/bench.md; do \
	    page=$${part%%:*} rest=$${part#*:}; name=$${rest%%:*} file=$${rest#*:}; \
	    [ -r "$$file" ] || continue; \
	    awk -v name="$$name" -v file="$$file" 'index($$0, "<!-- /" name) == 1 { skip = 0 } !skip { print } \
	        index($$0, "<!-- " name) == 1 { skip = 1; while ((getline line < file) > 0) print line }' \
	        "$$page" >$(BUILD)/page.new && mv $(BUILD)/page.new "$$page" || exit 1; \
	done

replicate: all
	$(RUN) --paper --out $(BUILD)/published -- $(RUN_HOW)
	$(BUILD)/clb_replicate run --programs $(BUILD) --seeds 1..$(SEEDS) --threads $(THREADS) \
	    --out $(BUILD)/replicate $(BUILD)/published
	cp $(BUILD)/replicate/replication.md $(BUILD)/replicate/replication.json tables/

# Every number of the published result files (a folder that the user has) against ours; bands measured by a float
# build. MNIST=DIR: the folder of MNIST's training files, for the experiments that the paper ran on it.
PUT_MNIST = $(if $(MNIST),--mnist '$(MNIST)')
ledger: all
	$(MAKE) PRECISION=single examples
	$(RUN) --paper $(PUT_MNIST) --out $(BUILD)/published -- $(RUN_HOW)
	$(BUILD)/clb_run --programs build/single --paper $(PUT_MNIST) --out build/single/published -- --threads $(THREADS)
	$(BUILD)/clb_check run --reference $(REFERENCE) --single build/single/published --out tables/ledger.md \
	    $(BUILD)/published

check: tests
	sh tests/build.sh

mutants:
	COUNT=$(or $(COUNT),100) SEED=$(or $(SEED),1) sh tests/mutants.sh

analyse:
	sh tests/analyse.sh

fuzz:
	MINUTES=$(MINUTES) CC="$(CC)" sh tests/fuzz/run.sh

bench:
	sh tests/bench.sh

install:
	mkdir -p $(DESTDIR)$(PREFIX)/include $(DESTDIR)$(PREFIX)/lib/pkgconfig
	cp clb.h $(DESTDIR)$(PREFIX)/include/clb.h
	printf 'prefix=%s\nincludedir=$${prefix}/include\n\nName: clb\nDescription: Conservation laws and their breaking in neural network training, one C99 header\nVersion: %s\nLibs: -lm\nCflags: -I$${includedir}\n' \
	    '$(PREFIX)' '$(VERSION)' > $(DESTDIR)$(PREFIX)/lib/pkgconfig/clb.pc

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/include/clb.h $(DESTDIR)$(PREFIX)/lib/pkgconfig/clb.pc

clean:
	rm -rf build
