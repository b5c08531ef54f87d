// Views share memory with the value they were cut from, and their gradients share its gradient buffer. Every way in
// which the sharing could lose, double or misplace a contribution.
#include <doctest/doctest.h>

#include "support/caught.hpp"
#include "support/uneven.hpp"
#include "tape/tape_core.hpp"
#include "unspool/ops.hpp"
#include "unspool/parameter.hpp"

namespace us = unspool;
using us::concat;
using us::test::check_gradients;
using us::test::uneven_tensor;
using Tape = us::Tape<double>;
using Var = us::Var<double>;

namespace {

std::vector<double> copy(std::span<const double> values) { return {values.begin(), values.end()}; }

}  // namespace

TEST_CASE("overlapping slices of a computed value add up where they overlap") {
  check_gradients({uneven_tensor({5, 2})}, [](Tape&, const auto& v) {
    const Var h = tanh(v[0]);
    return slice(h, 0, 0, 3) * slice(h, 0, 1, 4) + slice(h, 0, 2, 5);
  });
}

TEST_CASE("a slice of a slice, and a selection of a reshaped slice, reach the right rows") {
  check_gradients({uneven_tensor({6, 2})}, [](Tape&, const auto& v) {
    const Var inner = slice(slice(tanh(v[0]), 0, 1, 6), 0, 1, 4);
    return tanh(select(reshape(inner, {3, 2, 1}), 0, 1)) * 3 + reshape(select(inner, 0, 2), {2, 1});
  });
}

TEST_CASE("a view of a variable adds to the variable's gradient, over several backward passes") {
  Tape tape;
  const Var x = tape.variable(uneven_tensor({4}));
  const Var low = slice(x, 0, 0, 2), all = reshape(x, {2, 2});
  tape.backward(low * 2.0, std::vector<double>{1, 10});
  CHECK(copy(x.grad()) == std::vector<double>{2, 20, 0, 0});
  tape.backward(all, std::vector<double>{100, 200, 300, 400});
  CHECK(copy(x.grad()) == std::vector<double>{102, 220, 300, 400});
}

TEST_CASE("a view of a parameter adds to its gradient, next to what products queue for it") {
  const auto run = [](bool defer, bool views) {
    us::ParameterSet<double> params(us::Seed{5});
    auto& w = params.add("w", {4, 3}, us::xavier_uniform());
    Tape tape(us::TapeOptions{.defer_products = defer});
    const Var x = tape.input(uneven_tensor({2, 3}));
    const Var leaf = tape.parameter(w);
    const Var half = views ? slice(leaf, 0, 2, 4) : index_select(leaf, 0, {2, 3});
    const Var y = concat({linear(x, w), linear(x, half), linear(x, w)}, 1);
    tape.backward(y, us::test::uneven_weights(y.size()));
    return copy(w.grad());
  };
  const std::vector<double> expected = run(false, false);
  for (const bool defer : {false, true}) {
    const std::vector<double> viewed = run(defer, true);
    for (std::size_t i = 0; i < expected.size(); ++i) CHECK(viewed[i] == doctest::Approx(expected[i]).epsilon(1e-13));
  }
}

TEST_CASE("a view of a parameter alone leaves exact zeros beside it, also where an old gradient was") {
  us::ParameterSet<double> params;
  auto& p = params.add("p", {4}, us::ones());
  for (double& g : p.grad()) g = 99;
  p.zero_grad();
  Tape tape;
  const Var part = slice(tape.parameter(p), 0, 1, 3);
  tape.backward(part, std::vector<double>{3, 4});
  CHECK(copy(p.grad()) == std::vector<double>{0, 3, 4, 0});
}

TEST_CASE("a value with a view and other users collects both") {
  check_gradients({uneven_tensor({3, 2})}, [](Tape&, const auto& v) {
    const Var h = tanh(v[0]);
    const Var before = h * h;
    const Var view = reshape(h, {6});
    const Var after = h * 2.0;
    return before + after * reshape(view, {3, 2}) + reshape(tanh(view), {3, 2});
  });
}

TEST_CASE("a loss may itself be a view, of an inner value or of a variable") {
  check_gradients({uneven_tensor({3, 2})}, [](Tape&, const auto& v) { return slice(tanh(v[0]), 0, 1, 2); });
  check_gradients({uneven_tensor({3, 2})}, [](Tape&, const auto& v) { return select(reshape(v[0], {6}), 0, 3); });
}

TEST_CASE("a view that no path from the loss uses, or of what has no gradient, changes nothing") {
  Tape tape;
  const Var x = tape.variable(uneven_tensor({4})), constant = tape.ones({4});
  const Var unused = slice(tanh(x), 0, 1, 2);
  const Var y = slice(x, 0, 0, 2) * slice(constant, 0, 2, 4);
  tape.backward(y, std::vector<double>{5, 6});
  CHECK(unused.size() == 1);
  CHECK(copy(x.grad()) == std::vector<double>{5, 6, 0, 0});
}

