# SPDX-License-Identifier: ISC
# A short way to what tools/ does; Meson and Ninja build.

PREFIX ?= /usr/local
DESTDIR ?=
ROUNDS ?= 1000
ARGS ?=

all:
	tools/build release mailstead

run:
	tools/install-deps build
	tools/build release mailstead
	exec build/mailstead demo $(ARGS)

test:
	tools/test

bench:
	tools/install-deps build bench
	tools/build release
	bench/run $(ARGS)

fuzz: SECONDS ?= 60
fuzz:
	tools/test fuzz --seconds $(SECONDS)

crash:
	tools/test crash --rounds $(ROUNDS)

stress: SECONDS ?= 600
stress:
	tools/test stress --seconds $(SECONDS)

install:
	tools/install --prefix "$(PREFIX)" --destdir "$(DESTDIR)"

deb:
	tools/deb

# More than once: clang-format needs a few rounds until long macros stand still.
format:
	for round in 1 2 3 4 5 6; do clang-format -i $$(git ls-files 'src/*.c' 'src/*.h'); done

clean:
	rm -rf build build-asan build-tsan build-debug

.PHONY: all run test bench fuzz crash stress install deb format clean
