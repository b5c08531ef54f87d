// op:    Var tree_lstm_cell(const Var& xg, const Var& children, const Var& w_hh, const Var& w_fh, int slots, Ids parents)
// shape: xg [P,4H] (x W^T + b, blocks i, f, g, o) of P nodes; children [2E,H], the h and then the c of E children; y
//        [2P,H], h' and then c'. Child sum (slots 0): parents [E], the node of each child; w_hh [3H,H], w_fh [H,H]. N-ary
//        (slots N): E = P N, child k of node p in row p N + k, zeros where there is none, or E = 0; w_hh [3H,N H], w_fh [N H,N H]
// math:  s = the sum of a node's children's h, N-ary: those side by side;  i, g, o = sigmoid, tanh, sigmoid of
//        xg + s w_hh^T;  f_k = sigmoid(xg_f + h_k w_fh^T), N-ary: block k of xg_f + s w_fh^T;  c' = i g + sum_k f_k c_k,
//        h' = o tanh(c')
// note:  Tai, Socher and Manning, ACL 2015, eq. 2 to 8 and 9 to 14. One op serves a whole level of a forest.
#include <algorithm>

#include "ops/op.hpp"
#include "tape/multiply.hpp"

namespace unspool {
namespace {

constexpr int children_operand = 1, weight = 2, forget_weight = 3;

/// P nodes with E children in all; the forget gates of `rows` rows of `width` numbers, E H together.
struct Sizes {
  explicit Sizes(const detail::ArgsBase& a, std::int64_t xg_rows, std::int64_t children_rows, std::int64_t hidden)
      : P(xg_rows), E(children_rows / 2), H(hidden), slots(a.integer(0)) {
    width = slots > 0 ? slots * H : H;
    rows = slots == 0 || E == 0 ? E : P;
    parents = a.list(1);
  }
  std::int64_t parent(std::int64_t child) const {
    return slots > 0 ? child / slots : parents[static_cast<std::size_t>(child)];
  }
  bool summed() const { return slots == 0; }

  std::int64_t P, E, H, slots, width, rows;
  std::span<const std::int64_t> parents;
};

template <class Args>
Sizes sizes_of(const Args& a) {
  return Sizes(a, a.x(0).extent(0), a.x(children_operand).extent(0), a.x(children_operand).extent(1));
}

/// What is kept beside y: i, g, o [P,3H], f [E,H] and, for child sums, s [P,H].
template <class T>
struct Kept {
  Kept(T* saved, const Sizes& s) : gates(saved), forget(gates + 3 * s.P * s.H), sum(forget + s.E * s.H) {}
  T *gates, *forget, *sum;
};

template <class T>
View<const T> matrix(const T* data, const std::int64_t (&extents)[2], std::int32_t owner) {
  return {data, extents, extents[0] * extents[1], 2, owner};
}

struct TreeLstmCell {
  static Shape infer(const InferArgs& a) {
    const Shape xg = a.shape(0), children = a.shape(children_operand);
    const auto expect = [&](int operand, const char* name, const Shape& wanted) {
      reject_unless(a, a.shape(operand) == wanted, ErrorCode::shape_mismatch, "{} must be {} for children {}; given {}",
                    name, wanted, children, a.shape(operand));
    };
    reject_unless(a, children.rank() == 2 && children[0] % 2 == 0, ErrorCode::shape_mismatch,
                  "children must be [2E,H], h then c; given {}", children);
    reject_unless(a, a.integer(0) >= 0, ErrorCode::bad_argument, "slots must not be negative; given {}", a.integer(0));
    reject_unless(a, xg.rank() == 2, ErrorCode::shape_mismatch, "xg must be [P,4H]; given {}", xg);
    const Sizes s(a, xg[0], children[0], children[1]);
    expect(0, "xg", {s.P, 4 * s.H});
    expect(weight, "w_hh", {3 * s.H, s.width});
    expect(forget_weight, "w_fh", {s.width, s.width});
    reject_unless(a,
                  static_cast<std::int64_t>(s.parents.size()) == (s.summed() ? s.E : 0) &&
                      (s.summed() || s.E == 0 || s.E == s.P * s.slots),
                  ErrorCode::shape_mismatch,
                  "there must be a parent for each child, or {} children a node; given {} "
                  "parents and {} children of {} nodes",
                  s.slots, s.parents.size(), s.E, s.P);
    for (std::size_t e = 0; e < s.parents.size(); ++e)
      reject_unless(a, s.parents[e] >= 0 && s.parents[e] < s.P, ErrorCode::index_out_of_range,
                    "parents must be in 0..{}; that of child {} is {}", s.P - 1, e, s.parents[e]);
    return {2 * s.P, s.H};
  }
  static std::int64_t saved(const InferArgs& a, const Shape&) {
    const Sizes s(a, a.shape(0)[0], a.shape(children_operand)[0], a.shape(children_operand)[1]);
    return (3 * s.P + s.E + (s.summed() ? s.P : 0)) * s.H;
  }
  static std::int64_t flops(const InferArgs& a, const Shape&) {
    const Sizes s(a, a.shape(0)[0], a.shape(children_operand)[0], a.shape(children_operand)[1]);
    return 2 * s.width * (3 * s.P * s.H + s.rows * s.width) + 12 * (3 * s.P + s.E) * s.H;
  }

  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    const Sizes s = sizes_of(a);
    const std::int64_t H = s.H;
    const Kept<T> kept(a.saved(), s);
    const T* const xg = a.x(0).data;
    const T* const h = a.x(children_operand).data;
    const T* const c = h + s.E * H;
    const auto& kernel = kernels::kernel_table<T>();

