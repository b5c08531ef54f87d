#include "train.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "progress.hpp"

namespace charlm {
namespace {

constexpr std::int64_t checks = 10;  // of the held-out text while training
constexpr std::int64_t check_characters = 20'000;

/// Windows of equal length over `batch` streams read side by side: fewer, and shorter, where the text is short.
us::Windows windows_of(const std::vector<std::uint8_t>& text, std::int64_t batch, std::int64_t window) {
  const auto steps = static_cast<std::int64_t>(text.size()) - 1;
  const std::int64_t streams = std::max<std::int64_t>(1, std::min(batch, steps / 2));
  return us::windows(text, {.steps = std::min(window, steps / streams), .batch = streams, .keep_last = false});
}

double bits_of(double nats) { return nats / std::numbers::ln2; }

}  // namespace

Training train(Model& model, const Corpus& corpus, const Options& options, const volatile std::sig_atomic_t& stop) {
  Training result;
  us::Windows windows = windows_of(corpus.train, options.batch, options.window);
  auto window = windows.begin();
  Progress progress(options.steps, window->batch * window->steps);
  us::Adam adam(model.parameters(), {.lr = options.lr});
  const us::CosineLR schedule{
      .lr = options.lr, .steps = options.steps, .warmup = options.steps / 20, .min_lr = options.lr / 50};
  Carried state;
  us::Tape tape;
  double smooth = 0, loss = 0;
  for (std::int64_t step = 0; step < options.steps && stop == 0; ++step, ++window) {
    if (window == windows.end()) window = windows.begin();
    if (window->first) state = model.zero_state(window->batch);
    tape.reset();
    us::Var objective = model.loss(tape, *window, state);
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
  us::Windows windows =
      windows_of(text, std::min<std::int64_t>(8, static_cast<std::int64_t>(text.size()) / 256 + 1), options.window);
  Carried state;
  us::Tape tape;
  double total = 0;
  for (const us::Window& window : windows) {
    if (window.first) state = model.zero_state(window.batch);
    tape.reset();
    total += model.loss(tape, window, state).item();
  }
  return bits_of(total / static_cast<double>(windows.size()));
}

}  // namespace charlm
