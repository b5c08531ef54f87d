// Prefix beam search. Prefixes are nodes of a trie, so that extending one copies nothing and two ways to the same labels
// meet in one node. Only what survives a step becomes a node: at most T * width of them.
#include <algorithm>

#include "generate/ctc_rows.hpp"

namespace unspool::detail {
namespace {

constexpr std::int32_t none = -1;

// A sequence of labels, and the logarithms of the probability of the alignments that give it so far, apart by whether
// they end in a blank: only after a blank does a repeated label count again.
struct Prefix {
  std::int32_t parent = none, first_child = none, next_sibling = none;
  std::int32_t label = none;
  double blank = impossible, label_end = impossible;
  bool live = false;

  double total() const { return log_add(blank, label_end); }
  /// The probability of alignments that a further `next` makes longer by that label.
  double before(std::int32_t next) const { return next == label ? blank : total(); }
};

// What may be in the beam after a step: a node as it is, or (label >= 0) extended by a label.
struct Candidate {
  std::int32_t node = none, label = none;
  double blank = impossible, label_end = impossible;
  double total = impossible;
};

class PrefixBeam {
 public:
  PrefixBeam(std::int64_t classes, const CtcBeamOptions& options)
      : options_(options), blank_(static_cast<std::int32_t>(options.blank)), taken_(place(classes), 0) {}

  void begin() {
    prefixes_.assign(1, Prefix());
    prefixes_[0].blank = 0;
    prefixes_[0].live = true;
    live_.assign(1, 0);
  }

  void step(const double* log_probs) {
    candidates_.clear();
    for (const std::int32_t at : live_) candidates_.push_back(unextended(at, log_probs));
    for (const std::int32_t at : live_) extend(at, log_probs);
    for (Candidate& c : candidates_) c.total = log_add(c.blank, c.label_end);
    keep_best();
  }

  std::vector<CtcPath> results() const {
    std::vector<CtcPath> paths;
    for (std::size_t i = 0; i < live_.size() && i < place(options_.best); ++i)
      paths.push_back({labels({.node = live_[i]}), prefixes_[place(live_[i])].total()});
    return paths;
  }

 private:
  static std::size_t place(std::int64_t i) { return static_cast<std::size_t>(i); }

  // The same labels after one more step: a blank, the last label again, or that label now, after its parent.
  Candidate unextended(std::int32_t at, const double* log_probs) const {
    const Prefix& p = prefixes_[place(at)];
    Candidate c{.node = at, .blank = p.total() + log_probs[blank_]};
    if (p.label == none) return c;
    c.label_end = p.label_end + log_probs[p.label];
    if (const Prefix& parent = prefixes_[place(p.parent)]; parent.live)
      c.label_end = log_add(c.label_end, parent.before(p.label) + log_probs[p.label]);
    return c;
  }
  // All further labels but those whose node is live: that node's own candidate has counted them.
  void extend(std::int32_t at, const double* log_probs) {
    const Prefix& p = prefixes_[place(at)];
    ++extension_;
    for (std::int32_t child = p.first_child; child != none; child = prefixes_[place(child)].next_sibling)
      if (prefixes_[place(child)].live) taken_[place(prefixes_[place(child)].label)] = extension_;
    for (std::int32_t label = 0; label < static_cast<std::int32_t>(taken_.size()); ++label)
      if (label != blank_ && taken_[place(label)] != extension_)
        candidates_.push_back({.node = at, .label = label, .label_end = p.before(label) + log_probs[label]});
  }
  void keep_best() {
    std::erase_if(candidates_, [](const Candidate& c) { return c.total == impossible; });
    const auto kept = static_cast<std::ptrdiff_t>(std::min(candidates_.size(), place(options_.width)));
    std::partial_sort(candidates_.begin(), candidates_.begin() + kept, candidates_.end(),
                      [&](const Candidate& a, const Candidate& b) {
                        return a.total != b.total ? a.total > b.total : &a != &b && labels(a) < labels(b);
                      });
    for (const std::int32_t at : live_) prefixes_[place(at)].live = false;
    live_.clear();
    for (std::ptrdiff_t i = 0; i < kept; ++i) {
      const Candidate& c = candidates_[static_cast<std::size_t>(i)];
      const std::int32_t at = c.label == none ? c.node : child(c.node, c.label);
      Prefix& p = prefixes_[place(at)];
      p.blank = c.blank, p.label_end = c.label_end;
      p.live = true;
      live_.push_back(at);
    }
  }
  // A node that fell out of the beam is found again, so that its children, which may be in it, keep their parent.
  std::int32_t child(std::int32_t parent, std::int32_t label) {
    for (std::int32_t at = prefixes_[place(parent)].first_child; at != none; at = prefixes_[place(at)].next_sibling)
      if (prefixes_[place(at)].label == label) return at;
    const auto at = static_cast<std::int32_t>(prefixes_.size());
    prefixes_.push_back({.parent = parent, .next_sibling = prefixes_[place(parent)].first_child, .label = label});
    prefixes_[place(parent)].first_child = at;
    return at;
  }
  std::vector<std::int64_t> labels(const Candidate& c) const {
    std::vector<std::int64_t> reversed;
    if (c.label != none) reversed.push_back(c.label);
    for (std::int32_t at = c.node; prefixes_[place(at)].parent != none; at = prefixes_[place(at)].parent)
      reversed.push_back(prefixes_[place(at)].label);
    return {reversed.rbegin(), reversed.rend()};
  }

  CtcBeamOptions options_;
  std::int32_t blank_;
  std::int64_t extension_ = 0;
  std::vector<std::int64_t> taken_;  // labels whose child is live, by the number of the extension that found it so
  std::vector<Prefix> prefixes_;
  std::vector<std::int32_t> live_;  // best first
  std::vector<Candidate> candidates_;
};

}  // namespace

template <Scalar T>
std::vector<std::vector<CtcPath>> ctc_beam(const Shape& shape, std::span<const T> logits, const Ids& lengths,
                                           const CtcBeamOptions& options) {
  const CtcRows<T> all(shape, logits, lengths, options.blank, "ctc_beam_decode");
  require(options.width >= 1, ErrorCode::bad_argument, all.op, "width must be at least 1; given {}", options.width);
  require(options.best >= 1, ErrorCode::bad_argument, all.op, "best must be at least 1; given {}", options.best);
  PrefixBeam beam(all.classes, options);
  std::vector<double> log_probs(static_cast<std::size_t>(all.classes));
  std::vector<std::vector<CtcPath>> results;
  for (std::int64_t b = 0; b < all.rows; ++b) {
    beam.begin();
    for (std::int64_t t = 0; t < lengths[b]; ++t) {
      log_softmax_of(all.at(t, b), log_probs.data(), all.op);
      beam.step(log_probs.data());
    }
    results.push_back(beam.results());
  }
  return results;
}

template UNSPOOL_API std::vector<std::vector<CtcPath>> ctc_beam(const Shape&, std::span<const float>, const Ids&,
                                                                const CtcBeamOptions&);
template UNSPOOL_API std::vector<std::vector<CtcPath>> ctc_beam(const Shape&, std::span<const double>, const Ids&,
                                                                const CtcBeamOptions&);

}  // namespace unspool::detail
