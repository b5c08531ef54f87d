// TapeCore: the recording itself, once for all scalar types. Kernels know the scalar; the tape moves bytes.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "tape/arena.hpp"
#include "tape/deferred.hpp"
#include "tape/gradient_pool.hpp"
#include "tape/history.hpp"
#include "tape/labels.hpp"
#include "tape/packed_weights.hpp"
#include "tape/parameter_core.hpp"
#include "tape/segment.hpp"
#include "tape/step_ledger.hpp"
#include "tape/walk_log.hpp"
#include "tensor/workspace.hpp"
#include "unspool/extend.hpp"

namespace unspool::detail {

class TapeCore {
 public:
  // A core is recycled, never freed: a handle that outlives its tape finds a core whose generation has moved on.
  void open(ScalarType type, const TapeOptions& options);
  void close() noexcept;

  // Recording (record.cpp, leaf.cpp)
  Handle record(const OpRule& rule, std::span<const Handle> inputs, const Attrs& attrs, Where where);
  /// Records the op of node `like` again with operand `which` replaced by node `input` and other values of the first
  /// attributes. All else is taken over, the shape too, and nothing is checked: for the equal steps of a sequence, whose
  /// ops have more than two operands and several attributes.
  Handle record_again(std::uint32_t like, int which, std::uint32_t input, std::span<const std::int64_t> attrs);
  Handle record_leaf(const OpRule& rule, const Shape& shape, const void* values, std::uint16_t flags, Where where);
  /// A leaf without a value, for infer_unrecorded().
  std::uint32_t record_shape(const Shape& shape);
  /// The shape of an op on these nodes, whose number would be `index`; attrs[-1] is the number of attributes.
  Shape infer_unrecorded(const OpRule& rule, std::span<const std::uint32_t> operands, const std::int64_t* attrs,
                         std::uint32_t index);
  std::uint32_t parameter_leaf(ParameterCore& parameter, Where where);
  PackedWeights& packed_weights() { return packed_weights_; }
  std::uint32_t resolve(const Handle& handle, const char* op, Where where) {
    if (handle.tape() == this && handle.index() < nodes_.size() &&
        nodes_[handle.index()].generation == handle.generation()) [[likely]]
      return handle.index();
    return resolve_other(handle, op, where);
  }
  void* temporary(std::int64_t bytes);
  /// Computes the values of nodes [from, to) again, where they lie, from what their operands hold now.
  void recompute(std::uint32_t from, std::uint32_t to);

  // Walking back (backward.cpp, walk.cpp)
  void backward(const Handle& loss, const void* seed, std::int64_t seed_size, Where where);