    for (std::int64_t p = 0; p < s.P; ++p) {
      std::copy_n(xg + p * 4 * H, H, kept.gates + p * 3 * H);
      std::copy_n(xg + p * 4 * H + 2 * H, 2 * H, kept.gates + p * 3 * H + H);
    }
    for (std::int64_t e = 0; e < s.E; ++e) std::copy_n(xg + s.parent(e) * 4 * H + H, H, kept.forget + e * H);
    if (s.E > 0) {
      if (s.summed()) {
        std::fill_n(kept.sum, s.P * H, T(0));
        for (std::int64_t e = 0; e < s.E; ++e) {
          T* const sum = kept.sum + s.parent(e) * H;
          kernel.add(H, sum, h + e * H, sum);
        }
      }
      const T* const seen = s.summed() ? kept.sum : h;
      detail::multiply<T>(a.call(), weight, false, true, s.P, 3 * H, s.width, seen, a.x(weight).data, true, kept.gates);
      detail::multiply<T>(a.call(), forget_weight, false, true, s.rows, s.width, s.width, h, a.x(forget_weight).data,
                          true, kept.forget);
      kernel.sigmoid(s.E * H, kept.forget, kept.forget);
    }
    T* const y_h = a.y().data;
    T* const y_c = y_h + s.P * H;
    for (std::int64_t p = 0; p < s.P; ++p) {
      T* const i = kept.gates + p * 3 * H;
      kernel.sigmoid(H, i, i);
      kernel.tanh(H, i + H, i + H);
      kernel.sigmoid(H, i + 2 * H, i + 2 * H);
      kernel.mul(H, i, i + H, y_c + p * H);
    }
    for (std::int64_t e = 0; e < s.E; ++e) kernel.muladd(H, kept.forget + e * H, c + e * H, y_c + s.parent(e) * H);
    kernel.tanh(s.P * H, y_c, y_h);
    for (std::int64_t p = 0; p < s.P; ++p) kernel.mul(H, y_h + p * H, kept.gates + p * 3 * H + 2 * H, y_h + p * H);
  }

  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    const Sizes s = sizes_of(a);
    const std::int64_t H = s.H;
    const Kept<const T> kept(a.saved(), s);
    const T* const h = a.x(children_operand).data;
    const T* const c = h + s.E * H;
    T* const dgates = a.temporary(s.P * 3 * H);  // of i, g, o before their activations
    T* const dc = a.temporary(s.P * H);
    T* const dforget = a.temporary(s.E * H);
    T* const dchildren = a.dx(children_operand).accumulator().data;
    cell_gradients(a, s, kept, dgates, dc);
    for (std::int64_t e = 0; e < s.E; ++e) {
      const T* const f = kept.forget + e * H;
      const T* const dc_p = dc + s.parent(e) * H;
      for (std::int64_t j = 0; j < H; ++j) {
        dforget[e * H + j] = dc_p[j] * c[e * H + j] * f[j] * (1 - f[j]);
        if (dchildren != nullptr) dchildren[(s.E + e) * H + j] += dc_p[j] * f[j];
      }
    }
    add_input_gradient(a, s, dgates, dforget);
    if (s.E == 0) return;
    if (dchildren != nullptr) add_state_gradient(a, s, dgates, dforget, dchildren);
    const std::int64_t gate_extents[2] = {s.P, 3 * H}, seen_extents[2] = {s.P, s.width};
    const std::int64_t forget_extents[2] = {s.rows, s.width};
    a.dx(weight).add_product(true, false, 3 * H, s.width, s.P, matrix<T>(dgates, gate_extents, owner_temporary),
                             matrix<T>(s.summed() ? kept.sum : h, seen_extents, owner_value));
    a.dx(forget_weight)
        .add_product(true, false, s.width, s.width, s.rows, matrix<T>(dforget, forget_extents, owner_temporary),
                     matrix<T>(h, forget_extents, owner_value));
  }

