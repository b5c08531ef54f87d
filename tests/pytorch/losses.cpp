// Losses, layer normalisation and embedding.
#include "run.hpp"
#include "unspool/layers.hpp"

us::Reduction reduction_of(const Case& c) {
  const std::string& name = c.word("reduction");
  return name == "mean" ? us::Reduction::mean : name == "sum" ? us::Reduction::sum : us::Reduction::none;
}

void run_cross_entropy(const Case& c) {
  us::CrossEntropyOptions options;
  options.reduction = reduction_of(c);
  options.label_smoothing = c.number("label_smoothing");
  options.ignore_index = c.integer("ignore_index", options.ignore_index);
  Run r(c);
  const Var x = r.leaf("x");
  const us::Ids targets = c.ids.at("targets");
  r.result("y", c.has("class_weight") ? cross_entropy(x, targets, r.tape.input(c.tensor("class_weight")), options)
                                      : cross_entropy(x, targets, options));
  r.finish();
}

void run_ctc_loss(const Case& c) {
  Run r(c);
  const us::CtcOptions options{reduction_of(c), c.integer("blank"), c.flag("zero_infinity")};
  r.result("y", ctc_loss(r.leaf("x"), c.ids.at("targets"), c.ids.at("inputs"), c.ids.at("outputs"), options));
  r.finish();
}

void run_binary_cross_entropy(const Case& c) {
  Run r(c);
  const Var target = r.tape.input(c.tensor("target"));
  r.result("y", binary_cross_entropy_with_logits(r.leaf("x"), target, c.ids.at("mask"), reduction_of(c)));
  r.finish();
}

void run_crf_loss(const Case& c) {
  Run r(c);
  const Var x = r.leaf("x"), transitions = r.leaf("transitions"), start = r.leaf("start"), end = r.leaf("end");
  r.result("y", crf_loss(x, transitions, start, end, c.ids.at("tags"), c.ids.at("lengths"), us::Reduction::none));
  r.finish();
}

void run_layer_norm(const Case& c) {
  Run r(c);
  const Var x = r.leaf("x"), weight = r.leaf("weight"), bias = r.leaf("bias");
  r.result("y", layer_norm(x, weight, bias, c.number("eps")));
  r.finish();
}

void run_embedding(const Case& c) {
  Run r(c);
  const us::Shape& shape = c.tensor("table.weight").shape();
  const us::Embedding layer(r.params, "table", {.count = shape[0], .width = shape[1]});
  r.load();
  r.result("y", layer(r.tape, c.ids.at("ids")));
  r.finish();
}
