#include "train.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "progress.hpp"

namespace charlm {
namespace {

constexpr std::int64_t checks = 10;  // of the held-out text while training
constexpr std::int64_t check_characters = 20'000;

/// The text cut into `batch` streams of equal length that are read side by side, window after window.
class Streams {
 public:
  Streams(const std::vector<std::uint8_t>& text, std::int64_t batch, std::int64_t window)
      : text_(text),
        batch_(std::max<std::int64_t>(1, std::min(batch, static_cast<std::int64_t>(text.size() - 1) / 2))),
        length_(static_cast<std::int64_t>(text.size() - 1) / batch_),
        window_(std::min(window, length_)) {}

  std::int64_t batch() const { return batch_; }
  std::int64_t window() const { return window_; }
  bool at_start() const { return at_ == 0; }
  bool at_end() const { return at_ + window_ > length_; }
  void restart() { at_ = 0; }
  /// Fills [window, batch] inputs and the characters that follow them, and moves on.
  void next(std::vector<std::uint8_t>& inputs, std::vector<std::uint8_t>& targets) {
    inputs.resize(static_cast<std::size_t>(window_ * batch_));
    targets.resize(inputs.size());
    for (std::int64_t t = 0; t < window_; ++t)
      for (std::int64_t b = 0; b < batch_; ++b) {
        const std::size_t from = static_cast<std::size_t>(b * length_ + at_ + t);
        inputs[static_cast<std::size_t>(t * batch_ + b)] = text_[from];
        targets[static_cast<std::size_t>(t * batch_ + b)] = text_[from + 1];
      }
    at_ += window_;
  }

 private:
  const std::vector<std::uint8_t>& text_;
  std::int64_t batch_;
  std::int64_t length_;
  std::int64_t window_;
  std::int64_t at_ = 0;
};

double bits_of(double nats) { return nats / std::numbers::ln2; }

}  // namespace

Training train(Model& model, const Corpus& corpus, const Options& options, const volatile std::sig_atomic_t& stop) {
  Training result;
  Streams streams(corpus.train, options.batch, options.window);
  Progress progress(options.steps, streams.batch() * streams.window());
  us::Adam adam(model.parameters(), {.lr = options.lr});
  const us::CosineLR schedule{
      .lr = options.lr, .steps = options.steps, .warmup = options.steps / 20, .min_lr = options.lr / 50};
  Carried state = model.zero_state(streams.batch());
  us::Tape tape;
  std::vector<std::uint8_t> inputs, targets;
  double smooth = 0, loss = 0;
  for (std::int64_t step = 0; step < options.steps && stop == 0; ++step) {
    if (streams.at_end()) {
      streams.restart();
      state = model.zero_state(streams.batch());
    }
    streams.next(inputs, targets);
    tape.reset();
    us::Var objective = model.loss(tape, inputs, targets, streams.window(), streams.batch(), state);
    model.parameters().zero_grad();
    tape.backward(objective);
    loss = objective.item();
    if (std::isfinite(us::clip_grad_norm(model.parameters(), options.clip))) {
      adam.set_lr(schedule(step));
      adam.step();
    }
    smooth = step == 0 ? loss : 0.98 * smooth + 0.02 * loss;
    result.bits.push_back(bits_of(loss));
    result.steps = step + 1;
    if ((step + 1) % std::max<std::int64_t>(1, options.steps / checks) == 0) {
      result.checked_at.push_back(static_cast<double>(step));
      result.checked_bits.push_back(held_out_bits(model, corpus, options, check_characters));
    }
    progress.update(step + 1, loss, bits_of(smooth));
  }
  progress.finish(result.steps, loss, bits_of(smooth));
  result.seconds = progress.seconds();
  result.interrupted = stop != 0;
  return result;
}

double held_out_bits(Model& model, const Corpus& corpus, const Options& options, std::int64_t limit) {
  std::vector<std::uint8_t> text = corpus.held_out;
  if (static_cast<std::int64_t>(text.size()) > limit) text.resize(static_cast<std::size_t>(limit));
  if (text.size() < 2) return std::nan("");
  // Few, long streams: each begins without context, and that should not weigh.
  Streams streams(text, std::min<std::int64_t>(8, static_cast<std::int64_t>(text.size()) / 256 + 1), options.window);
  Carried state = model.zero_state(streams.batch());
  us::Tape tape;
  std::vector<std::uint8_t> inputs, targets;
  double total = 0;
  std::int64_t windows = 0;
  for (; !streams.at_end(); ++windows) {
    streams.next(inputs, targets);
    tape.reset();
    total += model.loss(tape, inputs, targets, streams.window(), streams.batch(), state).item();
  }
  return bits_of(total / static_cast<double>(windows));
}

}  // namespace charlm
