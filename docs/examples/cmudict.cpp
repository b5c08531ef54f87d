// Unaligned many-to-many: letters to phonemes, an encoder-decoder with attention and beam search.
// Trained on the CMU Pronouncing Dictionary without stress marks; a random 5% of the words is held out, and any of a
// word's pronunciations counts as right.
//
//   cmudict --data dict.txt --epochs 8
#include <filesystem>

#include "dictionary.hpp"
#include "training.hpp"

using namespace example;

namespace {

struct Model {
  us::ParameterSet<> params;
  us::Embedding<> letters, phonemes;
  us::LSTM<> encoder;
  us::AttentionDecoder<> decoder;
  us::Linear<> head;
  double dropout = 0;

  Model(std::int64_t letter_count, std::int64_t phoneme_count, std::int64_t H, double p, us::Seed seed)
      : params(seed),
        letters(params, "letters", {.count = letter_count, .width = 64}),
        phonemes(params, "phonemes", {.count = phoneme_count, .width = 64}),
        encoder(params, "encoder", {.input = 64, .hidden = H, .layers = 2, .bidirectional = true, .dropout = p}),
        decoder(params, "decoder", {.input = 64, .hidden = H, .memory = 2 * H, .context = 2 * H}),
        head(params, "head", {.input = H, .output = phoneme_count}),
        dropout(p) {}

  /// The decoder's first state: attention over the encoder's outputs, and its last states as a context.
  us::AttentionDecoder<>::State encode(us::Tape<>& tape, const Batch& words) const {
    const auto [memory, state] = encoder(letters.sequence(tape, words.ids, words.lengths));
    const std::int64_t n = state.h.shape()[0];
    return decoder.start(memory, us::concat({select(state.h, 0, n - 2), select(state.h, 0, n - 1)}, 1));
  }
  us::Var<> loss(us::Tape<>& tape, const Batch& words, const Batch& read, const Batch& said) const {
    const us::Sequence<> inputs = phonemes.sequence(tape, read.ids, read.lengths);
    const auto [ys, last] = us::unroll(decoder, inputs, encode(tape, words));
    return cross_entropy(head(ys.map([&](const us::Var<>& y) { return us::dropout(y, dropout); })), said.ids);
  }
};

struct Example {
  Ids letters, phonemes;
};

}  // namespace

int main(int argc, char** argv) {
  const Options o(
      argc, argv,
      "data=dict.txt hidden=192 epochs=8 batch=128 lr=3e-3 dropout=0.2 beam=5 threads=1 seed=1 weights= hold=0.05");
  const Dictionary dictionary = read_dictionary(o.text("data"));
  std::vector<std::string_view> words, sounds;
  for (const auto& [word, all] : dictionary) {
    words.push_back(word);
    for (const std::string& one : all) sounds.push_back(one);
  }
  const auto letters = us::Vocabulary::build(words, {.unit = us::TextUnit::bytes, .unknown = ""});
  const auto phonemes =
      us::Vocabulary::build(sounds, {.unit = us::TextUnit::words, .unknown = "", .specials = {"<s>", "</s>"}});
  const std::int64_t start = phonemes.special("<s>"), end = phonemes.special("</s>");
  const us::Seed seed = o.seed();
  const us::Split parts = us::exact_split(count(words), {.validation = 0, .test = o.real("hold"), .seed = seed});
  std::vector<Example> train;
  Ids lengths;
  for (const std::int64_t i : parts.train)
    for (const std::string& one : dictionary.at(std::string(item(words, i)))) {
      train.push_back({encoded(letters, item(words, i)), encoded(phonemes, one)});
      lengths.push_back(count(train.back().letters));
    }
  Model m(letters.size(), phonemes.size(), o.integer("hidden"), o.real("dropout"), seed);
  fmt::print("{} words, {} held out, {} parameters\n", words.size(), parts.test.size(), m.params.value_count());

  const std::int64_t epochs = o.integer("epochs"), rows = o.integer("batch");
  const auto batches = [&](std::int64_t epoch) {
    return us::bucket_by_length(lengths, {.rows = rows, .seed = seed, .epoch = static_cast<std::uint64_t>(epoch)});
  };
  Trainer trainer(
      m.params,
      {.steps = epochs * count(batches(0)), .lr = o.real("lr"), .threads = o.integer("threads"), .seed = seed});
  const std::string& weights = o.text("weights");
  const bool trained = std::filesystem::exists(weights);
  if (trained) us::load_safetensors(m.params, weights);
  for (std::int64_t epoch = 0; epoch < epochs && !trained; ++epoch)
    for (const Ids& batch : batches(epoch))
      trainer.step(count(batch), [&](us::Tape<>& tape, const us::Shard& s) {
        Batch in, read, said;
        for (std::int64_t i = s.begin; i < s.end; ++i) {
          const Example& e = item(train, item(batch, i));
          in.add(e.letters);
          Ids shifted = e.phonemes;
          shifted.insert(shifted.begin(), start);
          read.add(shifted);
          shifted.erase(shifted.begin());
          shifted.push_back(end);
          said.add(shifted);
        }
        return m.loss(tape, in.padded(), read.padded(), said.padded());
      });
  if (!weights.empty() && !trained) us::save_safetensors(m.params, weights);

  // Beam search, 64 words at a time.
  m.encoder.set_training(false);
  us::Tape<> tape;
  std::int64_t wrong = 0, edits = 0, length = 0;
  for (std::size_t at = 0; at < parts.test.size(); at += 64) {
    Batch in;
    const auto some = std::span(parts.test).subspan(at, std::min<std::size_t>(64, parts.test.size() - at));
    for (const std::int64_t i : some) in.add(encoded(letters, item(words, i)));
    tape.reset();
    const auto step = [&](us::AttentionDecoder<>::State& state, const us::Ids& symbols) {
      state = m.decoder(m.phonemes(tape, symbols), state);
      return m.head(state.output);
    };
    const auto found = us::beam_search(tape, m.encode(tape, in.padded()), step,
                                       {.width = o.integer("beam"), .start = start, .end = end, .max_steps = 40});
    for (std::size_t k = 0; k < some.size(); ++k) {
      std::pair best(std::int64_t{1} << 40, std::int64_t{0});  // edits, length of that pronunciation
      for (const std::string& one : dictionary.at(std::string(item(words, some[k])))) {
        const Ids right = encoded(phonemes, one);
        best = std::min(best, std::pair(edit_distance(found[k][0].symbols, right), count(right)));
      }
      wrong += best.first > 0, edits += best.first, length += best.second;
      if (at == 0 && k < 5)
        fmt::print("  {}  {}\n", std::string(item(words, some[k])), phonemes.decode(found[k][0].symbols));
    }
  }
  fmt::print("held out: phoneme error rate {:.2f}%, word error rate {:.2f}%, beam {}, {:.0f} s\n",
             100.0 * static_cast<double>(edits) / static_cast<double>(length),
             100.0 * static_cast<double>(wrong) / static_cast<double>(parts.test.size()), o.text("beam"),
             trainer.seconds());
}
