/* library.c - build/libclb.a: the implementation, with what tests/library.h describes. */
#undef CLB_DECLARATIONS_ONLY
#define CLB_IMPLEMENTATION
#include "library.h"
#include "../clb.h"
#include "private.h"
