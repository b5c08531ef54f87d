// Attention over encoder outputs of any lengths: each score against its formula written out, masking, gradients, errors.
#include "unspool/attention.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "support/layers.hpp"
#include "unspool/sequence_losses.hpp"

namespace us = unspool;
using namespace us::test;
using Var = us::Var<double>;
using Numbers = std::vector<double>;

namespace {

constexpr std::int64_t S = 5, B = 4, M = 3, Q = 3, A = 2;
const std::vector<std::int64_t> mixed{2, 5, 0, 3};
constexpr us::AttentionScore scores[] = {us::AttentionScore::dot, us::AttentionScore::general,
                                         us::AttentionScore::additive};

us::Attention<double> attention(us::ParameterSet<double>& params, us::AttentionScore score) {
  return us::Attention<double>(params, "attend", {.query = Q, .memory = M, .score = score, .hidden = A});
}

/// The score of one query and one remembered step, as the papers write it.
double score_by_hand(const us::ParameterSet<double>& params, us::AttentionScore score, const double* q,
                     const double* m) {
  double sum = 0;
  if (score == us::AttentionScore::additive) {
    const auto W = params["attend.query_weight"].values(), U = params["attend.memory_weight"].values(),
               v = params["attend.score_weight"].values();
    for (std::size_t a = 0; a < A; ++a) {
      double inner = 0;
      for (std::size_t i = 0; i < Q; ++i) inner += W[a * Q + i] * q[i];
      for (std::size_t j = 0; j < M; ++j) inner += U[a * M + j] * m[j];
      sum += v[a] * std::tanh(inner);
    }
    return sum;
  }
  for (std::size_t i = 0; i < Q; ++i)
    for (std::size_t j = 0; j < M; ++j) {
      const bool general = score == us::AttentionScore::general;
      sum += q[i] * (general ? params["attend.weight"].values()[i * M + j] : i == j ? 1.0 : 0.0) * m[j];
    }
  return sum;
}

}  // namespace

TEST_CASE("every score gives the weights and contexts of its formula, over the steps that a row has") {
  const us::Tensor<double> x = random_tensor({S, B, M}, 1), query = random_tensor({B, Q}, 2);
  for (const us::AttentionScore score : scores) {
    us::ParameterSet<double> params(us::Seed{7});
    const us::Attention<double> attend = attention(params, score);
    us::Tape<double> tape;
    const auto memory = attend.memory(us::Sequence(tape.input(x), mixed));
    const auto [context, weights] = attend(tape.input(query), memory);
    REQUIRE(context.shape() == us::Shape{B, M});
    REQUIRE(weights.shape() == us::Shape{B, S});
    for (std::int64_t b = 0; b < B; ++b) {
      Numbers expected(S, 0.0), mean(M, 0.0);
      double total = 0;
      for (std::int64_t s = 0; s < mixed[static_cast<std::size_t>(b)]; ++s)
        total += expected[static_cast<std::size_t>(s)] =
            std::exp(score_by_hand(params, score, query.data() + b * Q, x.data() + (s * B + b) * M));
      for (std::int64_t s = 0; s < mixed[static_cast<std::size_t>(b)]; ++s) {
        expected[static_cast<std::size_t>(s)] /= total;
        for (std::int64_t j = 0; j < M; ++j)
          mean[static_cast<std::size_t>(j)] += expected[static_cast<std::size_t>(s)] * x[(s * B + b) * M + j];
      }
      CHECK(difference(weights.values().subspan(static_cast<std::size_t>(b * S), S), expected) == "");
      CHECK(difference(context.values().subspan(static_cast<std::size_t>(b * M), M), mean) == "");
    }
  }
}

TEST_CASE("gradients of attention are those of numeric differences") {
  for (const us::AttentionScore score : scores) {
    us::ParameterSet<double> params(us::Seed{7});
    const us::Attention<double> attend = attention(params, score);
    const auto loss = [&](us::Tape<double>& tape, std::span<const Var> in) {
      const auto [context, weights] = attend(in[1], attend.memory(us::Sequence(in[0], mixed)));
      return sum(context * tape.input(random_tensor({B, M}, 8))) + sum(weights * tape.input(random_tensor({B, S}, 9)));
    };
    const std::vector<us::Tensor<double>> inputs{random_tensor({S, B, M}, 1), random_tensor({B, Q}, 2)};
    const us::GradcheckResult result = us::check_gradients(loss, params, inputs);
    CHECK(result.entries == params.value_count() + S * B * M + B * Q);
  }
}

TEST_CASE("a row without steps has weights, context and gradients of 0, and padding is never read") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  us::Tensor<double> x = random_tensor({S, B, M}, 1);
  for (std::int64_t s = 0; s < S; ++s)
    for (std::int64_t b = 0; b < B; ++b)
      if (s >= mixed[static_cast<std::size_t>(b)]) std::fill_n(x.data() + (s * B + b) * M, M, nan);
  for (const us::AttentionScore score : scores) {
    us::ParameterSet<double> params(us::Seed{7});
    const us::Attention<double> attend = attention(params, score);
    us::Tape<double> tape;
    const Var in = tape.variable(x), query = tape.variable(random_tensor({B, Q}, 2));
    const auto [context, weights] = attend(query, attend.memory(us::Sequence(in, mixed)));
    CHECK(difference(context.values().subspan(2 * M, M), Numbers(M, 0.0), us::test::exact) == "");
    CHECK(difference(weights.values().subspan(2 * S, S), Numbers(S, 0.0), us::test::exact) == "");
    tape.backward(sum(square(context)) + sum(square(weights)));
    CHECK(difference(query.grad().subspan(2 * Q, Q), Numbers(Q, 0.0), us::test::exact) == "");
    for (std::int64_t s = 0; s < S; ++s)
      for (std::int64_t b = 0; b < B; ++b)
        for (std::int64_t j = 0; j < M; ++j) {
          const double g = in.grad()[static_cast<std::size_t>((s * B + b) * M + j)];
          CHECK((s < mixed[static_cast<std::size_t>(b)] ? std::isfinite(g) : g == 0));
        }
  }
}