 private:
  /// From dy the gradients of i, g, o before their activations and of c'.
  template <class T>
  static void cell_gradients(const BackwardArgs<T>& a, const Sizes& s, const Kept<const T>& kept, T* dgates, T* dc) {
    const T* const dh = a.dy().data;
    const T* const dc_given = dh + s.P * s.H;
    T* const tanh_c = dc;  // until dc takes its place
    kernels::kernel_table<T>().tanh(s.P * s.H, a.y().data + s.P * s.H, tanh_c);
    for (std::int64_t p = 0; p < s.P; ++p)
      for (std::int64_t j = 0; j < s.H; ++j) {
        const std::int64_t at = p * s.H + j, gate = p * 3 * s.H + j;
        const T i = kept.gates[gate], g = kept.gates[gate + s.H], o = kept.gates[gate + 2 * s.H], t = tanh_c[at];
        const T d = dc_given[at] + dh[at] * o * (1 - t * t);
        dc[at] = d;
        dgates[gate] = d * g * i * (1 - i);
        dgates[gate + s.H] = d * i * (1 - g * g);
        dgates[gate + 2 * s.H] = dh[at] * t * o * (1 - o);
      }
  }

  template <class T>
  static void add_input_gradient(const BackwardArgs<T>& a, const Sizes& s, const T* dgates, const T* dforget) {
    T* const dxg = a.dx(0).accumulator().data;
    if (dxg == nullptr) return;
    for (std::int64_t p = 0; p < s.P; ++p)
      for (std::int64_t j = 0; j < s.H; ++j) {
        dxg[p * 4 * s.H + j] += dgates[p * 3 * s.H + j];
        dxg[p * 4 * s.H + 2 * s.H + j] += dgates[p * 3 * s.H + s.H + j];
        dxg[p * 4 * s.H + 3 * s.H + j] += dgates[p * 3 * s.H + 2 * s.H + j];
      }
    for (std::int64_t e = 0; e < s.E; ++e)
      for (std::int64_t j = 0; j < s.H; ++j) dxg[s.parent(e) * 4 * s.H + s.H + j] += dforget[e * s.H + j];
  }

  /// The children's h: through the forget gates and through the sum, or the row, that the other gates see.
  template <class T>
  static void add_state_gradient(const BackwardArgs<T>& a, const Sizes& s, const T* dgates, const T* dforget, T* dh) {
    detail::multiply<T>(a.call(), forget_weight, false, false, s.rows, s.width, s.width, dforget,
                        a.x(forget_weight).data, true, dh);
    T* const dseen = s.summed() ? a.temporary(s.P * s.H) : dh;
    detail::multiply<T>(a.call(), weight, false, false, s.P, s.width, 3 * s.H, dgates, a.x(weight).data, !s.summed(),
                        dseen);
    if (!s.summed()) return;
    for (std::int64_t e = 0; e < s.E; ++e) {
      T* const to = dh + e * s.H;
      kernels::kernel_table<T>().add(s.H, to, dseen + s.parent(e) * s.H, to);
    }
  }
};

}  // namespace

constinit const OpRule tree_lstm_cell_rule = make_rule<TreeLstmCell>(
    {.name = "tree_lstm_cell",
     .arity = 4,
     .reads = Reads::both,
     .attrs = "slots:int, parents:list",
     .samples = "[3,8] [8,2] [6,2] [2,2] slots=0 parents=[0,0,2,0]; [2,12] [0,3] [9,3] [3,3] slots=0 parents=[];"
                "[1,4] [2,1] [3,1] [1,1] slots=0 parents=[0]; [2,8] [8,2] [6,4] [4,4] slots=2 parents=[];"
                "[2,20] [4,5] [15,5] [5,5] slots=1 parents=[]; [0,8] [0,2] [6,6] [6,6] slots=3 parents=[]; [3,8] [0,2] "
                "[6,4] [4,4] slots=2 parents=[];"
                "[2,0] [2,0] [0,0] [0,0] slots=0 parents=[1]; [3,8] [4,2] [6,2] [2,2] slots=0 parents=[2,1]"});

Handle detail::tree_lstm_cell(const Handle& xg, const Handle& children, const Handle& w_hh, const Handle& w_fh,
                              int slots, Ids parents, Where where) {
  return record(tree_lstm_cell_rule, {xg, children, w_hh, w_fh}, Attrs(slots).with(parents), where);
}

}  // namespace unspool
