// Many-to-one: is a first name a woman's or a man's? A bidirectional LSTM reads the letters; its last states decide.
// A held-out 10% of the names, the mean of five seeds. Names that both have stay in both lists: nobody gets all right.
//
//   names --female female.txt --male male.txt --seeds 5
#include "names.hpp"

using namespace example;

namespace {

struct Model {
  us::ParameterSet<> params;
  us::Embedding<> letters;
  us::LSTM<> lstm;
  us::Linear<> head;
  double dropout;

  Model(std::int64_t letter_count, std::int64_t hidden, double p, us::Seed seed)
      : params(seed),
        letters(params, "letters", {.count = letter_count, .width = 32}),
        lstm(params, "lstm",
             {.input = 32, .hidden = hidden, .layers = 2, .bidirectional = true, .dropout = p, .variational = true}),
        head(params, "head", {.input = 2 * hidden, .output = 2}),
        dropout(p) {}

  us::Var<> logits(us::Tape<>& tape, const Batch& names) const {
    const auto [ys, state] = lstm(letters.sequence(tape, names.ids, names.lengths));
    const us::Var<> both = us::concat({select(state.h, 0, 2), select(state.h, 0, 3)}, 1);  // of the upper layer
    return head(lstm.training() ? us::dropout(both, dropout) : both);
  }
};

}  // namespace

int main(int argc, char** argv) {
  const Options o(
      argc, argv,
      "female=female.txt male=male.txt seeds=5 seed=1 epochs=12 batch=64 hidden=96 lr=3e-3 dropout=0.4 threads=1");
  const Names names(o);
  const std::vector<std::string_view> texts = names.views();
  const us::Vocabulary letters = us::Vocabulary::build(texts, {.unit = us::TextUnit::characters});
  const auto batch_of = [&](std::span<const std::int64_t> rows, Ids& genders) {
    Batch batch;
    for (const std::int64_t i : rows) {
      batch.add(encoded(letters, item(texts, i)));
      genders.push_back(item(names.genders, i));
    }
    return batch.padded();
  };
  const Clock clock;
  double sum = 0;
  const std::int64_t seeds = o.integer("seeds"), rows = o.integer("batch"), epochs = o.integer("epochs");
  for (std::int64_t k = 0; k < seeds; ++k) {
    const us::Seed seed = o.seed(k);
    // Equal names stay together: nothing that is held out was trained on.
    const us::Split parts = us::split(texts, {.validation = 0, .test = 0.1, .seed = seed});
    Model m(letters.size(), o.integer("hidden"), o.real("dropout"), seed);
    Trainer trainer(m.params, {.steps = epochs * count(shuffled(parts.train, rows, seed, 0)),
                               .lr = o.real("lr"),
                               .threads = o.integer("threads"),
                               .seed = seed});
    for (std::int64_t epoch = 0; epoch < epochs; ++epoch)
      for (const Ids& chosen : shuffled(parts.train, rows, seed, epoch))
        trainer.step(count(chosen), [&](us::Tape<>& tape, const us::Shard& s) {
          Ids genders;
          const Batch batch = batch_of(part(chosen, s), genders);
          return cross_entropy(m.logits(tape, batch), genders);
        });
    m.lstm.set_training(false);
    us::Tape<> tape;
    Ids genders;
    const us::Var<> logits = m.logits(tape, batch_of(parts.test, genders));
    const double accuracy =
        100.0 * static_cast<double>(count_right(logits, genders)) / static_cast<double>(count(genders));
    fmt::print("seed {}: {:.2f}% of {} held-out names, training loss {:.3f}\n", seed.value, accuracy, genders.size(),
               trainer.loss());
    sum += accuracy;
  }
  fmt::print("held out: {:.2f}%, mean of {} seeds, {:.0f} s\n", sum / static_cast<double>(seeds), seeds,
             clock.seconds());
}
