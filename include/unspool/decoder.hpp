// Decoders: cells that are told something beside their input. A fixed context conditions them as their initial state,
// as a further input at every step, or as both; or attention gives them another context at each step.
//
//   us::AttentionDecoder decoder(params, "decoder", {.input = E, .hidden = H, .memory = M, .context = C});
//   auto [ys, last] = us::unroll(decoder, inputs, decoder.start(encoded, context));   // teacher forcing
//   state = decoder(embed(tape, symbols), state);                                     // one step; state.output
//
// Their states hold what belongs to a row, so rows may be of any lengths, streamed, or reordered by beam search
// (beam_batch.hpp).
#pragma once

#include "unspool/attention.hpp"

namespace unspool {

/// How a context reaches a decoder.
enum class Conditioning : std::uint8_t {
  initial_state,  ///< a Linear and tanh make the initial state of it
  input,          ///< it stands beside the input of every step; the initial state is zero
  both
};

namespace detail {

UNSPOOL_API void check_decoder(std::int64_t input, std::int64_t hidden, std::int64_t context, const char* op);
/// Throws shape_mismatch unless x is [.., width], or [rows, width] where rows is not negative.
UNSPOOL_API void check_width(const Handle& x, std::int64_t rows, std::int64_t width, const char* op, const char* what);

}  // namespace detail

/// Makes an initial state of a context: tanh of a Linear for each of its Vars, "name.0.weight" and so on. What stands
/// between the two halves of Sutskever, Vinyals and Le (NeurIPS 2014) where their widths differ.
template <Scalar T = float>
class Bridge {
 public:
  /// `parts` Vars of the given width. Throws bad_argument, duplicate_name.
  Bridge(ParameterSet<T>& params, const std::string& name, std::int64_t context, std::int64_t width,
         std::int64_t parts) {
    for (std::int64_t k = 0; k < parts; ++k)
      linears_.emplace_back(params, name + "." + std::to_string(k), LinearOptions{.input = context, .output = width});
  }
  /// context [B,C] -> a state whose Vars are [B,width]. `state` says what there is, its values are not read.
  template <class State>
  State operator()(const Var<T>& context, State state, Where where = Where::current()) const {
    std::size_t part = 0;
    for_each_var(state, [&](Var<T>& v) { v = tanh(linears_.at(part++)(context, where), where); });
    return state;
  }

 private:
  std::vector<Linear<T>> linears_;
};

/// The context of each row at every step that the row has, as a Sequence like xs: on concat(xs, at_every_step(context,
/// xs)) a whole layer, a stack or a bidirectional one, is conditioned. Throws shape_mismatch.
template <Scalar T>
Sequence<T> at_every_step(const Var<T>& context, const Sequence<T>& xs, Where where = Where::current());

struct ConditionedCellOptions {
  std::int64_t input = 0;    ///< I, width of x
  std::int64_t hidden = 0;   ///< H, width of the cell's output
  std::int64_t context = 0;  ///< C, width of the context
  Conditioning conditioning = Conditioning::both;
};

/// A cell that is conditioned on a fixed context [B,C] (Cho et al., EMNLP 2014): LSTMCell, GRUCell, RNNCell, or any
/// other with zero_state(x, batch). Its parameters are the cell's, "name.weight_ih" and so on, and the initial state's,
/// "name.bridge.0.weight", ...
template <Scalar T = float, class CellType = LSTMCell<T>>
class ConditionedCell {
 public:
  using CellState = decltype(std::declval<const CellType&>().zero_state(std::declval<const Var<T>&>(), std::int64_t{}));
  struct State {
    CellState cell;  ///< its first Var is the output
    Var<T> context;  ///< [B,C], the same at every step
  };

