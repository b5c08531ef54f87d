// Precompiled for the core: what nearly every file of it reads. A convenience of the build, not an include path: each
// file still includes what it uses, and the sanitizer build compiles without this.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "unspool/extend.hpp"
#include "unspool/ops.hpp"
#include "unspool/parameter.hpp"
