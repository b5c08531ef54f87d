// Attention, decoders and whole encoder-decoders.
#include "run.hpp"
#include "unspool/decoder.hpp"
#include "unspool/sequence_losses.hpp"

namespace {

us::AttentionScore score_of(const Case& c) {
  const std::string& name = c.word("score");
  return name == "dot"       ? us::AttentionScore::dot
         : name == "general" ? us::AttentionScore::general
                             : us::AttentionScore::additive;
}

us::Conditioning conditioning_of(const Case& c) {
  const std::string& name = c.word("conditioning");
  return name == "input"  ? us::Conditioning::input
         : name == "both" ? us::Conditioning::both
                          : us::Conditioning::initial_state;
}

us::AttentionDecoderOptions decoder_options(const Case& c, std::int64_t input, std::int64_t memory,
                                            std::int64_t context) {
  return {.input = input,
          .hidden = c.integer("hidden"),
          .memory = memory,
          .context = context,
          .conditioning = conditioning_of(c),
          .score = score_of(c),
          .order = c.word("order") == "luong" ? us::AttentionOrder::luong : us::AttentionOrder::bahdanau};
}

/// What a cell carries beside the output, as the case names it.
void report(Run& r, const Var& h) { r.result("h", h); }
void report(Run& r, const us::LSTMState<double>& s) { r.result("h", s.h), r.result("c", s.c); }

template <class Cell>
void run_decoder_of(const Case& c) {
  Run r(c);
  const us::AttentionDecoder<double, Cell> decoder(
      r.params, "decoder", decoder_options(c, c.integer("input"), c.integer("memory"), c.integer("context")));
  r.load();
  const us::Sequence<double> xs(r.leaf("x"), c.ids.at("said")), encoded(r.leaf("memory"), c.ids.at("sources"));
  const auto start = c.has("context") ? decoder.start(encoded, r.leaf("context")) : decoder.start(encoded);
  const auto [ys, last] = us::unroll(decoder, xs, start);
  r.result("y", ys.padded()), r.result("output", last.output);
  report(r, last.cell);
  r.finish();
}

template <class Cell>
void run_conditioned_of(const Case& c) {
  Run r(c);
  const us::ConditionedCell<double, Cell> cell(r.params, "decoder",
                                               {.input = c.integer("input"),
                                                .hidden = c.integer("hidden"),
                                                .context = c.integer("context"),
                                                .conditioning = conditioning_of(c)});
  r.load();
  const us::Sequence<double> xs(r.leaf("x"), c.ids.at("said"));
  const auto [ys, last] = us::unroll(cell, xs, cell.start(r.leaf("context")));
  r.result("y", ys.padded());
  report(r, last.cell);
  r.finish();
}

const Var& hidden_of(const Var& h) { return h; }
const Var& hidden_of(const us::LSTMState<double>& s) { return s.h; }

template <class Layer, class Cell, class Options>
void run_model_of(const Case& c, Options options) {
  const std::int64_t width = c.integer("width"), hidden = c.integer("hidden"), sounds = c.integer("sounds");
  options.input = width;
  options.hidden = hidden;
  options.layers = 2;
  options.bidirectional = true;
  Run r(c);
  const us::Embedding<double> letter_table(r.params, "letters", {.count = c.integer("letters"), .width = width}),
      sound_table(r.params, "sounds", {.count = sounds, .width = width});
  const Layer encoder(r.params, "encoder", options);
  const us::AttentionDecoder<double, Cell> decoder(r.params, "decoder",
                                                   decoder_options(c, width, 2 * hidden, 2 * hidden));
  const us::Linear<double> head(r.params, "head", {.input = hidden, .output = sounds});
  r.load();
  const auto [encoded, state] = encoder(letter_table.sequence(r.tape, c.ids.at("read"), c.ids.at("sources")));
  const Var& last = hidden_of(state);
  const auto start = decoder.start(encoded, us::concat({select(last, 0, 2), select(last, 0, 3)}, 1));
  const auto ys = us::unroll(decoder, sound_table.sequence(r.tape, c.ids.at("given"), c.ids.at("said")), start).outputs;
  r.result("loss", cross_entropy(head(ys), c.ids.at("wanted")));
  r.finish();
}

}  // namespace

void run_attention(const Case& c) {
  Run r(c);
  const us::Attention<double> attend(r.params, "attend",
                                     {.query = c.integer("query"),
                                      .memory = c.integer("memory"),
                                      .score = score_of(c),
                                      .hidden = c.integer("attention_hidden")});
  r.load();
  const Var query = r.leaf("query");
  const auto memory = attend.memory(us::Sequence(r.leaf("memory"), c.ids.at("sources")));
  const auto [context, weights] = attend(query, memory);
  r.result("context", context), r.result("weights", weights);
  r.finish();
}

void run_decoder(const Case& c) {
  if (c.word("cell") == "lstm") return run_decoder_of<us::LSTMCell<double>>(c);
  if (c.word("cell") == "gru") return run_decoder_of<us::GRUCell<double>>(c);
  run_decoder_of<us::RNNCell<double>>(c);
}

void run_conditioned(const Case& c) {
  if (c.word("cell") == "lstm") return run_conditioned_of<us::LSTMCell<double>>(c);
  if (c.word("cell") == "gru") return run_conditioned_of<us::GRUCell<double>>(c);
  run_conditioned_of<us::RNNCell<double>>(c);
}

void run_encoder_decoder(const Case& c) {
  if (c.word("cell") == "lstm") return run_model_of<us::LSTM<double>, us::LSTMCell<double>>(c, us::LSTMOptions{});
  if (c.word("cell") == "gru") return run_model_of<us::GRU<double>, us::GRUCell<double>>(c, us::GRUOptions{});
  run_model_of<us::RNN<double>, us::RNNCell<double>>(c, us::RNNOptions{});
}