TEST_CASE("several queries of a row, and those of a whole sequence, get what each gets alone") {
  const std::vector<std::int64_t> asked{3, 1, 2, 0};
  const us::Tensor<double> x = random_tensor({S, B, M}, 1), queries = random_tensor({3, B, Q}, 2);
  for (const us::AttentionScore score : scores) {
    us::ParameterSet<double> params(us::Seed{7});
    const us::Attention<double> attend = attention(params, score);
    us::Tape<double> tape;
    const auto memory = attend.memory(us::Sequence(tape.input(x), mixed));
    const us::Sequence<double> contexts = attend(us::Sequence(tape.input(queries), asked), memory);
    const auto [many, weights] = attend(transpose(tape.input(queries), 0, 1), memory);
    CHECK(weights.shape() == us::Shape{B, 3, S});
    const us::Tensor<double> padded = contexts.padded(-7).tensor();
    for (std::int64_t t = 0; t < 3; ++t) {
      const us::Tensor<double> alone = attend(select(tape.input(queries), 0, t), memory).context.tensor();
      CHECK(difference(select(many, 1, t).values(), alone.values()) == "");
      for (std::int64_t i = 0; i < B * M; ++i)
        CHECK(us::test::close(padded[t * B * M + i], t < asked[static_cast<std::size_t>(i / M)] ? alone[i] : -7));
    }
  }
}

TEST_CASE("attention over nothing: no steps, no rows") {
  us::ParameterSet<double> params(us::Seed{7});
  const us::Attention<double> attend = attention(params, us::AttentionScore::general);
  us::Tape<double> tape;
  const auto [context, weights] =
      attend(tape.variable(random_tensor({B, Q}, 2)), attend.memory(us::Sequence(tape.zeros({0, B, M}))));
  CHECK(weights.shape() == us::Shape{B, 0});
  CHECK(difference(context.values(), Numbers(B * M, 0.0), us::test::exact) == "");
  tape.backward(sum(context));
  CHECK(attend(tape.zeros({0, Q}), attend.memory(us::Sequence(tape.zeros({S, 0, M})))).context.shape() ==
        us::Shape{0, M});
}

TEST_CASE("attention says what does not fit") {
  us::ParameterSet<double> params(us::Seed{7});
  using Attend = us::Attention<double>;
  UNSPOOL_CHECK_ERROR(Attend(params, "a", {.query = 0, .memory = 3}), bad_argument, "given 0, 3 and 0");
  UNSPOOL_CHECK_ERROR(Attend(params, "a", {.query = 2, .memory = 3, .score = us::AttentionScore::dot}), bad_argument,
                      "one width; given 2 and 3");
  CHECK(params.size() == 0);
  const Attend attend = attention(params, us::AttentionScore::additive);
  us::Tape<double> tape;
  const us::Sequence<double> wide(tape.zeros({S, B, M + 1}));
  UNSPOOL_CHECK_ERROR(attend.memory(wide), shape_mismatch, "rows [3]; its packed values are [20,4]");
  const auto memory = attend.memory(us::Sequence(tape.zeros({S, B, M})));
  UNSPOOL_CHECK_ERROR(attend(tape.zeros({B, Q + 1}), memory), shape_mismatch, "given [4,4] and [4,5,3]");
  UNSPOOL_CHECK_ERROR(attend(tape.zeros({B + 1, Q}), memory), shape_mismatch, "given [5,3]");
  UNSPOOL_CHECK_ERROR(attend(Var(), memory), stale_handle, "Attention");
}

TEST_CASE("masked_softmax is softmax where nothing is masked and 0 where everything is") {
  us::Tape<double> tape;
  const Var x = tape.input(random_tensor({3, 4}, 1, -5, 5));
  CHECK(difference(masked_softmax(x, tape.ones({3, 4})).values(), softmax(x).values(), us::test::exact) == "");
  CHECK(difference(masked_softmax(x, tape.zeros({4})).values(), Numbers(12, 0.0), us::test::exact) == "");
  const Var some = masked_softmax(x, tape.input({4}, Numbers{1, 0, 1, 0}));
  const Var fewer = softmax(index_select(x, 1, {0, 2}));
  CHECK(difference(index_select(some, 1, {0, 2}).values(), fewer.values()) == "");
  UNSPOOL_CHECK_ERROR(masked_softmax(x, tape.ones({2, 3, 4})), shape_mismatch, "the mask must broadcast");
  UNSPOOL_CHECK_ERROR(masked_softmax(tape.scalar(1), tape.ones({})), shape_mismatch, "x needs an axis");
}
