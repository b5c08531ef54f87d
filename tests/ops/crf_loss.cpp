// crf_loss against the sum over every tagging there is, and what the generic tests cannot draw: forbidden transitions,
// ragged batches, errors.
#include <doctest/doctest.h>

#include <cmath>

#include "support/caught.hpp"
#include "support/close.hpp"
#include "support/random_tensor.hpp"
#include "unspool/ops.hpp"
#include "unspool/tape.hpp"

namespace us = unspool;
using namespace us::test;
using us::Reduction;
using Tags = std::vector<std::int64_t>;

namespace {

std::size_t place(std::int64_t i) { return static_cast<std::size_t>(i); }

struct Chain {
  us::Tensor<double> emissions, transitions, start, end;

  Chain(std::int64_t T, std::int64_t B, std::int64_t K, std::uint64_t seed)
      : emissions(random_tensor({T, B, K}, seed, -3, 3)),
        transitions(random_tensor({K, K}, seed + 1, -3, 3)),
        start(random_tensor({K}, seed + 2, -3, 3)),
        end(random_tensor({K}, seed + 3, -3, 3)) {}

  std::int64_t steps() const { return emissions.shape()[0]; }
  std::int64_t rows() const { return emissions.shape()[1]; }
  std::int64_t tags() const { return emissions.shape()[2]; }

  double score(const Tags& s, std::int64_t b = 0) const {
    if (s.empty()) return 0;
    double sum = start[s.front()] + end[s.back()];
    for (std::size_t t = 0; t < s.size(); ++t)
      sum += emissions[(static_cast<std::int64_t>(t) * rows() + b) * tags() + s[t]];
    for (std::size_t t = 1; t < s.size(); ++t) sum += transitions[s[t - 1] * tags() + s[t]];
    return sum;
  }
};

std::vector<Tags> all_taggings(std::int64_t steps, std::int64_t K) {
  std::vector<Tags> all;
  Tags s(place(steps), 0);
  while (true) {
    all.push_back(s);
    std::int64_t t = 0;
    while (t < steps && ++s[place(t)] == K) s[place(t++)] = 0;
    if (t == steps) return all;
  }
}

double log_of_all(const Chain& c, std::int64_t length, std::int64_t b = 0) {
  long double sum = 0;
  for (const Tags& s : all_taggings(length, c.tags())) sum += std::exp(static_cast<long double>(c.score(s, b)));
  return static_cast<double>(std::log(sum));
}

struct Recorded {
  us::Var<double> emissions, transitions, start, end, loss;
};

Recorded recorded(us::Tape<double>& tape, const Chain& c, const Tags& tags, const Tags& lengths, Reduction reduction) {
  Recorded r{
      tape.variable(c.emissions), tape.variable(c.transitions), tape.variable(c.start), tape.variable(c.end), {}};
  r.loss = crf_loss(r.emissions, r.transitions, r.start, r.end, tags, lengths, reduction);
  return r;
}

us::Error error_of(const us::Shape& emissions, std::int64_t K, Tags tags, Tags lengths) {
  us::Tape<double> tape;
  const us::Var<double> x = tape.zeros(emissions), w = tape.zeros({K, K}), v = tape.zeros({K});
  const std::int64_t nodes = tape.stats().nodes;
  const us::Error error = error_from([&] { crf_loss(x, w, v, v, tags, lengths); });
  CHECK(tape.stats().nodes == nodes);
  return error;
}

}  // namespace

TEST_CASE("crf_loss is the sum over all taggings, for every tagging of 3 tags and up to 6 steps") {
  int compared = 0;
  for (std::int64_t T = 0; T <= 6; ++T) {
    const Chain c(T, 1, 3, static_cast<std::uint64_t>(20 + T));
    const double log_total = log_of_all(c, T);
    us::Tape<double> tape;
    for (const Tags& tags : all_taggings(T, 3)) {
      const us::Mark mark = tape.mark();
      const double loss = recorded(tape, c, tags, {T}, Reduction::sum).loss.item();
      CHECK(std::abs(loss - (log_total - c.score(tags))) <= 1e-12 * std::max(1.0, log_total));
      tape.rewind(mark);
      ++compared;
    }
  }
  CHECK(compared == 1 + 3 + 9 + 27 + 81 + 243 + 729);
}

TEST_CASE("crf_loss's gradient is the taggings' probability less the one that was asked for") {
  const Chain c(5, 1, 3, 40);
  const Tags wanted{0, 2, 2, 1, 0};
  us::Tape<double> tape;
  const Recorded r = recorded(tape, c, wanted, {5}, Reduction::sum);
  tape.backward(r.loss);
  std::vector<double> emissions(15), transitions(9), start(3), end(3);
  const double log_total = log_of_all(c, 5);
  const auto add = [&](const Tags& s, double p) {
    start[place(s.front())] += p;
    end[place(s.back())] += p;
    for (std::size_t t = 0; t < s.size(); ++t) emissions[t * 3 + place(s[t])] += p;
    for (std::size_t t = 1; t < s.size(); ++t) transitions[place(s[t - 1] * 3 + s[t])] += p;
  };
  for (const Tags& s : all_taggings(5, 3)) add(s, std::exp(c.score(s) - log_total));
  add(wanted, -1);
  CHECK(difference(r.emissions.grad(), emissions) == "");
  CHECK(difference(r.transitions.grad(), transitions) == "");
  CHECK(difference(r.start.grad(), start) == "");
  CHECK(difference(r.end.grad(), end) == "");
}

