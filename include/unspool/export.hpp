// Symbol visibility. The library is built with hidden symbols; what is marked UNSPOOL_API is its public surface.
#pragma once

#define UNSPOOL_API __attribute__((visibility("default")))