  /// Throws bad_argument unless the widths are above 0, duplicate_name.
  ConditionedCell(ParameterSet<T>& params, const std::string& name, const ConditionedCellOptions& options)
      : ConditionedCell(params, name, options, [&](std::int64_t input) {
          return CellType(params, name, {.input = input, .hidden = options.hidden});
        }) {}
  /// make(width of the input) returns the cell; `parts` is the number of its state's Vars, where that is not fixed.
  template <class MakeCell>
  ConditionedCell(ParameterSet<T>& params, const std::string& name, const ConditionedCellOptions& options,
                  MakeCell make)
      : options_(checked(options)), cell_(make(options.input + (feeds() ? options.context : 0))) {
    CellState state{};
    if (options.conditioning != Conditioning::input)
      bridge_.emplace_back(params, name + ".bridge", options.context, options.hidden, detail::var_count(state));
  }

  /// The state before the first step, of a context [B,C]. Throws shape_mismatch.
  State start(const Var<T>& context, Where where = Where::current()) const {
    detail::check_width(context, -1, options_.context, "ConditionedCell", "the context");
    CellState state = cell_.zero_state(context, context.shape()[0]);
    return {bridge_.empty() ? state : bridge_.front()(context, state, where), context};
  }
  /// x [B,I]: one step. Throws shape_mismatch.
  State operator()(const Var<T>& x, const State& state, Where where = Where::current()) const {
    detail::check_width(x, state.context.shape()[0], options_.input, "ConditionedCell", "the input");
    const Var<T> input = feeds() ? unspool::concat({x, state.context}, 1, where) : x;
    return {detail::cell_step(cell_, detail::cell_input<CellState>(cell_, input, where), state.cell, where),
            state.context};
  }

 private:
  static const ConditionedCellOptions& checked(const ConditionedCellOptions& o) {
    detail::check_decoder(o.input, o.hidden, o.context, "ConditionedCell");
    return o;
  }
  bool feeds() const noexcept { return options_.conditioning != Conditioning::initial_state; }

  ConditionedCellOptions options_;
  CellType cell_;
  std::vector<Bridge<T>> bridge_;  // none or one
};

/// Where in a step a decoder looks.
enum class AttentionOrder : std::uint8_t {
  luong,    ///< the cell reads [x; last output]; its new h asks (Luong et al., EMNLP 2015, section 3.3, input feeding)
  bahdanau  ///< the last h asks; the cell reads [x; context] (Bahdanau et al., ICLR 2015, section 3.1)
};

struct AttentionDecoderOptions {
  std::int64_t input = 0;                                   ///< I, width of x
  std::int64_t hidden = 0;                                  ///< H, width of the cell's output and of the decoder's
  std::int64_t memory = 0;                                  ///< width of the encoder's outputs
  std::int64_t context = 0;                                 ///< width of a fixed context besides; 0: none
  Conditioning conditioning = Conditioning::initial_state;  ///< how that context is used
  AttentionScore score = AttentionScore::general;
  std::int64_t attention_hidden = 0;  ///< see AttentionOptions::hidden
  AttentionOrder order = AttentionOrder::luong;
};

/// A cell with attention. In both orders the output is tanh(W [context; h]), "name.output.weight" [H, memory + H];
/// attention's parameters are in "name.attention", the cell's and the initial state's as in ConditionedCell.
template <Scalar T = float, class CellType = LSTMCell<T>>
class AttentionDecoder {
 public:
  using CellState = decltype(std::declval<const CellType&>().zero_state(std::declval<const Var<T>&>(), std::int64_t{}));
  struct State {
    Var<T> output;              ///< [B,H]
    CellState cell;             ///< its first Var is h
    AttentionMemory<T> memory;  ///< the same at every step
    Var<T> context;             ///< the fixed one, [B,C]; [B,0] where there is none
  };

