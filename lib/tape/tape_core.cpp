// Life of a tape, positions and labels. Recording is in record.cpp, the walk in backward.cpp.
#include "tape/tape_core.hpp"

#include <fmt/core.h>

#include <memory>
#include <mutex>

#include "base/check.hpp"
#include "tape/graph_request.hpp"

namespace unspool::detail {
namespace {

// Cores wait here between tapes. They are recycled so that a Var which outlives its tape can be told so: its core is
// still there, with a later generation. What a waiting core holds is a few hundred bytes.
struct CoreStore {
  std::mutex mutex;
  std::vector<std::unique_ptr<TapeCore>> all;
  std::vector<TapeCore*> idle;
};

CoreStore& core_store() {
  static CoreStore* store = new CoreStore;  // never destroyed: a tape may outlive main's statics
  return *store;
}

// `v = {}` would keep the capacity: it is an assignment from an empty list.
template <class T>
void give_up(std::vector<T>& v) noexcept {
  std::vector<T>().swap(v);
}

std::string_view file_name(const char* path) {
  const std::string_view all = path;
  const std::size_t slash = all.find_last_of('/');
  return slash == std::string_view::npos ? all : all.substr(slash + 1);
}

}  // namespace

TapeCore* make_tape(ScalarType type, const TapeOptions& asked) try {
  TapeOptions options = asked;
  if (graph_request() != nullptr) options.keep_gradient_norms = options.step_ledger = true;
  CoreStore& store = core_store();
  TapeCore* core = nullptr;
  {
    const std::lock_guard lock(store.mutex);
    if (store.idle.empty()) {
      store.all.push_back(std::make_unique<TapeCore>());
      store.idle.reserve(store.all.size());  // so that giving a core back cannot fail
      core = store.all.back().get();
    } else {
      core = store.idle.back();
      store.idle.pop_back();
    }
  }
  core->open(type, options);
  return core;
} catch (const std::bad_alloc&) {
  fail(ErrorCode::out_of_memory, "tape", "memory for a tape could not be had");
}

void drop_tape(TapeCore* tape) noexcept {
  tape->close();
  CoreStore& store = core_store();
  const std::lock_guard lock(store.mutex);
  store.idle.push_back(tape);
}

void TapeCore::open(ScalarType type, const TapeOptions& options) {
  type_ = type;
  options_ = options;
  draws_ = 0;
}

// Nothing here may allocate: a tape is also destroyed while an out_of_memory error is on its way.
void TapeCore::close() noexcept {
  nodes_.clear();  // none is to be remembered
  reset();
  history_.release();
  give_up(nodes_);
  give_up(grads_);
  give_up(norms_);
  log_.release();
  ledger_.release();
  give_up(held_nodes_);
  give_up(temporaries_);
  give_up(held_temporaries_);
  give_up(unwritten_);
  give_up(reached_);
  give_up(leaves_);
  give_up(leaf_slots_);
  give_up(schedules_);
  arena_.release();
  other_arena_.release();
  pool_.release();
  workspace_.release();
  packed_weights_.release();
  labels_.release();
  deferred_ = Deferred();
}

void TapeCore::reset() {
  require(!in_segment_, ErrorCode::bad_argument, "reset", "must not be called by a step or part that is recomputed");
  forget_segments(0);
  segment_counts_ = {};
  other_arena_.rewind({});
  recording_ = ++generation_;
  history_.remember(nodes_, labels_);
  history_.restart();
  nodes_.clear();
  grads_.clear();
  norms_.clear();
  log_.rewind(0);
  held_nodes_.clear();
  temporaries_.clear();
  held_temporaries_.clear();
  unwritten_.clear();
  arena_.rewind({});
  pool_.reset();
  labels_.set_current(0);
  labels_.rewind(0);
  leaves_.clear();
  ++leaf_stamp_;
  packed_weights_.restart();
  local_gradients_ = false;
  walked_end_ = 0;
  visits_ = 0;
  deferred_.clear();
  deferred_.restart_counts();
  ledger_.restart();
  first_nonfinite_.clear();
  drawn_for_ = no_node;
}

Mark TapeCore::mark() const {
  const Arena::Position at = arena_.position();
  return {this, node_count(), generation_, labels_.count(), at.chunk, at.offset, options_.seed, draws_};
}

void TapeCore::rewind(const Mark& mark) {
  require(mark.nodes >= floor_, ErrorCode::bad_argument, "rewind",
          "a step or part that is recomputed must not rewind beyond its own beginning");
  require(mark.tape == this, ErrorCode::wrong_tape, "rewind", "the mark must be of this tape; it is of {}",
          mark.tape == nullptr ? "none" : "another");
  // Nodes before the mark must be the ones it was taken after: same recording, not rewound below since.
  const bool valid = mark.nodes <= node_count() && mark.generation >= recording_ &&
                     (mark.nodes == 0 || nodes_[mark.nodes - 1].generation <= mark.generation);
  require(valid, ErrorCode::stale_handle, "rewind", "the mark must be of this recording; it has {} nodes, the tape {}",
          mark.nodes, node_count());
  forget_ledger();
  forget_segments(mark.nodes);
  for (std::uint32_t i = mark.nodes; i < grads_.size(); ++i)
    if (grads_[i] != nullptr && nodes_[i].has(flag::keep_grad)) give_back(i);
  if (grads_.size() > mark.nodes) grads_.resize(mark.nodes);
  if (norms_.size() > mark.nodes) norms_.resize(mark.nodes);
  log_.rewind(mark.nodes);
  nodes_.resize(mark.nodes);
  arena_.rewind({mark.chunk, mark.offset});
  labels_.rewind(mark.contexts);
  while (!leaves_.empty() && leaves_.back().node >= mark.nodes) leaves_.pop_back();
  packed_weights_.forget_from(leaves_.size());
  index_leaves();
  if (walked_end_ > mark.nodes) walked_end_ = mark.nodes;
  history_.restart();
  if (nonfinite_node_ >= mark.nodes) first_nonfinite_.clear();
  options_.seed = mark.seed;
  draws_ = mark.draws;
  drawn_for_ = no_node;
  ++generation_;
}

std::string TapeCore::label_text(std::uint32_t scope, std::int64_t step, Where where) const {
  std::string text;
  const std::string& path = labels_.scope_path(scope);
  if (!path.empty() || step != Labels::no_step) text += " in ";
  text += path;
  if (step != Labels::no_step) text += fmt::format("{}t={}", path.empty() ? "" : "/", step);
  if (where.line() != 0) text += fmt::format(", {}:{}", file_name(where.file_name()), where.line());
  return text;
}

std::string TapeCore::where_text(std::uint32_t context, Where where, std::int64_t node) const {
  const Labels::Context& here = labels_.context(context);
  return fmt::format("at %{}", node) + label_text(here.scope, here.step, where);
}

TapeStats TapeCore::stats() const {
  TapeStats s;
  s.nodes = node_count();
  s.value_bytes = arena_.used_bytes() + other_arena_.used_bytes();
  s.reserved_bytes =
      arena_.reserved_bytes() + other_arena_.reserved_bytes() + pool_.reserved_bytes() + packed_weights_.bytes();
  s.node_bytes = s.nodes * static_cast<std::int64_t>(sizeof(Node));
  s.gradient_bytes_peak = pool_.peak_bytes();
  s.packed_bytes = packed_weights_.bytes();
  s.peak_bytes = s.value_bytes + s.node_bytes + s.gradient_bytes_peak + s.packed_bytes;
  s.backward_visits = visits_;
  s.deferred_flushes = deferred_.flushes();
  s.deferred_entries = deferred_.entries();
  return s;
}

LabelGuard enter_step(TapeCore& tape, std::int64_t step) try {
  require(step >= 0, ErrorCode::bad_argument, "step", "a step must not be negative; given {}", step);
  const std::uint32_t previous = tape.labels().current();
  tape.labels().enter_step(step);
  return {&tape, previous, tape.recording()};
} catch (const std::bad_alloc&) {
  fail(ErrorCode::out_of_memory, "step", "memory for the label t={} could not be had", step);
}

LabelGuard enter_scope(TapeCore& tape, std::string_view name) try {
  const std::uint32_t previous = tape.labels().current();
  tape.labels().enter_scope(name);
  return {&tape, previous, tape.recording()};
} catch (const std::bad_alloc&) {
  fail(ErrorCode::out_of_memory, "scope", "memory for the label {} could not be had", name);
}

Mark mark(const TapeCore& tape) { return tape.mark(); }
void rewind(TapeCore& tape, const Mark& mark) { tape.rewind(mark); }
void reset(TapeCore& tape) { tape.reset(); }
TapeStats stats(const TapeCore& tape) { return tape.stats(); }
void reseed(TapeCore& tape, std::uint64_t seed) { tape.set_seed(seed); }
void set_watch(TapeCore& tape, Watch watch) { tape.set_watch(watch); }
std::string first_nonfinite(const TapeCore& tape) { return tape.first_nonfinite(); }

}  // namespace unspool::detail

namespace unspool {

LabelGuard::~LabelGuard() {
  // A reset since has forgotten the guard's context, and what is current now belongs to later guards.
  if (tape_->recording() == recording_) tape_->labels().set_current(previous_);
}

}  // namespace unspool
