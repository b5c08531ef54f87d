// What the examples share: options by name, batches out of rows of ids, a training loop. Those whose examples are made
// up have one header more, fresh.hpp.
#pragma once

#include "batches.hpp"
#include "options.hpp"
#include "trainer.hpp"
