// Stream: a trained model run step by step, for generation and for signals that never end. One step is recorded when
// the stream is made; step() runs its kernels again in the same memory. Nothing is recorded or allocated any more, and
// the numbers are, bit for bit, those of the training forward.
//
//   us::Stream<float> stream([&](us::StreamStep<float>& s) {
//     const us::Var<float> x = s.ids(embed, {B});       // or s.input({B, I})
//     s.output(head(s.run(lstm, x)));                   // the layer's state goes on from step to step
//   });
//   stream.ids()[0] = symbol;
//   stream.step();
//   symbol = sampler(stream.output());                  // the logits [B,V], here of one row
#pragma once

#include <cstddef>
#include <vector>

#include "unspool/layers.hpp"

namespace unspool {

namespace detail {

/// A stream for all scalar types: which nodes of its recording are inputs, states and outputs.
class UNSPOOL_API StreamCore {
 public:
  explicit StreamCore(TapeCore& tape);

  void add_input(const Handle& leaf) { inputs_.push_back(leaf.index()); }
  void add_ids(const Handle& rows);
  void add_state(const Handle& leaf);
  void set_next(const Handle& state, const Handle& value);
  void add_output(const Handle& value);
  /// The step is complete: checks it and runs it until nothing is allocated any more.
  void close();

  void step();
  void reset();
  std::span<std::byte> input(std::int64_t k) const { return bytes(at(inputs_, k, "input")); }
  std::span<std::byte> output(std::int64_t k) const { return bytes(at(outputs_, k, "output")); }
  std::span<std::byte> state(std::int64_t k) const { return bytes(at(states_, k, "state")); }
  std::span<std::int64_t> ids(std::int64_t k) const { return words(at(ids_, k, "ids")); }

 private:
  using Nodes = std::vector<std::uint32_t>;

  std::uint32_t at(const Nodes& nodes, std::int64_t k, const char* what) const;
  std::span<std::byte> bytes(std::uint32_t node) const;
  std::span<std::int64_t> words(std::uint32_t embedding) const;
  void check_ids() const;
  void write_states(std::span<const std::byte> values);

  TapeCore* tape_;
  Nodes inputs_, ids_, outputs_, states_;
  Nodes next_;                     // for each state the node of its next value
  std::vector<std::byte> start_;   // the states' first values, one after another
  std::vector<std::byte> copies_;  // their next values: all are read before any state is written
  std::uint64_t draws_;
};

UNSPOOL_API void check_streamable(bool bidirectional);

}  // namespace detail

/// What describes one step of a stream to it: inputs, states and outputs, each kind numbered from 0 in the order of the
/// calls. In between stand ordinary ops, cells and layers.
template <Scalar T>
class StreamStep {
 public:
  StreamStep(Tape<T>& tape, detail::StreamCore& core) noexcept : tape_(tape), core_(core) {}

  /// The tape that the step is recorded on, for ops of your own.
  Tape<T>& tape() noexcept { return tape_; }

  /// Numbers to be given before a step: Stream::input().
  Var<T> input(const Shape& shape, Where where = Where::current()) {
    const Var<T> x = tape_.zeros(shape, where);
    core_.add_input(x);
    return x;
  }
  /// Rows of an embedding whose ids are to be given before a step, Stream::ids(): their shape followed by the width.
  Var<T> ids(const Embedding<T>& embedding, const Shape& shape, Where where = Where::current()) {
    const std::vector<std::int64_t> zeros(static_cast<std::size_t>(shape.size()));
    const Var<T> rows = embedding(tape_, zeros, shape, where);
    core_.add_ids(rows);
    return rows;
  }
  /// A value that goes on from step to step: zeros, or `initial`, at the first; next() says what it becomes.
  Var<T> state(const Shape& shape, Where where = Where::current()) { return state(Tensor<T>(shape), where); }
  Var<T> state(const Tensor<T>& initial, Where where = Where::current()) {
    const Var<T> x = tape_.input(initial, where);
    core_.add_state(x);
    return x;
  }
  /// What a state is at the next step. Throws bad_argument for what is no state or has its next already,
  /// shape_mismatch.
  void next(const Var<T>& state, const Var<T>& value) { core_.set_next(state, value); }
  /// A value to be read after a step: Stream::output(). Throws stale_handle, wrong_tape.
  void output(const Var<T>& value) { core_.add_output(value); }

