// TapeCore: the recording itself, once for all scalar types. Kernels know the scalar; the tape moves bytes.
#pragma once

#include <vector>

#include "tape/arena.hpp"
#include "tape/deferred.hpp"
#include "tape/gradient_pool.hpp"
#include "tape/labels.hpp"
#include "tape/packed_weights.hpp"
#include "tape/parameter_core.hpp"
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
  TapeStats stats() const;

  const Node& node(std::uint32_t index) const { return nodes_[index]; }
  Node& node(std::uint32_t index) { return nodes_[index]; }
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
  void undo(const Start& start) noexcept;
  [[noreturn]] void explain_failure(const OpRule& rule, Where where) const;

  std::uint32_t resolve_other(const Handle& handle, const char* op, Where where);
  Node& append(const OpRule& rule, Where where) {
    if (nodes_.size() == nodes_.capacity()) grow_nodes();
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
  const std::int64_t* store_extents(const Shape& shape);
  LeafSlot& leaf_slot(const ParameterCore* parameter);
  void index_leaves();

  void check_walk(const Node& loss, std::uint32_t index, bool plain, std::int64_t seed_size, Where where);
  void check_unwalked(std::uint32_t from, Where where);
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
  void flush_deferred();
  void release_held() noexcept;
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

}  // namespace unspool::detail