TEST_CASE("empty slices and views of empty values walk back") {
  Tape tape;
  const Var x = tape.variable(uneven_tensor({3})), none = tape.variable({0, 2}, std::vector<double>{});
  const Var y = concat({tanh(slice(x, 0, 3, 3)), slice(x, 0, 0, 1), reshape(none, {0})});
  tape.backward(y, std::vector<double>{7});
  CHECK(copy(x.grad()) == std::vector<double>{7, 0, 0});
  CHECK(none.grad().empty());
}

TEST_CASE("keep_grad on a view gives the gradient that arrived through the view, not its neighbours'") {
  Tape tape;
  const Var x = tape.variable({4}, std::vector<double>{1, 2, 3, 4});
  const Var h = x * 1.0;
  const Var part = slice(h, 0, 1, 3);
  tape.keep_grad(part);
  // h is also used as a whole and by an overlapping view; the memory of h's gradient is recycled for that of y.
  const Var y = concat({h * 10.0, slice(h, 0, 0, 2) * 100.0, part * 3.0, part * 4.0});
  tape.backward(y, std::vector<double>(10, 1.0));
  CHECK(copy(part.grad()) == std::vector<double>{7, 7});
  CHECK(copy(x.grad()) == std::vector<double>{110, 117, 17, 10});
}

TEST_CASE("a kept view passes on what its own views received, however keep_grad and the views are ordered") {
  for (const bool kept_first : {true, false}) {
    Tape tape;
    const Var x = tape.variable({2, 2}, std::vector<double>{1, 2, 3, 4});
    const Var flat = reshape(x * 1.0, {4});
    if (kept_first) tape.keep_grad(flat);
    const Var tail = slice(flat, 0, 1, 4), last = select(tail, 0, 2);
    if (!kept_first) tape.keep_grad(flat);
    tape.keep_grad(tail);
    tape.backward(concat({tail * 2.0, reshape(last, {1}) * 5.0, flat}), std::vector<double>(8, 1.0));
    CHECK(copy(tail.grad()) == std::vector<double>{2, 2, 7});
    CHECK(copy(flat.grad()) == std::vector<double>{1, 3, 3, 8});
    CHECK(copy(x.grad()) == std::vector<double>{1, 3, 3, 8});
  }
}

TEST_CASE("a kept view of a parameter has a gradient of its own, and rewinding gives its memory back") {
  us::ParameterSet<double> params;
  auto& p = params.add("p", {3}, us::ones());
  Tape tape;
  const us::Mark start = tape.mark();
  for (int round = 1; round <= 3; ++round) {
    const Var leaf = tape.parameter(p);
    tape.keep_grad(leaf);  // it keeps it anyway
    const Var part = slice(leaf, 0, 1, 3);
    tape.keep_grad(part);
    tape.backward(part * 3.0, std::vector<double>{1, 2});
    CHECK(copy(part.grad()) == std::vector<double>{3, 6});
    CHECK(copy(p.grad()) == std::vector<double>{0, 3.0 * round, 6.0 * round});
    tape.rewind(start);
  }
}

TEST_CASE("the gradient norm of a view is that of what arrived through it, not of the memory it shares") {
  Tape tape(us::TapeOptions{.keep_gradient_norms = true});
  const Var x = tape.variable({4}, std::vector<double>{1, 2, 3, 4});
  const Var h = x * 1.0;
  const Var parts[] = {slice(h, 0, 0, 2), slice(h, 0, 1, 4)};
  tape.backward(concat({parts[0] * 2.0, parts[1] * 3.0}), std::vector<double>(5, 1.0));
  const std::vector<double>& norms = tape.core()->gradient_norms();
  CHECK(norms[parts[0].index()] == doctest::Approx(std::sqrt(4.0 + 4)));
  CHECK(norms[parts[1].index()] == doctest::Approx(std::sqrt(9.0 + 9 + 9)));
  CHECK(norms[h.index()] == doctest::Approx(std::sqrt(4.0 + 25 + 9 + 9)));
  CHECK(copy(x.grad()) == std::vector<double>{2, 5, 3, 3});
}

TEST_CASE("keep_grad after the walk says so instead of giving zeros") {
  Tape tape;
  const Var x = tape.variable({2}, std::vector<double>{1, 2});
  const Var h = tanh(x);
  tape.backward(slice(h, 0, 0, 1));
  const us::Error e = us::test::error_from([&] { tape.keep_grad(h); });
  CHECK(e.code() == us::ErrorCode::no_gradient);
  CHECK(us::test::rule_text(e) ==
        "keep_grad: must be called before backward(); %1 (tanh) has been walked and its gradient is gone (E009)");
}

TEST_CASE("a hundred thousand views of views are walked without recursion") {
  Tape tape;
  const Var x = tape.variable({2}, std::vector<double>{1, 2});
  Var h = tanh(x);
  for (int i = 0; i < 100000; ++i) h = reshape(h, {i % 2 == 0 ? 1 : 2, -1});
  tape.backward(reshape(h, {2}), std::vector<double>{1, 0});
  CHECK(x.grad()[0] == doctest::Approx(1 - std::tanh(1.0) * std::tanh(1.0)));
  CHECK(x.grad()[1] == 0);
}
