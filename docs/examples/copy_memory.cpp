// Copy memory (Hochreiter and Schmidhuber, 1997; as posed by Arjovsky, Shah and Bengio, ICML 2016, section 5.1): ten
// symbols out of eight, then blanks, then a sign to repeat the ten. Who remembers nothing has a loss of
// 10 ln 8 / (blanks + 20).
//
//   copy_memory --blanks 50
#include "fresh.hpp"

using namespace example;

namespace {

constexpr std::int64_t symbols = 8, blank = 8, go = 9, kinds = 10, copied = 10;

/// What is read and what is to be said, [blanks + 20, rows] time first, drawn afresh.
struct Problem {
  std::int64_t steps, rows;
  Ids read, said;

  Problem(std::int64_t blanks, std::int64_t count, us::Random& random)
      : steps(blanks + 2 * copied),
        rows(count),
        read(static_cast<std::size_t>(steps * rows), blank),
        said(static_cast<std::size_t>(steps * rows), blank) {
    for (std::int64_t b = 0; b < rows; ++b) {
      for (std::int64_t t = 0; t < copied; ++t)
        item(said, (steps - copied + t) * rows + b) = item(read, t * rows + b) = random.below(symbols);
      item(read, (steps - copied - 1) * rows + b) = go;
    }
  }
};

struct Model {
  us::ParameterSet<> params;
  us::Embedding<> embed;
  us::LSTM<> lstm;
  us::Linear<> head;

  Model(std::int64_t hidden, us::Seed seed)
      : params(seed),
        embed(params, "embed", {.count = kinds, .width = 16}),
        lstm(params, "lstm", {.input = 16, .hidden = hidden}),
        head(params, "head", {.input = hidden, .output = symbols + 1}) {}

  us::Var<> loss(us::Tape<>& tape, const Problem& p) const {
    return cross_entropy(head(lstm(embed(tape, p.read, {p.steps, p.rows})).outputs), p.said);
  }
};

}  // namespace

int main(int argc, char** argv) {
  const Options o(argc, argv, "blanks=50 steps=4500 batch=64 hidden=128 lr=4e-3 seed=1 threads=1 fresh=1000");
  const std::int64_t blanks = o.integer("blanks");
  Model m(o.integer("hidden"), o.seed());
  chrono_biases(m.params, "lstm", blanks + 2 * copied, o.seed());
  const double seconds = train_on_fresh(
      m.params, o, o.seed(), [&](us::Tape<>& tape, std::int64_t rows, us::Random& random, std::int64_t step) {
        // The delay grows during the first half.
        return m.loss(tape, Problem(std::min(blanks, 2 * blanks * step / o.integer("steps")), rows, random));
      });
  const double loss = on_fresh(o, o.seed(), [&](us::Tape<>& tape, std::int64_t rows, us::Random& random) {
    return m.loss(tape, Problem(blanks, rows, random)).item();
  });
  const double memoryless = static_cast<double>(copied) * std::log(8.0) / static_cast<double>(blanks + 2 * copied);
  fmt::print("loss {:.6f} on {} fresh sequences, {:.4f} of the memoryless {:.4f}, {:.0f} s\n", loss, o.text("fresh"),
             loss / memoryless, memoryless, seconds);
}
