// What a run leaves behind: weights, curves, the unrolled graph of a real training step.
#pragma once

#include "model.hpp"
#include "train.hpp"

namespace charlm {

/// Writes model.safetensors, loss.svg, gradient.svg and graph.{svg,dot,json,txt} into options.out.
void write_report(Model& model, const Corpus& corpus, const Options& options, const Training& training);

}  // namespace charlm
