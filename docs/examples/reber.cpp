// Embedded Reber grammar (Fahlman 1991; Hochreiter and Schmidhuber, 1997, section 5.1): strings B T reber T E or
// B P reber P E. A network that predicts the next symbol must remember the second symbol until the last but one. A
// string is right when every legal next symbol is more likely than every illegal one, at every step.
//
//   reber --seeds 5
#include "fresh.hpp"

using namespace example;

namespace {

constexpr std::string_view alphabet = "BTPSXVE";

struct Edge {
  char symbol;
  int next;
};
// The Reber grammar's states after B; from state 5 the string ends with E.
constexpr Edge grammar[5][2] = {
    {{'T', 1}, {'P', 2}}, {{'S', 1}, {'X', 3}}, {{'T', 2}, {'V', 4}}, {{'X', 2}, {'S', 5}}, {{'P', 3}, {'V', 5}}};

/// A string, and for each of its steps the legal next symbols as bits.
struct Drawn {
  Ids symbols;
  std::vector<unsigned> legal;
};

Drawn draw(us::Random& random) {
  Drawn d;
  const auto add = [&](char symbol, std::string_view choices) {
    d.symbols.push_back(static_cast<std::int64_t>(alphabet.find(symbol)));
    unsigned bits = 0;
    for (const char c : choices) bits |= 1u << alphabet.find(c);
    d.legal.push_back(bits);
  };
  const char outer = random.below(2) == 0 ? 'T' : 'P';
  add('B', "TP");
  add(outer, "B");
  char symbol = 'B';
  for (int state = 0; state < 5;) {
    const Edge* edges = grammar[state];
    const char both[]{edges[0].symbol, edges[1].symbol};
    add(symbol, {both, 2});
    const Edge& taken = edges[random.below(2)];
    symbol = taken.symbol, state = taken.next;
  }
  add(symbol, "E");
  add('E', {&outer, 1});
  add(outer, "E");
  d.symbols.push_back(static_cast<std::int64_t>(alphabet.find('E')));
  return d;
}

struct Problem {
  std::vector<Drawn> strings;
  Batch read, next;

  Problem(std::int64_t rows, us::Random& random) {
    for (std::int64_t b = 0; b < rows; ++b) {
      strings.push_back(draw(random));
      const Ids& s = strings.back().symbols;
      read.add({s.begin(), s.end() - 1});
      next.add({s.begin() + 1, s.end()});
    }
    read.padded(), next.padded();
  }
};

struct Model {
  us::ParameterSet<> params;
  us::Embedding<> embed;
  us::LSTM<> lstm;
  us::Linear<> head;

  explicit Model(us::Seed seed)
      : params(seed),
        embed(params, "embed", {.count = 7, .width = 8}),
        lstm(params, "lstm", {.input = 8, .hidden = 32, .forget_bias = 2}),
        head(params, "head", {.input = 32, .output = 7}) {}

  us::Sequence<> logits(us::Tape<>& tape, const Batch& b) const {
    return head(lstm(embed.sequence(tape, b.ids, b.lengths)).outputs);
  }
};

bool is_right(const Drawn& d, std::span<const float> logits, std::int64_t row, std::int64_t rows) {
  for (std::size_t t = 0; t < d.legal.size(); ++t) {
    const float* at = logits.data() + 7 * (static_cast<std::int64_t>(t) * rows + row);
    float least = INFINITY, most = -INFINITY;
    for (unsigned k = 0; k < 7; ++k)
      if (d.legal[t] >> k & 1)
        least = std::min(least, at[k]);
      else
        most = std::max(most, at[k]);
    if (!(least > most)) return false;
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  const Options o(argc, argv, "steps=1500 batch=32 lr=1e-2 seed=1 seeds=5 threads=1 fresh=1000");
  report_seeds(o, "strings", [&](us::Seed seed) {
    Model m(seed);
    const double seconds =
        train_on_fresh(m.params, o, seed, [&](us::Tape<>& tape, std::int64_t rows, us::Random& random, std::int64_t) {
          const Problem p(rows, random);
          return cross_entropy(m.logits(tape, p.read), p.next.ids);
        });
    const std::int64_t right = on_fresh(o, seed, [&](us::Tape<>& tape, std::int64_t rows, us::Random& random) {
      const Problem p(rows, random);
      const us::Var<> logits = m.logits(tape, p.read).padded();
      std::int64_t all = 0;
      for (std::int64_t b = 0; b < rows; ++b) all += is_right(item(p.strings, b), logits.values(), b, rows);
      return all;
    });
    return std::pair(right, seconds);
  });
}