  // Segments: parts whose recording is forgotten and made anew by the walk (segment.cpp, steps_segment.cpp)
  bool in_segment() const { return in_segment_; }
  /// Whether parts may be forgotten: not while someone looks at single gradients.
  bool keeps_all() const { return observed(); }
  void enter_segment();
  void leave_segment() noexcept;
  Arena& main_arena() { return in_segment_ ? other_arena_ : arena_; }
  Arena& segment_arena() { return in_segment_ ? arena_ : other_arena_; }
  Arena& current_arena() { return arena_; }
  /// Drops the nodes from `nodes` on and their memory. Leaves of parameters among them are recorded again, and rows that
  /// wait in the deferred queues are copied.
  void cut(const SegmentStart& start);
  SegmentStart segment_start() const { return {node_count(), arena_.position(), labels_.count()}; }
  /// Nodes [from, to) are done with, and their memory from `at` on is free.
  void bury(std::uint32_t from, std::uint32_t to, Arena::Position at);
  std::uint32_t record_slot(const Shape& shape, void* memory, std::uint16_t flags);
  std::uint32_t record_segment(std::unique_ptr<Segment> segment, std::span<const std::uint32_t> operands, bool wanted,
                               Arena::Position start, Where where);
  std::uint32_t record_segment_output(std::uint32_t segment, const Shape& shape, void* memory, bool wanted,
                                      Where where);
  void walk_range(std::uint32_t from, std::uint32_t to);
  /// Adds a buffer of the pool, as large as the node, to its gradient, or makes it the gradient and returns true.
  bool give_gradient(std::uint32_t node, void* buffer);
  /// Adds `count` values to the node's gradient from element `offset` on.
  void seed_gradient(std::uint32_t node, const void* values, std::int64_t offset, std::int64_t count);
  /// Takes a leaf's gradient buffer away; null where there is none.
  void* take_gradient(std::uint32_t node) { return std::exchange(grads_[node], nullptr); }
  void drop_gradient(std::uint32_t node) {
    if (grads_[node] != nullptr) give_back(node);
  }
  void match_gradients() { grads_.resize(nodes_.size(), nullptr); }
  /// In the deferred queues: what their rows take besides the tape's values.
  std::int64_t held_bytes() const;
  /// From here on the pool's peak is counted without what waits in the deferred queues, and without flushes.
  /// Gradients of nodes before `floor` do not count either: they are what the segment reads from outside.
  void begin_own_peak(std::uint32_t floor);
  std::int64_t end_own_peak();
  void set_draws(std::uint64_t seed, std::uint64_t draws) { options_.seed = seed, draws_ = draws; }
  SegmentCounts& segment_counts() { return segment_counts_; }
  const SegmentCounts& segment_counts() const { return segment_counts_; }
  /// Nodes before it are none of the step's under way. Returns what it was.
  std::uint32_t set_floor(std::uint32_t node) { return std::exchange(floor_, node); }
  /// A schedule at its start; those asked for last are remembered. Throws what Schedule throws.
  Schedule schedule_for(std::int64_t steps, std::int64_t step_bytes, std::int64_t state_bytes, std::int64_t budget);

  // Gradient buffers (gradient.cpp)
  Touched touch(std::uint32_t node);
  void* zeroed(std::uint32_t node);
  void* zeroed_after_walk(std::uint32_t node);
  void add_gradient(const Call& call, std::uint32_t node, const void* values);
  void keep_gradient(std::uint32_t node);
  void* gradient(std::uint32_t node) const { return node < grads_.size() ? grads_[node] : nullptr; }
  bool hold(std::int32_t owner, const void* data);
  kernels::Workspace& workspace() { return workspace_; }

  // Position and labels (tape_core.cpp)
  Mark mark() const;
  void rewind(const Mark& mark);
  void reset();
  std::string where_text(std::uint32_t context, Where where, std::int64_t node) const;
  /// "%12 (tanh in encoder/t=3, main.cpp:17)".
  std::string name_text(std::uint32_t node) const;
  TapeStats stats() const;

  const Node& node(std::uint32_t index) const { return nodes_[index]; }
  Node& node(std::uint32_t index) { return nodes_[index]; }
  /// Room for so many more nodes, and hardly more.
  void reserve_nodes(std::int64_t more) {
    reserve_more(nodes_, more);
    grads_.reserve(nodes_.capacity());
  }
  std::uint32_t node_count() const { return static_cast<std::uint32_t>(nodes_.size()); }
  std::uint32_t generation() const { return generation_; }
  /// The generation that the last reset began: tells recordings apart, where generation() also tells rewinds.
  std::uint32_t recording() const { return recording_; }
  ScalarType type() const { return type_; }
  std::int64_t bytes_each() const { return scalar_bytes(type_); }
  Labels& labels() { return labels_; }
  const Labels& labels() const { return labels_; }
  const TapeOptions& options() const { return options_; }
  void set_watch(Watch watch) { options_.watch = watch; }
  /// Until the next reset, parameter gradients stay on this tape.
  void keep_gradients_local() { local_gradients_ = true; }
  std::size_t leaf_count() const { return leaves_.size(); }
  std::uint32_t leaf_node(std::size_t i) const { return leaves_[i].node; }
  void set_options(const TapeOptions& options) { options_ = options, draws_ = 0; }
  void set_seed(std::uint64_t seed) { options_.seed = seed, draws_ = 0; }
  const std::string& first_nonfinite() const { return first_nonfinite_; }
  const std::vector<double>& gradient_norms() const { return norms_; }
  const std::vector<GradientLife>& gradient_lives() const { return log_.lives(); }
  const Arena& arena() const { return arena_; }
  /// One past the last node that a backward() started from; 0 before.
  std::uint32_t walked_end() const { return walked_end_; }
  /// Nodes that the last backward() looked at.
  std::int64_t visits() const { return visits_; }
  /// A number for each random op in recording order: with the seed it addresses the op's draws. To be recorded next; if
  /// that fails the number is free again.
  std::uint64_t next_draw() {
    drawn_for_ = node_count();
    return draws_++;
  }
  /// Numbers given out so far.
  std::uint64_t draws() const { return draws_; }
  const StepLedger& ledger() const { return ledger_; }
  StepLedger& ledger() { return ledger_; }
  /// The parameter's leaf, or no_node. Throws parameter_changed, naming `op`, where any was written since it was read.
  std::uint32_t unchanged_leaf(const ParameterCore& parameter, const char* op) const;
  bool parameters_changed() const;
  Deferred& deferred() { return deferred_; }
  GradientPool& pool() { return pool_; }