TEST_CASE("crf_loss of a ragged batch gives each row its solo run, whatever the tags beyond its length") {
  const Chain batch(4, 3, 3, 50);
  const Tags tags{0, 1, 9, 2, 0, 9, 1, -7, 9, 1, 99, 9}, lengths{4, 2, 0};
  us::Tape<double> tape;
  const Recorded all = recorded(tape, batch, tags, lengths, Reduction::none);
  tape.backward(sum(all.loss));
  std::vector<double> transitions(9), start(3), end(3);
  for (std::int64_t b = 0; b < 3; ++b) {
    Chain row = batch;
    const std::int64_t length = lengths[place(b)];
    row.emissions = us::Tensor<double>({length, 1, 3});
    Tags own;
    for (std::int64_t t = 0; t < length; ++t) {
      own.push_back(tags[place(t * 3 + b)]);
      for (std::int64_t k = 0; k < 3; ++k) row.emissions[t * 3 + k] = batch.emissions[(t * 3 + b) * 3 + k];
    }
    us::Tape<double> solo;
    const Recorded one = recorded(solo, row, own, {length}, Reduction::none);
    solo.backward(sum(one.loss));
    CHECK(one.loss.values()[0] == all.loss.values()[place(b)]);
    for (std::int64_t t = 0; t < 4; ++t)
      for (std::int64_t k = 0; k < 3; ++k)
        CHECK(all.emissions.grad()[place((t * 3 + b) * 3 + k)] ==
              (t < length ? one.emissions.grad()[place(t * 3 + k)] : 0));
    for (std::size_t i = 0; i < 9; ++i) transitions[i] += one.transitions.grad()[i];
    for (std::size_t i = 0; i < 3; ++i) start[i] += one.start.grad()[i], end[i] += one.end.grad()[i];
  }
  CHECK(difference(all.transitions.grad(), transitions) == "");
  CHECK(difference(all.start.grad(), start) == "");
  CHECK(difference(all.end.grad(), end) == "");
  CHECK(all.loss.values()[2] == 0);
  CHECK(close(recorded(tape, batch, tags, lengths, Reduction::mean).loss.item(),
              (all.loss.values()[0] + all.loss.values()[1]) / 3));
}

TEST_CASE("crf_loss: a transition of -inf forbids; forbidden tags cost +inf with gradient 0") {
  Chain c(3, 2, 2, 60);
  c.transitions[1] = -inf;  // 0 to 1
  us::Tape<double> tape;
  const Recorded r = recorded(tape, c, {0, 1, 1, 1, 1, 0}, {3, 3}, Reduction::none);  // rows 0 1 1 and 1 1 0
  CHECK(r.loss.values()[0] == inf);
  double sum = 0;
  for (const Tags& s : all_taggings(3, 2)) sum += std::exp(c.score(s, 1));
  CHECK(close(r.loss.values()[1], std::log(sum) - c.score({1, 1, 0}, 1)));
  tape.backward(us::sum(r.loss));
  for (std::int64_t i = 0; i < r.emissions.size(); ++i)
    if (i / 2 % 2 == 0) CHECK(r.emissions.grad()[place(i)] == 0);
  for (const double g : r.transitions.grad()) CHECK(std::isfinite(g));
  CHECK(r.transitions.grad()[1] == 0);
}

TEST_CASE("crf_loss defines what nothing costs and rejects tags and lengths that do not fit") {
  us::Tape<double> tape;
  const us::Var<double> w = tape.zeros({2, 2}), v = tape.zeros({2});
  CHECK(crf_loss(tape.zeros({0, 2, 2}), w, v, v, us::Ids(), {0, 0}).item() == 0);
  CHECK(crf_loss(tape.zeros({3, 0, 2}), w, v, v, us::Ids(), us::Ids()).item() == 0);
  CHECK(error_of({2, 2}, 2, {0, 0}, {2}).code() == us::ErrorCode::shape_mismatch);
  CHECK(error_of({2, 1, 2}, 3, {0, 0}, {2}).code() == us::ErrorCode::shape_mismatch);
  CHECK(error_of({2, 1, 2}, 2, {0}, {2}).code() == us::ErrorCode::shape_mismatch);
  CHECK(error_of({2, 1, 2}, 2, {0, 0}, {2, 2}).code() == us::ErrorCode::shape_mismatch);
  CHECK(error_of({2, 1, 2}, 2, {0, 0}, {3}).code() == us::ErrorCode::bad_argument);
  CHECK(error_of({2, 1, 2}, 2, {0, 0}, {-1}).code() == us::ErrorCode::bad_argument);
  const us::Error outside = error_of({2, 1, 2}, 2, {0, 2}, {2});
  CHECK(outside.code() == us::ErrorCode::index_out_of_range);
  CHECK(rule_text(outside).find("tags must be in 0..1; that of step 1 in row 0 is 2") != std::string::npos);
}
