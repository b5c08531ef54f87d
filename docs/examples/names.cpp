// Many-to-one: is a first name a woman's or a man's? A bidirectional LSTM reads the letters; its last states decide.
// A held-out 10% of the names, the mean of five seeds. Names that both have stay in both lists: nobody gets all right.
//
//   names --female female.txt --male male.txt --seeds 5
#include <sstream>

#include "training.hpp"

using namespace example;

namespace {

struct Example {
  std::string name;
  std::int64_t gender;  // 0 female, 1 male
};

struct Model {
  us::ParameterSet<> params;
  us::Embedding<> letters;
  us::LSTM<> lstm;
  us::Linear<> head;
  double dropout;

  Model(std::int64_t letter_count, std::int64_t hidden, double p, std::uint64_t seed)
      : params(us::Seed{seed}),
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

std::vector<Example> read_names(const Options& o) {
  std::vector<Example> examples;
  for (const auto& [option, gender] : {std::pair("female", 0), std::pair("male", 1)}) {
    std::istringstream lines(us::read_text(o.text(option)));
    for (std::string name; lines >> name;) examples.push_back({name, gender});
  }
  return examples;
}

}  // namespace

int main(int argc, char** argv) {
  const Options o(argc, argv,
                  {{"female", "female.txt"},
                   {"male", "male.txt"},
                   {"seeds", "5"},
                   {"seed", "1"},
                   {"epochs", "12"},
                   {"batch", "64"},
                   {"hidden", "96"},
                   {"lr", "3e-3"},
                   {"dropout", "0.4"},
                   {"threads", "1"}});
  const std::vector<Example> examples = read_names(o);
  std::vector<std::string_view> texts;
  for (const Example& e : examples) texts.push_back(e.name);
  const us::Vocabulary letters = us::Vocabulary::build(texts, {.unit = us::TextUnit::characters});
  const Clock clock;
  double sum = 0;
  const std::int64_t first = o.integer("seed"), seeds = o.integer("seeds");
  for (std::int64_t seed = first; seed < first + seeds; ++seed) {
    const auto number = static_cast<std::uint64_t>(seed);
    // Equal names stay together: nothing that is held out was trained on.
    const us::Split parts = us::split(texts, {.validation = 0, .test = 0.1, .seed = us::Seed{number}});
    const auto batch_of = [&](std::span<const std::int64_t> rows, std::vector<std::int64_t>& genders) {
      Batch batch;
      for (const std::int64_t i : rows) {
        const Example& e = examples[static_cast<std::size_t>(i)];
        const std::vector<std::int32_t> ids = letters.encode(e.name);
        batch.add({ids.begin(), ids.end()});
        genders.push_back(e.gender);
      }
      return batch.padded();
    };
    Model m(letters.size(), o.integer("hidden"), o.real("dropout"), number);
    const auto count = static_cast<std::int64_t>(parts.train.size()), rows = o.integer("batch"),
               epochs = o.integer("epochs");
    Trainer trainer(m.params, {.steps = epochs * ((count + rows - 1) / rows),
                               .lr = o.real("lr"),
                               .threads = static_cast<int>(o.integer("threads")),
                               .seed = number});
    for (std::int64_t epoch = 0; epoch < epochs; ++epoch) {
      const std::vector<std::int64_t> order =
          us::permutation(count, us::Seed{number}, static_cast<std::uint64_t>(epoch));
      for (std::int64_t at = 0; at < count; at += rows) {
        std::vector<std::int64_t> chosen;
        for (std::int64_t i = at; i < std::min(at + rows, count); ++i)
          chosen.push_back(parts.train[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])]);
        trainer.step(static_cast<std::int64_t>(chosen.size()), [&](us::Tape<>& tape, const us::Shard& s) {
          std::vector<std::int64_t> genders;
          const Batch batch =
              batch_of(std::span(chosen).subspan(static_cast<std::size_t>(s.begin), static_cast<std::size_t>(s.rows())),
                       genders);
          return cross_entropy(m.logits(tape, batch), genders);
        });
      }
    }
    m.lstm.set_training(false);
    us::Tape<> tape;
    std::vector<std::int64_t> genders;
    const us::Var<> logits = m.logits(tape, batch_of(parts.test, genders));
    double right = 0;
    for (std::size_t i = 0; i < genders.size(); ++i)
      right += us::greedy(logits.values().subspan(2 * i, 2)) == genders[i];
    const double accuracy = 100 * right / static_cast<double>(genders.size());
    std::printf("seed %lld: %.2f%% of %zu held-out names, training loss %.3f\n", static_cast<long long>(seed), accuracy,
                genders.size(), trainer.loss());
    sum += accuracy;
  }
  std::printf("held out: %.2f%%, mean of %lld seeds, %.0f s\n", sum / static_cast<double>(seeds),
              static_cast<long long>(seeds), clock.seconds());
}
