// Temporal order (Hochreiter and Schmidhuber, 1997, section 5.6, task 6a): in 100 to 110 distractor symbols stand two
// that matter, X or Y; which class a sequence has, of four, is told by their order alone.
//
//   temporal_order --seeds 5
#include "fresh.hpp"

using namespace example;

namespace {

/// E, then a, b, c or d at random, but X or Y at two places, then B; for a length of 100 the places are in 10..20 and
/// 50..60, and there are 100 to 110 symbols.
std::int64_t draw(std::int64_t length, Ids& symbols, us::Random& random) {
  constexpr std::int64_t start = 6, end = 7, distractors = 4;
  const std::int64_t tenth = length / 10;
  symbols.assign(static_cast<std::size_t>(length + random.below(tenth + 1)), start);
  for (std::size_t t = 1; t + 1 < symbols.size(); ++t) symbols[t] = random.below(distractors);
  symbols.back() = end;
  const std::int64_t first = random.below(2), second = random.below(2);
  item(symbols, tenth + random.below(tenth + 1)) = distractors + first;
  item(symbols, 5 * tenth + random.below(tenth + 1)) = distractors + second;
  return 2 * first + second;
}

struct Problem {
  Batch batch;
  Ids classes;

  Problem(std::int64_t length, std::int64_t rows, us::Random& random) {
    Ids symbols;
    for (std::int64_t b = 0; b < rows; ++b) {
      classes.push_back(draw(length, symbols, random));
      batch.add(symbols);
    }
    batch.padded();
  }
};

struct Model {
  us::ParameterSet<> params;
  us::Embedding<> embed;
  us::LSTM<> lstm;
  us::Linear<> head;

  explicit Model(us::Seed seed)
      : params(seed),
        embed(params, "embed", {.count = 8, .width = 8}),
        lstm(params, "lstm", {.input = 8, .hidden = 32}),
        head(params, "head", {.input = 32, .output = 4}) {}

  us::Var<> logits(us::Tape<>& tape, const Batch& b) const {
    return head(select(lstm(embed.sequence(tape, b.ids, b.lengths)).state.h, 0, 0));  // after each row's last symbol
  }
};

}  // namespace

int main(int argc, char** argv) {
  const Options o(argc, argv, "length=100 steps=1500 batch=32 lr=5e-3 seed=1 seeds=5 threads=1 fresh=1000");
  const std::int64_t length = o.integer("length");
  report_seeds(o, "sequences", [&](us::Seed seed) {
    Model m(seed);
    chrono_biases(m.params, "lstm", length, seed);
    const double seconds =
        train_on_fresh(m.params, o, seed, [&](us::Tape<>& tape, std::int64_t rows, us::Random& random, std::int64_t) {
          const Problem p(length, rows, random);
          return cross_entropy(m.logits(tape, p.batch), p.classes);
        });
    const std::int64_t right = on_fresh(o, seed, [&](us::Tape<>& tape, std::int64_t rows, us::Random& random) {
      const Problem p(length, rows, random);
      return count_right(m.logits(tape, p.batch), p.classes);
    });
    return std::pair(right, seconds);
  });
}