  /// One step of RNN, LSTM, GRU or another Recurrent, all layers: x [B,I] -> [B,H]. Its states start from zeros and go
  /// on by themselves. Throws what the layer throws, unsupported for a bidirectional one: it needs the end first.
  template <class Layer>
  Var<T> run(const Layer& layer, const Var<T>& x, Where where = Where::current()) {
    detail::check_streamable(layer.options().bidirectional);
    const Var<T> one = reshape(x, {1, x.shape()[0], x.shape()[-1]}, where);
    const Mark mark = tape_.mark();
    auto states = layer(one, where).state;  // for the shapes of its parts
    std::vector<Shape> shapes;
    for_each_var(states, [&](Var<T>& part) { shapes.push_back(part.shape()); });
    tape_.rewind(mark);
    std::size_t k = 0;
    for_each_var(states, [&](Var<T>& part) { part = state(shapes[k++], where); });
    auto [ys, after] = layer(one, states, where);
    become(states, after);
    return select(ys, 0, 0, where);
  }
  /// One step of a cell, ours or one of your own as unroll() takes it: its output. The parts of `initial` are what the
  /// state is at the first step; they go on by themselves.
  template <class Cell, class State>
  Var<T> run(Cell&& cell, const Var<T>& x, const State& initial, Where where = Where::current()) {
    State before = initial;
    for_each_var(before, [&](Var<T>& part) { part = state(part.tensor(), where); });
    State after = before;
    const Var<T> input = detail::cell_input<State>(cell, x, where);
    const Var<T> y = detail::accept<Cell, T>(detail::cell_step(cell, input, before, where), after);
    become(before, after);
    return y;
  }

 private:
  template <class State>
  void become(State& before, State& after) {
    std::vector<Var<T>> parts;
    for_each_var(before, [&](Var<T>& part) { parts.push_back(part); });
    std::size_t k = 0;
    for_each_var(after, [&](Var<T>& part) { next(parts[k++], part); });
  }

  Tape<T>& tape_;
  detail::StreamCore& core_;
};

/// Neither copied nor moved. Parameters are read where they lie, so weights that are written between two steps count
/// from the next one on; they must outlive the stream, and the spans it gives are good as long as it is.
template <Scalar T = float>
class Stream {
 public:
  /// Calls describe(StreamStep<T>&) once. Throws what it throws, bad_argument for a state without next(), unsupported
  /// where something random was recorded: dropout must be off, layer.set_training(false).
  template <class Describe>
  explicit Stream(Describe&& describe) : core_(*tape_.core()) {
    StreamStep<T> step(tape_, core_);
    describe(step);
    core_.close();
  }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  /// Input number k, to be written before a step; what is not written stays. Throws index_out_of_range for such a k,
  /// like the others.
  std::span<T> input(std::int64_t k = 0) { return numbers(core_.input(k)); }
  /// The ids number k, to be written before a step.
  std::span<std::int64_t> ids(std::int64_t k = 0) { return core_.ids(k); }
  /// Computes one step. Throws index_out_of_range for an id that its embedding does not have; nothing has changed then.
  void step() { core_.step(); }
  /// Output number k of the last step. An output that is a state itself is what the state has become.
  std::span<const T> output(std::int64_t k = 0) { return numbers(core_.output(k)); }
  /// State number k as the next step will find it; it may be written, with an encoder's last state for example.
  std::span<T> state(std::int64_t k = 0) { return numbers(core_.state(k)); }
  /// All states are their first values again.
  void reset() { core_.reset(); }

 private:
  static std::span<T> numbers(std::span<std::byte> bytes) {
    return {reinterpret_cast<T*>(bytes.data()), bytes.size() / sizeof(T)};
  }

  Tape<T> tape_;
  detail::StreamCore core_;
};

}  // namespace unspool