  static constexpr std::uint32_t no_node = 0xffffffff;

 private:
  struct Leaf {
    Shared<ParameterCore> parameter;
    std::uint32_t node = 0;
    std::uint64_t version = 0;
  };
  struct Temporary {
    void* buffer;
    std::int64_t bytes;
    bool held;
  };
  struct LeafSlot {
    const ParameterCore* parameter = nullptr;
    std::uint64_t stamp = 0;
    std::uint32_t leaf = 0;
  };

  /// Where recording goes back to when it fails.
  struct Start {
    std::uint32_t nodes;
    std::uint32_t leaves;
    Arena::Position arena;
  };
  std::string label_text(std::uint32_t scope, std::int64_t step, Where where) const;
  std::string name_text(const History::Name& name) const;
  void warn_of_growth() const;
  void undo(const Start& start) noexcept;
  [[noreturn]] void explain_failure(const OpRule& rule, Where where) const;

  std::uint32_t resolve_other(const Handle& handle, const char* op, Where where);
  Node& append(const OpRule& rule, Where where) {
    if (nodes_.size() == nodes_.capacity()) [[unlikely]]
      grow_nodes();
    Node& node = nodes_.emplace_back();
    node.rule = &rule;
    node.where = where;
    node.context = labels_.current();
    node.generation = generation_;
    return node;
  }
  void grow_nodes();
  Node& append_op(const OpRule& rule, std::span<const Handle> inputs, Where where);
  void set_attrs(Node& node, const Attrs& attrs);
  void list_attrs(Node& node, const Attrs& attrs);
  void set_shape(const Call& call, Node& node);
  void infer_shape(const Call& call, Node& node);
  bool set_view(const Call& call, Node& node);
  void set_memory(const Call& call, Node& node);
  void compute(const Call& call);
  const std::int64_t* store_extents(const Shape& shape) { return store_extents(shape, arena_); }
  const std::int64_t* store_extents(const Shape& shape, Arena& arena);
  LeafSlot& leaf_slot(const ParameterCore* parameter);
  void index_leaves();

