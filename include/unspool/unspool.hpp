// The whole library but its extension points: extend.hpp (your own ops), gradcheck.hpp (numeric checks), xtensor.hpp.
#pragma once

#include "unspool/cells.hpp"
#include "unspool/chart.hpp"
#include "unspool/clip.hpp"
#include "unspool/error.hpp"
#include "unspool/graph.hpp"
#include "unspool/layers.hpp"
#include "unspool/ops.hpp"
#include "unspool/optim.hpp"
#include "unspool/parameter.hpp"
#include "unspool/safetensors.hpp"
#include "unspool/schedule.hpp"
#include "unspool/tape.hpp"
#include "unspool/tensor.hpp"
