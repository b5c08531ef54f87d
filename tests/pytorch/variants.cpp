// Recurrence from the output, skips through time, trees.
#include "run.hpp"
#include "unspool/feedback.hpp"
#include "unspool/layers.hpp"
#include "unspool/skip.hpp"
#include "unspool/tree.hpp"

namespace {

/// run(cell) with the plain cell that the case names.
template <class F>
void with_cell(Run& r, const Case& c, F run) {
  const std::int64_t input = c.integer("input"), hidden = c.integer("hidden");
  if (c.word("cell") == "lstm")
    run(us::LSTMCell(r.params, "rnn", {.input = input, .hidden = hidden}));
  else if (c.word("cell") == "gru")
    run(us::GRUCell(r.params, "rnn", {.input = input, .hidden = hidden}));
  else
    run(us::RNNCell(r.params, "rnn", {.input = input, .hidden = hidden}));
}

template <class Cell>
void unroll_from_zero(Run& r, const Case& c, const Cell& cell) {
  r.load();
  const us::Sequence<double> xs(r.leaf("x"), c.ids.at("lengths"));
  r.result("y", us::unroll(cell, xs, cell.zero_state(r.tape, xs.batch())).outputs.padded());
  r.finish();
}

}  // namespace

void run_jordan(const Case& c) {
  const std::string& name = c.word("activation");
  const us::Activation activation = name == "tanh"      ? us::Activation::tanh
                                    : name == "sigmoid" ? us::Activation::sigmoid
                                    : name == "softmax" ? us::Activation::softmax
                                                        : us::Activation::identity;
  Run r(c);
  const us::JordanCell cell(r.params, "rnn",
                            {.input = c.integer("input"),
                             .hidden = c.integer("hidden"),
                             .output = c.integer("output"),
                             .activation = activation});
  r.load();
  const us::Sequence<double> xs(r.leaf("x"), c.ids.at("lengths"));
  const auto [ys, last] = us::unroll(cell, xs, r.leaf("h0"));
  r.result("y", ys.padded()), r.result("h", last);
  r.finish();
}

void run_dilated(const Case& c) {
  Run r(c);
  with_cell(r, c, [&]<class Cell>(const Cell& cell) {
    unroll_from_zero(r, c, us::DilatedCell<double, Cell>(cell, c.integer("distance")));
  });
}

void run_skip(const Case& c) {
  Run r(c);
  with_cell(r, c, [&]<class Cell>(const Cell& cell) {
    unroll_from_zero(r, c, us::SkipCell<double, Cell>(r.params, cell, c.integer("distance")));
  });
}

void run_tree_lstm(const Case& c) {
  Run r(c);
  const us::TreeLSTM tree(
      r.params, "tree",
      {.input = c.integer("input"), .hidden = c.integer("hidden"), .children = c.integer("children")});
  r.load();
  const us::Forest forest(c.ids.at("parents"), c.ids.contains("slots") ? us::Ids(c.ids.at("slots")) : us::Ids());
  const auto [h, cell] = tree(r.leaf("x"), forest);
  r.result("h", h), r.result("c", cell);
  r.finish();
}
