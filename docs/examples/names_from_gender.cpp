// One-to-many: first names made up for a gender. A cell is conditioned on the gender, as its initial state and beside
// the input of every step, reads the letters so far and says the next one. What is reported is bits per letter of
// held-out names (10%), told the right gender and the other one.
//
//   names_from_gender --female female.txt --male male.txt
#include <numbers>

#include "names.hpp"

using namespace example;
using Rows = std::span<const std::int64_t>;

namespace {

struct Model {
  us::ParameterSet<> params;
  us::Embedding<> genders, letters;
  us::ConditionedCell<> cell;
  us::Linear<> head;

  Model(std::int64_t letter_count, std::int64_t hidden, us::Seed seed)
      : params(seed),
        genders(params, "genders", {.count = 2, .width = 8}),
        letters(params, "letters", {.count = letter_count, .width = 32}),
        cell(params, "cell", {.input = 32, .hidden = hidden, .context = 8, .conditioning = us::Conditioning::both}),
        head(params, "head", {.input = hidden, .output = letter_count}) {}

  us::Var<> loss(us::Tape<>& tape, const Batch& read, const Batch& said, const Ids& who, double dropout) const {
    const auto start = cell.start(genders(tape, who));
    const auto [ys, last] = us::unroll(cell, letters.sequence(tape, read.ids, read.lengths), start);
    return cross_entropy(head(ys.map([&](const us::Var<>& y) { return us::dropout(y, dropout); })), said.ids);
  }
};

}  // namespace

int main(int argc, char** argv) {
  const Options o(argc, argv,
                  "female=female.txt male=male.txt epochs=12 batch=64 hidden=160 lr=3e-3 dropout=0.3 seed=1 threads=1");
  const Names names(o);
  const std::vector<std::string_view> texts = names.views();
  const us::Vocabulary letters = us::Vocabulary::build(texts, {.unknown = "", .specials = {"<s>", "</s>"}});
  const std::int64_t start = letters.special("<s>"), end = letters.special("</s>");
  const us::Seed seed = o.seed();
  const us::Split parts = us::split(texts, {.validation = 0, .test = 0.1, .seed = seed});

  Model m(letters.size(), o.integer("hidden"), seed);
  /// The loss over some names, each told its gender or, swapped, the other one.
  const auto loss = [&](us::Tape<>& tape, Rows chosen, double dropout, bool swapped = false) {
    Batch read, said;
    Ids who;
    for (const std::int64_t i : chosen) {
      Ids row = encoded(letters, item(texts, i));
      row.push_back(end);
      said.add(row);
      row.insert(row.begin(), start), row.pop_back();
      read.add(row);
      who.push_back(item(names.genders, i) ^ static_cast<std::int64_t>(swapped));
    }
    return m.loss(tape, read.padded(), said.padded(), who, dropout);
  };
  const std::int64_t rows = o.integer("batch"), epochs = o.integer("epochs");
  Trainer trainer(m.params, {.steps = epochs * count(shuffled(parts.train, rows, seed, 0)),
                             .lr = o.real("lr"),
                             .threads = o.integer("threads"),
                             .seed = seed});
  for (std::int64_t epoch = 0; epoch < epochs; ++epoch)
    for (const Ids& chosen : shuffled(parts.train, rows, seed, epoch))
      trainer.step(count(chosen), [&](us::Tape<>& tape, const us::Shard& s) {
        return loss(tape, part(chosen, s), o.real("dropout"));
      });
  us::Tape<> tape;
  fmt::print("held out: {:.3f} bits per letter told the right gender, {:.3f} told the other, {:.0f} s\n",
             loss(tape, parts.test, 0).item() / std::numbers::ln2,
             loss(tape, parts.test, 0, true).item() / std::numbers::ln2, trainer.seconds());

  for (const std::int64_t which : {0, 1}) {
    tape.reset();
    const auto initial = m.cell.start(m.genders(tape, {which}));
    us::Stream<> stream(
        [&](us::StreamStep<float>& s) { s.output(m.head(s.run(m.cell, s.ids(m.letters, {1}), initial))); });
    const auto step = [](us::Stream<>& s, std::int64_t letter) {
      s.ids()[0] = letter;
      s.step();
      return s.output();
    };
    us::Sampler sampler({.temperature = 0.7}, seed);
    fmt::print("{}:", which == 0 ? "female" : "male");
    for (int k = 0; k < 12; ++k) {
      stream.reset();
      const us::Generated name =
          us::generate(stream, step, sampler, {.start = start, .stop = us::Stop::at(end), .max_steps = 20});
      fmt::print(" {}", letters.decode(name.symbols));
    }
    fmt::print("\n");
  }
}
