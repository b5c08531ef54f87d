// Character language model: the next character of the King James Bible, by truncated backpropagation through time.
// Trained on the first 95%; what is reported is bits per character on the last 5%.
//
// Every verse begins with its place, "Heb1:2 ", and the last books have names that no other book has. So books get
// other names at random while training: the network learns to repeat the name it has read and not to know them all.
//
//   bible --data bible.txt --epochs 7
#include <filesystem>
#include <numbers>

#include "training.hpp"

using namespace example;

namespace {

struct Model {
  us::ParameterSet<> params;
  us::Embedding<> embed;
  us::LSTM<> lstm;
  us::Linear<> head;

  Model(std::int64_t characters, std::int64_t hidden, us::Seed seed)
      : params(seed),
        embed(params, "embed", {.count = characters, .width = 64}),
        lstm(params, "lstm", {.input = 64, .hidden = hidden, .forget_bias = 1}),
        head(params, "head", {.input = hidden, .output = characters}) {}
};

/// A state without its history: what one window hands to the next.
struct Carried {
  us::Tensor<float> h, c;
  Carried(std::int64_t batch, std::int64_t hidden) : h({1, batch, hidden}), c({1, batch, hidden}) {}
};

us::Var<> loss_of(const Model& m, us::Tape<>& tape, const us::Window& w, Carried& state, double dropped = 0) {
  const auto [ys, last] = m.lstm(m.embed(tape, w.inputs, w.shape()), {tape.input(state.h), tape.input(state.c)});
  state.h = last.h.tensor(), state.c = last.c.tensor();
  return cross_entropy(m.head(dropout(ys, dropped)), w.targets);
}

/// The text with about half of its books called something else.
std::string renamed(std::string_view text, us::Random& random) {
  std::map<std::string_view, std::string> names;
  std::string result;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n') + 1 == 0 ? text.size() : text.find('\n') + 1);
    const std::size_t colon = line.find(':'), space = line.find(' ');
    std::size_t end = 0;  // of the book's name, "1Ki" of "1Ki2:3 "
    if (colon < space && space != std::string_view::npos)
      for (std::size_t i = 0; i < colon; ++i)
        if (line[i] >= 'A') end = i + 1;
    const auto [entry, fresh] = names.try_emplace(line.substr(0, end), line.substr(0, end));
    if (fresh && end > 0 && random.below(2) == 0) {
      entry->second = random.below(3) == 0 ? std::string(1, static_cast<char>('1' + random.below(3))) : "";
      entry->second += static_cast<char>('A' + random.below(26));
      for (std::int64_t k = 1 + random.below(2); k > 0; --k) entry->second += static_cast<char>('a' + random.below(26));
    }
    result.append(entry->second).append(line.substr(end));
    text.remove_prefix(line.size());
  }
  return result;
}

double held_out_bits(const Model& m, std::span<const std::int32_t> ids, std::int64_t hidden) {
  us::Tape<> tape;
  Carried state(8, hidden);
  double nats = 0, count = 0;
  for (const us::Window& w : us::windows(us::Ids(ids), {.steps = 100, .batch = 8})) {
    tape.reset();
    nats += loss_of(m, tape, w, state).item() * static_cast<double>(w.inputs.size());
    count += static_cast<double>(w.inputs.size());
  }
  return nats / count / std::numbers::ln2;
}

}  // namespace

int main(int argc, char** argv) {
  const Options o(
      argc, argv,
      "data=bible.txt hidden=512 epochs=7 batch=64 steps=50 lr=3e-3 dropout=0.3 threads=1 seed=1 sample=400 "
      "weights=");
  const std::string text = us::read_text(o.text("data"));
  const us::Vocabulary characters = us::Vocabulary::build(text, {.unit = us::TextUnit::bytes});
  const std::string_view train = std::string_view(text).substr(0, text.size() / 20 * 19);
  const std::vector<std::int32_t> held_out = characters.encode(std::string_view(text).substr(train.size()));
  const std::int64_t hidden = o.integer("hidden"), batch = o.integer("batch"), epochs = o.integer("epochs");
  Model m(characters.size(), hidden, o.seed());
  const std::string& weights = o.text("weights");
  const bool trained = std::filesystem::exists(weights);
  if (trained) us::load_safetensors(m.params, weights);

  const us::WindowOptions windowing{.steps = o.integer("steps"), .batch = batch / 2, .keep_last = false};
  const auto step_count = count(train) / (batch * windowing.steps);
  Trainer trainer(m.params, {.steps = epochs * step_count, .lr = o.real("lr"), .threads = o.integer("threads")});
  us::Random random(o.seed());
  for (std::int64_t epoch = 0; epoch < epochs && !trained; ++epoch) {
    // The text is read in two halves, each by one shard of every step.
    const std::vector<std::int32_t> ids = characters.encode(renamed(train, random));
    const us::Ids first(std::span<const std::int32_t>(ids).first(ids.size() / 2)),
        second(std::span<const std::int32_t>(ids).subspan(ids.size() / 2));
    us::Windows halves[]{us::windows(first, windowing), us::windows(second, windowing)};
    us::Windows::Iterator at[]{halves[0].begin(), halves[1].begin()};
    std::vector<Carried> states(2, Carried(batch / 2, hidden));
    for (; at[0] != halves[0].end() && at[1] != halves[1].end(); ++at[0], ++at[1])
      trainer.step(2, [&](us::Tape<>& tape, const us::Shard& s) {
        return loss_of(m, tape, *at[s.index], item(states, s.index), o.real("dropout"));
      });
    fmt::print("epoch {}: {:.3f} bits per character held out after {:.0f} s\n", epoch + 1,
               held_out_bits(m, held_out, hidden), trainer.seconds());
  }
  if (!weights.empty() && !trained) us::save_safetensors(m.params, weights);
  fmt::print("held out: {:.4f} bits per character, {} parameters, {:.0f} s\n", held_out_bits(m, held_out, hidden),
             m.params.value_count(), trainer.seconds());

  us::Stream<> stream([&](us::StreamStep<float>& s) { s.output(m.head(s.run(m.lstm, s.ids(m.embed, {1})))); });
  us::Sampler sampler({.temperature = 0.7}, us::Seed{1});
  const auto step = [](us::Stream<>& s, std::int64_t id) {
    s.ids()[0] = id;
    s.step();
    return s.output();
  };
  const std::int64_t length = o.integer("sample");
  fmt::print("{}\n",
             characters.decode(
                 us::generate(stream, step, sampler,
                              {.start = characters.id("\n"), .stop = us::Stop::after(length), .max_steps = length})
                     .symbols));
}
