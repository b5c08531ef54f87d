// One-to-one: the same engine without any time. A network of two hidden layers learns which arm of two spirals a point
// of the plane lies on (Lang and Witbrock, 1988).
//
//   plain_network
#include <numbers>

#include "fresh.hpp"

using namespace example;

namespace {

/// Points [rows,2] on two spirals of one and a half turns, half a turn apart, and the arm of each.
struct Problem {
  us::Tensor<float> points;
  Ids arms;

  Problem(std::int64_t rows, us::Random& random) : points({rows, 2}) {
    for (std::int64_t i = 0; i < rows; ++i) {
      arms.push_back(random.below(2));
      const double radius = random.uniform(0.05, 1),
                   angle = 3 * std::numbers::pi * radius + std::numbers::pi * static_cast<double>(arms.back());
      points[2 * i] = static_cast<float>(radius * std::cos(angle) + 0.01 * random.normal());
      points[2 * i + 1] = static_cast<float>(radius * std::sin(angle) + 0.01 * random.normal());
    }
  }
};

struct Model {
  us::ParameterSet<> params;
  us::Linear<> first, second, head;

  Model(std::int64_t hidden, us::Seed seed)
      : params(seed),
        first(params, "first", {.input = 2, .output = hidden}),
        second(params, "second", {.input = hidden, .output = hidden}),
        head(params, "head", {.input = hidden, .output = 2}) {}

  us::Var<> logits(us::Tape<>& tape, const Problem& p) const {
    return head(us::tanh(second(us::tanh(first(tape.input(p.points))))));
  }
};

}  // namespace

int main(int argc, char** argv) {
  const Options o(argc, argv, "steps=3000 batch=128 hidden=64 lr=1e-2 seed=1 threads=1 fresh=10000");
  Model m(o.integer("hidden"), o.seed());
  const double seconds =
      train_on_fresh(m.params, o, o.seed(), [&](us::Tape<>& tape, std::int64_t rows, us::Random& random, std::int64_t) {
        const Problem p(rows, random);
        return cross_entropy(m.logits(tape, p), p.arms);
      });
  const std::int64_t right = on_fresh(o, o.seed(), [&](us::Tape<>& tape, std::int64_t rows, us::Random& random) {
    const Problem p(rows, random);
    return count_right(m.logits(tape, p), p.arms);
  });
  fmt::print("{:.2f}% of {} fresh points right, {:.0f} s\n", 100 * static_cast<double>(right) / o.real("fresh"),
             o.text("fresh"), seconds);
}
