// Losses over ragged sequences: the padding counts for nothing, and each row is as if it were alone.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "support/allocations.hpp"
#include "support/caught.hpp"
#include "support/close.hpp"
#include "support/random_tensor.hpp"
#include "unspool/crf.hpp"
#include "unspool/ctc.hpp"
#include "unspool/masks.hpp"
#include "unspool/sequence_losses.hpp"

namespace us = unspool;
using namespace us::test;
using us::Reduction;
using Numbers = std::vector<std::int64_t>;

namespace {

const Numbers lengths{3, 5, 0, 4};
constexpr std::int64_t T = 5, B = 4, C = 4;
const Numbers tags{0, 1, 9, 2, 3, 0, 9, 1, 2, 2, 9, 3, -7, 1, 9, 0, 88, 3, 9, -1};  // wrong where no step is

/// [T,B,C] random values, NaN where there is no step.
us::Tensor<double> padded() {
  us::Tensor<double> x = random_tensor({T, B, C}, 5, -2, 2);
  for (std::int64_t i = 0; i < x.size(); ++i)
    if (i / C / B >= lengths[static_cast<std::size_t>(i / C % B)]) x[i] = std::numeric_limits<double>::quiet_NaN();
  return x;
}

/// The same loss of the sequence and of the padded tensor, with the same gradients.
template <class F, class G>
void check_same(F of_sequence, G of_padded) {
  us::Tape<double> a, b;
  const us::Var<double> x = a.variable(padded()), z = b.variable(padded());
  const us::Var<double> loss = of_sequence(us::Sequence<double>(x, lengths)), expected = of_padded(z);
  CHECK(std::isfinite(loss.item()));
  CHECK(loss.item() == expected.item());
  a.backward(loss);
  b.backward(expected);
  CHECK(difference(x.grad(), z.grad(), exact) == "");
}

}  // namespace

TEST_CASE("losses of a sequence are those of the padded tensor with its lengths, whatever the padding holds") {
  us::ParameterSet<double> params(us::Seed{1});
  const us::CRF<double> crf(params, "crf", {.tags = C});
  const Numbers labels{1, 2, 2, 3, 1}, label_lengths{1, 3, 0, 1};
  const std::vector<std::uint8_t> mask = us::step_mask(lengths, T);
  for (const Reduction reduction : {Reduction::mean, Reduction::sum}) {
    check_same([&](const auto& xs) { return crf(xs, tags, reduction); },
               [&](const auto& x) { return crf(x, tags, lengths, reduction); });
    check_same([&](const auto& xs) { return ctc_loss(xs, labels, label_lengths, {.reduction = reduction}); },
               [&](const auto& x) { return ctc_loss(x, labels, lengths, label_lengths, {.reduction = reduction}); });
    check_same(
        [&](const auto& xs) {
          const us::Var<double> target(us::detail::record_constant(*xs.packed().tape(), {T, B, C}, 0.25, {}));
          return binary_cross_entropy_with_logits(xs, target, reduction);
        },
        [&](const auto& x) {
          const us::Var<double> target(us::detail::record_constant(*x.tape(), {T, B, C}, 0.25, {}));
          return binary_cross_entropy_with_logits(x, target, mask, reduction);
        });
  }
}

TEST_CASE("cross_entropy of a sequence is that of the padded tensor with a mask") {
  us::Tape<double> tape;
  const us::Var<double> x = tape.variable(padded());
  const us::Var<double> loss = cross_entropy(us::Sequence<double>(x, lengths), tags);
  CHECK(close(loss.item(), cross_entropy(x, tags, us::step_mask(lengths, T)).item()));
}

TEST_CASE("decoders take a sequence and give each row as many steps as it has") {
  us::Tape<double> tape;
  us::ParameterSet<double> params(us::Seed{1});
  const us::CRF<double> crf(params, "crf", {.tags = C});
  const us::Sequence<double> xs(tape.input(padded()), lengths);
  const std::vector<us::TagPath> paths = crf.decode(xs);
  REQUIRE(paths.size() == B);
  for (std::size_t b = 0; b < B; ++b) CHECK(static_cast<std::int64_t>(paths[b].tags.size()) == lengths[b]);
  CHECK(us::ctc_greedy_decode(xs).size() == B);
  CHECK(us::ctc_beam_decode(xs, {.width = 3})[2][0].labels.empty());
}

TEST_CASE("losses of sequences without a single step are 0 with gradient 0") {
  us::ParameterSet<double> params(us::Seed{1});
  const us::CRF<double> crf(params, "crf", {.tags = C});
  for (const us::Shape& shape : {us::Shape{0, 2, C}, us::Shape{3, 2, C}, us::Shape{3, 0, C}}) {
    us::Tape<double> tape;
    const us::Var<double> x = tape.variable(random_tensor(shape, 3));
    const Numbers none(static_cast<std::size_t>(shape[1]), 0), any(static_cast<std::size_t>(shape[0] * shape[1]), 1);
    const us::Sequence<double> xs(x, none);
    const us::Var<double> loss = cross_entropy(xs, any) + binary_cross_entropy_with_logits(xs, tape.zeros(shape)) +
                                 ctc_loss(xs, us::Ids(), none) + crf(xs, any);
    CHECK(loss.item() == 0);
    tape.backward(loss);
    for (const double g : x.grad()) CHECK(g == 0);
  }
}

TEST_CASE("a warm step with each loss of a sequence allocates nothing") {
  us::ParameterSet<float> params(us::Seed{1});
  const us::CRF<float> crf(params, "crf", {.tags = C});
  const us::Tensor<float> x = random_tensor<float>({T, B, C}, 5);
  const Numbers labels{1, 2, 2, 3, 1}, label_lengths{1, 3, 0, 1}, any(T * B, 1);
  us::Tape<float> tape;
  const auto step = [&] {
    tape.reset();
    params.zero_grad();
    const us::Sequence<float> xs(tape.variable(x), lengths);
    tape.backward(cross_entropy(xs, any) + binary_cross_entropy_with_logits(xs, tape.zeros({T, B, C})) +
                  ctc_loss(xs, labels, label_lengths) + crf(xs, any));
  };
  for (int warm = 0; warm < 3; ++warm) step();
  const std::int64_t before = allocation_count();
  step();
  CHECK(allocation_count() == before);
}

TEST_CASE("losses of a sequence reject what does not fit it") {
  us::Tape<double> tape;
  us::ParameterSet<double> params(us::Seed{1});
  const us::CRF<double> crf(params, "crf", {.tags = C});
  const us::Sequence<double> xs(tape.input(random_tensor({T, B, C}, 5)), lengths);
  CHECK(error_from([&] {
          binary_cross_entropy_with_logits(xs, tape.zeros({T, B}));
        }).code() == us::ErrorCode::shape_mismatch);
  CHECK(error_from([&] { ctc_loss(xs, {1}, {1}); }).code() == us::ErrorCode::shape_mismatch);
  CHECK(error_from([&] { crf(xs, {1}); }).code() == us::ErrorCode::shape_mismatch);
}
