# clb - everything goes into build/. Nothing here is needed to use clb.h: each example and test is one cc line.
# Here the implementation is compiled once, into libclb.a, and all else with -DCLB_DECLARATIONS_ONLY. A test that
# needs an implementation of its own (#undef CLB_DECLARATIONS_ONLY) takes nothing from the library.
#
#   make                 examples and tools            make test       unit tests
#   make tables          run E1..E23, write tables/, figures/, build/report.html
#   make quick           the same in a minute, smaller make check      sanitizers, C++17, both precisions, macros
#   make ledger REFERENCE=DIR   every published number against ours
#   make replicate SEEDS=100    the paper's protocols on fresh seeds, tables/replication.md; resumes
#   make bench           speed against the peers installed
#   make page            build/page.html: the laws, live in a browser (clang with wasm32, wasm-ld)
#   make install PREFIX=/usr/local DESTDIR=            make clean
#   PRECISION=single     float arithmetic, into build/single/

CC       ?= cc
CXX      ?= c++
CFLAGS   ?= -O2
WARN     := -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wdouble-promotion \
            -Wcast-qual -Wundef -Wstrict-prototypes -Wmissing-prototypes -Wvla
PREFIX   ?= /usr/local
SEEDS    ?= 100
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

EXAMPLES := $(sort $(wildcard examples/[em][0-9][0-9]_*.c))
TESTS    := $(sort $(wildcard tests/t_*.c))
PROGRAMS := $(EXAMPLES:examples/%.c=$(BUILD)/%)
TESTBINS := $(TESTS:tests/%.c=$(BUILD)/%)
TOOL     := $(if $(wildcard tools/clb_tables.c),$(BUILD)/clb_tables) $(BUILD)/clb_lab

.PHONY: page all examples tests test tables quick readme replicate ledger check bench install uninstall clean
.DELETE_ON_ERROR:

all: examples $(TOOL)
examples: $(PROGRAMS)
tests: $(TESTBINS)

# A program is one source file and the library; what it includes, the compiler notes in PROGRAM.d.
LINK      = $(COMPILE) -DCLB_DECLARATIONS_ONLY -MMD -MP -MF $@.d -MT $@ -o $@ $< $(BUILD)/libclb.a -lm

$(BUILD):
	mkdir -p $@
$(BUILD)/clb.o: clb.h | $(BUILD)
	$(COMPILE) -DCLB_IMPLEMENTATION -x c -c -o $@ $<
$(BUILD)/libclb.a: $(BUILD)/clb.o
	rm -f $@ && $(AR) rc $@ $<
$(PROGRAMS): $(BUILD)/%: examples/%.c $(BUILD)/libclb.a
	$(LINK)
$(TESTBINS): $(BUILD)/%: tests/%.c $(BUILD)/libclb.a
	$(LINK)
$(BUILD)/clb_tables $(BUILD)/clb_lab: $(BUILD)/%: tools/%.c $(BUILD)/libclb.a
	$(LINK)
-include $(wildcard $(BUILD)/*.d)

page: $(BUILD)/page.html
$(BUILD)/page.html: clb.h $(wildcard tools/page/*) tables/table1.md tables/pathways.md | $(BUILD)
	CC="$(CC)" sh tools/page/build.sh $@

# Built on all processors unless the user said how many.
test:
	@$(MAKE) --no-print-directory $(if $(findstring -j,$(MAKEFLAGS)),,-j$(JOBS)) tests all
	@status=0; for t in $(TESTBINS); do echo "$$t"; ./$$t || status=1; done; \
	for s in $(wildcard tests/t_*.sh); do echo "$$s"; BUILD=$(BUILD) CC="$(CC)" sh $$s || status=1; done; exit $$status

tables: $(TOOL)
	$(BUILD)/clb_tables run --threads $(THREADS) --out $(BUILD)/results
	$(BUILD)/clb_tables tables --out tables $(BUILD)/results
	$(BUILD)/clb_tables theorems --out tables
	mkdir -p figures && cp $(BUILD)/results/*.svg figures/
	$(BUILD)/clb_tables report $(if $(wildcard tables/replication.md),--replication tables/replication.md) \
	    --out $(BUILD)/report.html $(BUILD)/results

quick: $(TOOL)
	$(BUILD)/clb_tables run --quick --threads $(THREADS) --out $(BUILD)/quick
	$(BUILD)/clb_tables tables $(BUILD)/quick

# The README's tables: the one in tables/, and what "make bench" printed last, if it did.
readme: tables/table1.md
	for part in table1:tables/table1.md bench:$(BUILD)/bench.md; do \
	    [ -r "$${part#*:}" ] || continue; \
	    awk -v name="$${part%%:*}" -v file="$${part#*:}" 'index($$0, "<!-- /" name) == 1 { skip = 0 } !skip { print } \
	        index($$0, "<!-- " name) == 1 { skip = 1; while ((getline line < file) > 0) print line }' \
	        README.md >$(BUILD)/README.new && mv $(BUILD)/README.new README.md || exit 1; \
	done

replicate: $(TOOL)
	$(BUILD)/clb_tables replicate --published --seeds 1..$(SEEDS) --threads $(THREADS) --out $(BUILD)/replicate
	cp $(BUILD)/replicate/replication.md tables/

# Every number of the published result files (a folder that the user has) against ours; bands measured by a float build.
ledger: $(TOOL)
	$(MAKE) PRECISION=single build/single/clb_tables
	$(BUILD)/clb_tables run --published --threads $(THREADS) --out $(BUILD)/published
	build/single/clb_tables run --published --threads $(THREADS) --out build/single/published
	$(BUILD)/clb_tables check --reference $(REFERENCE) --single build/single/published $(BUILD)/published

check: tests
	sh tests/build.sh

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