  /// Throws bad_argument unless the widths are above 0 (context: at least 0), duplicate_name.
  AttentionDecoder(ParameterSet<T>& params, const std::string& name, const AttentionDecoderOptions& options)
      : AttentionDecoder(params, name, options, [&](std::int64_t input) {
          return CellType(params, name, {.input = input, .hidden = options.hidden});
        }) {}
  /// make(width of the input) returns the cell, whose output must be [B,hidden].
  template <class MakeCell>
  AttentionDecoder(ParameterSet<T>& params, const std::string& name, const AttentionDecoderOptions& options,
                   MakeCell make)
      : options_(checked(options)),
        attend_(params, name + ".attention",
                {.query = options.hidden,
                 .memory = options.memory,
                 .score = options.score,
                 .hidden = options.attention_hidden}),
        cell_(make(cell_width())),
        output_(params, name + ".output",
                {.input = options.memory + options.hidden, .output = options.hidden, .bias = false}) {
    CellState state{};
    if (options.context > 0 && options.conditioning != Conditioning::input)
      bridge_.emplace_back(params, name + ".bridge", options.context, options.hidden, detail::var_count(state));
  }

  /// The state before the first step: attention over what was encoded, rows [memory] of any lengths, and a fixed
  /// context [B,C] where the decoder takes one. Throws shape_mismatch.
  State start(const Sequence<T>& encoded, Where where = Where::current()) const {
    return start(encoded, new_zeros(encoded.packed(), {encoded.batch(), 0}, where), where);
  }
  State start(const Sequence<T>& encoded, const Var<T>& context, Where where = Where::current()) const {
    const std::int64_t batch = encoded.batch();
    detail::check_width(context, batch, options_.context, "AttentionDecoder", "the context");
    CellState cell = cell_.zero_state(context, batch);
    if (!bridge_.empty()) cell = bridge_.front()(context, cell, where);
    return {new_zeros(context, {batch, options_.hidden}, where), cell, attend_.memory(encoded, where), context};
  }

  /// x [B,I]: one step. Throws shape_mismatch.
  State operator()(const Var<T>& x, const State& state, Where where = Where::current()) const {
    detail::check_width(x, state.output.shape()[0], options_.input, "AttentionDecoder", "the input");
    if (options_.order == AttentionOrder::luong) {
      CellState next = stepped(x, state.output, state, where);
      const Var<T> h = detail::first_var<T>(next);
      return {output(attend_(h, state.memory, where).context, h, where), next, state.memory, state.context};
    }
    const Var<T> seen = attend_(detail::first_var<T>(state.cell), state.memory, where).context;
    CellState next = stepped(x, seen, state, where);
    return {output(seen, detail::first_var<T>(next), where), next, state.memory, state.context};
  }

  const Attention<T>& attention() const noexcept { return attend_; }

 private:
  static const AttentionDecoderOptions& checked(const AttentionDecoderOptions& o) {
    detail::check_decoder(o.input, o.hidden, o.context + 1, "AttentionDecoder");
    return o;
  }
  bool feeds() const noexcept { return options_.context > 0 && options_.conditioning != Conditioning::initial_state; }
  std::int64_t cell_width() const noexcept {
    return options_.input + (options_.order == AttentionOrder::luong ? options_.hidden : options_.memory) +
           (feeds() ? options_.context : 0);
  }
  CellState stepped(const Var<T>& x, const Var<T>& fed, const State& state, Where where) const {
    const Var<T> input =
        feeds() ? unspool::concat({x, fed, state.context}, 1, where) : unspool::concat({x, fed}, 1, where);
    return detail::cell_step(cell_, detail::cell_input<CellState>(cell_, input, where), state.cell, where);
  }
  Var<T> output(const Var<T>& context, const Var<T>& h, Where where) const {
    return tanh(output_(unspool::concat({context, h}, 1, where), where), where);
  }

  AttentionDecoderOptions options_;
  Attention<T> attend_;
  CellType cell_;
  Linear<T> output_;
  std::vector<Bridge<T>> bridge_;  // none or one
};

extern template UNSPOOL_API Sequence<float> at_every_step(const Var<float>&, const Sequence<float>&, Where);
extern template UNSPOOL_API Sequence<double> at_every_step(const Var<double>&, const Sequence<double>&, Where);
extern template UNSPOOL_API Sequence<Dual<double>> at_every_step(const Var<Dual<double>>&,
                                                                 const Sequence<Dual<double>>&, Where);

}  // namespace unspool