  void check_walk(const Node& loss, std::uint32_t index, bool plain, std::int64_t seed_size, Where where);
  void check_unwalked(std::uint32_t from, Where where);
  std::string reached_through(std::uint32_t walked, std::uint32_t from) const;
  std::string severed_by(std::uint32_t index) const;
  void prepare_walk(std::uint32_t index);
  void abandon_walk() noexcept;
  void seed_walk(std::uint32_t index, const void* seed);
  void walk(std::uint32_t from);
  void visit(const Call& call);
  void visit_view(std::uint32_t index);
  Touched touch_special(std::uint32_t node);
  std::ptrdiff_t offset_in(std::uint32_t owner, const Node& part) const;
  void copy_to_heir();
  void hand_over();
  void copy_gradient(std::int64_t count, const void* from, void* to, bool accumulate) const;
  std::uint32_t gradient_owner(std::uint32_t node) const {
    const Node& n = nodes_[node];
    if (n.has(flag::in_place)) return gradient_owner(n.inputs()[n.rule->info.in_place]);
    return n.shares_gradient() ? n.pair[1] : node;
  }
  void release_temporaries() noexcept;
  void visit_segment(std::uint32_t index);
  void forget_segments(std::uint32_t from) noexcept;
  void flush_deferred(bool all);
  void release_held() noexcept;
  void settle_own_peak();
  void restart_pool_peak();
  void observe(std::uint32_t index);
  Touched touch_ledger(std::uint32_t leaf);
  void complete_ledger();
  void forget_ledger() noexcept;
  /// Someone looks at single gradients: each node then has a buffer of its own.
  bool observed() const { return options_.keep_gradient_norms || options_.step_ledger; }
  void* take(std::uint32_t index);
  void give_back(std::uint32_t index) noexcept;
  bool watching() const {
    return options_.watch != Watch::off && (options_.watch == Watch::raise || first_nonfinite_.empty());
  }
  void watch_value(std::uint32_t index);
  void watch_gradients(std::uint32_t index);
  void watch_leaves();
  void report_nonfinite(const char* direction, std::uint32_t index);

  ScalarType type_ = ScalarType::float32;
  TapeOptions options_;
  std::uint32_t generation_ = 1;
  std::uint32_t recording_ = 1;
  std::vector<Node> nodes_;
  Arena arena_;
  Labels labels_;

  std::vector<Leaf> leaves_;
  std::vector<LeafSlot> leaf_slots_;
  std::uint64_t leaf_stamp_ = 1;
  PackedWeights packed_weights_;

  History history_;
  std::uint32_t walked_end_ = 0;  // nodes before it may have been walked
  std::vector<void*> grads_;
  std::uint32_t heir_ = no_node;   // is to receive the whole gradient buffer of the node under way; add_gradient()
  std::uint32_t heir_source_ = 0;  // that node
  std::vector<double> norms_;
  std::vector<std::uint32_t> held_nodes_;    // whose buffers the deferred queues refer to
  std::vector<Temporary> temporaries_;       // of the rule call under way
  std::vector<Temporary> held_temporaries_;  // referred to by the deferred queues
  std::vector<std::uint32_t> unwritten_;     // leaves whose first contribution is being assigned
  std::vector<std::uint8_t> reached_;        // scratch of check_walk
  GradientPool pool_;
  WalkLog log_;
  StepLedger ledger_;
  Deferred deferred_;
  kernels::Workspace workspace_;

  struct OwnedSegment {
    std::uint32_t node;
    Arena::Position start;  // in the segments' arena
    std::unique_ptr<Segment> segment;
  };
  std::vector<OwnedSegment> segments_;
  Arena other_arena_;  // of segments, or, within one, of the rest
  bool in_segment_ = false;
  std::uint32_t floor_ = 0;
  std::uint32_t own_floor_ = 0;
  std::int64_t own_base_ = 0, own_peak_ = 0;  // see begin_own_peak()
  std::int64_t pool_peak_ = 0;                // of the pool, while its counter serves that
  std::vector<Schedule> schedules_;
  SegmentCounts segment_counts_;

  bool local_gradients_ = false;
  std::uint64_t draws_ = 0;
  std::uint32_t drawn_for_ = no_node;
  std::string first_nonfinite_;
  std::uint32_t nonfinite_node_ = no_node;  // that it is about
  std::int64_t visits_ = 0;
};

/// The bytes hold a NaN or an infinity.
bool has_nonfinite(ScalarType type, const void* values, std::int64_t count);
double norm_of(ScalarType type, const void* values, std::int64_t count);

extern const OpRule input_rule;
extern const OpRule variable_rule;
extern const OpRule constant_rule;
extern const OpRule parameter_rule;
extern const OpRule segment_rule;
extern const OpRule segment_output_rule;

}  // namespace unspool::detail
