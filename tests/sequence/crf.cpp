// The CRF layer: Viterbi against every tagging there is, and training that finds a rule of the tags.
#include "unspool/crf.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "support/caught.hpp"
#include "support/close.hpp"
#include "support/random_tensor.hpp"
#include "unspool/ops.hpp"
#include "unspool/optim.hpp"

namespace us = unspool;
using namespace us::test;
using Tags = std::vector<std::int64_t>;

namespace {

std::size_t place(std::int64_t i) { return static_cast<std::size_t>(i); }

struct Model {
  us::ParameterSet<double> params{us::Seed{4}};
  us::CRF<double> crf;
  explicit Model(std::int64_t tags) : crf(params, "crf", {.tags = tags, .init = us::uniform(-2, 2)}) {}

  double score(const us::Tensor<double>& emissions, std::int64_t b, const Tags& s) {
    if (s.empty()) return 0;
    const std::int64_t B = emissions.shape()[1], K = emissions.shape()[2];
    double sum = params.find("crf.start_transitions")->values()[place(s.front())] +
                 params.find("crf.end_transitions")->values()[place(s.back())];
    for (std::size_t t = 0; t < s.size(); ++t) sum += emissions[(static_cast<std::int64_t>(t) * B + b) * K + s[t]];
    for (std::size_t t = 1; t < s.size(); ++t)
      sum += params.find("crf.transitions")->values()[place(s[t - 1] * K + s[t])];
    return sum;
  }
};

}  // namespace

TEST_CASE("CRF::decode finds the best of all taggings, row by row") {
  for (std::uint64_t seed = 0; seed < 12; ++seed) {
    Model model(3);
    const us::Tensor<double> emissions = random_tensor({5, 3, 3}, seed, -2, 2);
    const Tags lengths{5, 0, 3};
    const std::vector<us::TagPath> paths = model.crf.decode(emissions, lengths);
    REQUIRE(paths.size() == 3);
    for (std::int64_t b = 0; b < 3; ++b) {
      const std::int64_t T = lengths[place(b)];
      const us::TagPath& path = paths[place(b)];
      CHECK(path.tags.size() == place(T));
      CHECK(path.score == doctest::Approx(model.score(emissions, b, path.tags)).epsilon(1e-12));
      Tags s(place(T), 0);
      while (true) {
        CHECK(model.score(emissions, b, s) <= path.score + 1e-12);
        std::int64_t t = 0;
        while (t < T && ++s[place(t)] == 3) s[place(t++)] = 0;
        if (t == T) break;
      }
    }
  }
}

TEST_CASE("a CRF learns which tags may follow each other where the emissions say nothing about it") {
  us::ParameterSet<float> params(us::Seed{1});
  const us::CRF<float> crf(params, "", {.tags = 2});
  us::Adam<float> optimizer(params, {.lr = 0.1});
  us::Tape<float> tape;
  const Tags tags{0, 1, 1, 0, 0, 1, 1, 0};  // rows 0 1 0 1 and 1 0 1 0: tags alternate
  for (int step = 0; step < 60; ++step) {
    tape.reset();
    params.zero_grad();
    tape.backward(crf(tape.zeros({4, 2, 2}), tags, {4, 4}));
    optimizer.step();
  }
  us::Tensor<float> hint({4, 1, 2});
  hint[1] = 1;  // the first tag looks like a 1
  CHECK(crf.decode(hint, {4})[0].tags == Tags{1, 0, 1, 0});
}

TEST_CASE("CRF::decode never takes a forbidden transition, and gives no tags where every path is forbidden") {
  Model model(2);
  const auto transitions = model.params.find("crf.transitions")->mutable_values();
  transitions[1] = -inf;
  us::Tensor<double> emissions({2, 1, 2}, {9, 0, 0, 9});  // prefers 0 1
  CHECK(model.crf.decode(emissions, {2})[0].tags != Tags{0, 1});
  std::fill(transitions.begin(), transitions.end(), -inf);
  const us::TagPath none = model.crf.decode(emissions, {2})[0];
  CHECK(none.tags.empty());
  CHECK(none.score == -inf);
}

TEST_CASE("CRF rejects sizes, lengths and NaN") {
  us::ParameterSet<double> params;
  CHECK(error_from([&] { us::CRF<double>(params, "crf", {}); }).code() == us::ErrorCode::bad_argument);
  Model model(2);
  const auto code = [&](const us::Tensor<double>& x, Tags lengths) {
    return error_from([&] { model.crf.decode(x, lengths); }).code();
  };
  CHECK(code(us::Tensor<double>({2, 1, 3}), {2}) == us::ErrorCode::shape_mismatch);
  CHECK(code(us::Tensor<double>({2, 2}), {2}) == us::ErrorCode::shape_mismatch);
  CHECK(code(us::Tensor<double>({2, 1, 2}), {2, 2}) == us::ErrorCode::shape_mismatch);
  CHECK(code(us::Tensor<double>({2, 1, 2}), {3}) == us::ErrorCode::bad_argument);
  us::Tensor<double> bad({2, 1, 2});
  bad[2] = std::numeric_limits<double>::quiet_NaN();
  CHECK(code(bad, {2}) == us::ErrorCode::nonfinite);
  CHECK(model.crf.decode(bad, {1}).size() == 1);
  CHECK(model.crf.decode(us::Tensor<double>({0, 0, 2}), us::Ids()).empty());
}
