// Where nodes stand in time: lanes, columns, bars and blocks.
#include <doctest/doctest.h>

#include <algorithm>

#include "dump/placement.hpp"
#include "graph_support.hpp"

namespace us = unspool;
using us::detail::Placement;
using V = us::Var<>;

namespace {

struct Placed {
  explicit Placed(const us::Tape<>& tape)
      : placement(us::detail::place(us::detail::as_drawn(us::capture(tape), true))) {}
  std::uint32_t cell(const V& v) const { return placement.cell[v.index()]; }
  std::int64_t columns() const {
    return std::count_if(placement.cells.begin(), placement.cells.end(), [](const auto& c) { return c.is_column(); });
  }
  std::uint32_t blocks() const { return placement.cells.back().block; }
  Placement placement;
};

V start(us::Tape<>& tape) { return tape.variable({2, 2}, std::vector<float>(4, 0.5f)); }

}  // namespace

TEST_CASE("an initial state stands in the lane before the first step and takes the states' height") {
  us::Tape<> tape;
  const V h0 = start(tape);
  V h = h0;
  std::vector<V> states;
  for (int t = 0; t < 3; ++t) {
    const auto step = tape.step(t);
    states.push_back(h = tanh(h));
  }
  const Placed p(tape);
  CHECK(p.columns() == 3);
  CHECK(p.cell(h0) == 0);
  CHECK(p.placement.stands_for[h0.index()] == states[0].index());
  CHECK(p.placement.carried[states[0].index()] == 1);
  CHECK(p.placement.carried[states[2].index()] == 1);  // known by its neighbour
}

TEST_CASE("what one step alone reads belongs to that step wherever it was recorded") {
  us::Tape<> tape;
  std::vector<V> xs;
  for (int t = 0; t < 3; ++t) xs.push_back(start(tape));
  V h = start(tape);
  std::vector<V> states;
  for (int t = 0; t < 3; ++t) {
    const auto step = tape.step(t);
    states.push_back(h = h + xs[t]);
  }
  const Placed p(tape);
  for (int t = 0; t < 3; ++t) CHECK(p.cell(xs[t]) == p.cell(states[t]));
}

TEST_CASE("what many steps read or feed is a bar, and so is what leads to it") {
  us::Tape<> tape;
  const V x = tape.variable({3, 2}, std::vector<float>(6, 1.0f));
  const V projected = tanh(x);
  std::vector<V> states;
  for (int t = 0; t < 3; ++t) {
    const auto step = tape.step(t);
    states.push_back(tanh(select(projected, 0, t)));
  }
  const V all = us::stack({states[0], states[1], states[2]});
  const V squares = all * all;
  const V loss = sum(squares);
  const Placed p(tape);
  for (const V& bar : {x, projected, all, squares}) CHECK(p.cell(bar) == Placement::bar);
  CHECK(p.cell(loss) == p.placement.cells.size() - 1);  // the lane after the last step
}

TEST_CASE("the reverse direction and further layers share the columns of the steps") {
  us::Tape<> tape;
  std::vector<V> forward(4), reverse(4), second(4);
  V h = start(tape);
  for (int t = 0; t < 4; ++t) {
    const auto step = tape.step(t);
    forward[t] = h = tanh(h);
  }
  const V initial = start(tape);
  h = initial;
  for (int t = 3; t >= 0; --t) {
    const auto step = tape.step(t);
    reverse[t] = h = sigmoid(h);
  }
  h = start(tape);
  for (int t = 0; t < 4; ++t) {
    const auto step = tape.step(t);
    second[t] = h = tanh(h + forward[t] + reverse[t]);
  }
  const Placed p(tape);
  CHECK(p.columns() == 4);
  CHECK(p.blocks() == 1);
  for (int t = 0; t < 4; ++t) {
    CHECK(p.cell(forward[t]) == p.cell(reverse[t]));
    CHECK(p.cell(forward[t]) == p.cell(second[t]));
  }
  CHECK(p.cell(initial) == p.placement.cells.size() - 1);  // the reverse direction begins at the right
}

TEST_CASE("a decoder that continues from the encoder's state stands to its right") {
  us::Tape<> tape;
  V h = start(tape);
  V last;
  for (int t = 0; t < 5; ++t) {
    const auto step = tape.step(t);
    last = h = tanh(h);
  }
  const V context = tanh(last);
  h = context;
  V first;
  for (int t = 0; t < 3; ++t) {
    const auto step = tape.step(t);
    h = sigmoid(h);
    if (t == 0) first = h;
  }
  const Placed p(tape);
  CHECK(p.columns() == 8);
  CHECK(p.blocks() == 2);
  CHECK(p.cell(last) < p.cell(context));
  CHECK(p.cell(context) < p.cell(first));
}

TEST_CASE("passes that turn round at every step share their columns") {
  us::Tape<> tape;
  V forward = start(tape), reverse = start(tape);
  for (int t = 0; t < 20; ++t) {
    {
      const auto step = tape.step(t);
      forward = tanh(forward);
    }
    const auto step = tape.step(19 - t);
    reverse = tanh(reverse);
  }
  const Placed p(tape);
  CHECK(p.columns() == 20);
}
