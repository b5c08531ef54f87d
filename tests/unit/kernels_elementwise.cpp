// Maps, gradients, reductions and row operations of every instruction set against the reference loops.
#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>

#include "kernels_support.hpp"

using namespace unspool::kernels;
using namespace unspool::kernels::test;

namespace {

template <class T, class F>
void each_table(F f) {
  for (Isa isa : available_isas()) {
    CAPTURE(std::string(isa_name(isa)));
    f(kernel_table_for<T>(isa), reference_table<T>());
  }
}

/// A vector with room at the end that must stay as it was.
template <class T>
struct Guarded {
  explicit Guarded(std::vector<T> values) : data(std::move(values)), n(static_cast<int64_t>(data.size())) {
    data.resize(data.size() + 20, T(77));
  }
  T* get() { return data.data(); }
  std::vector<T> values() const { return {data.begin(), data.begin() + n}; }
  bool intact() const {
    return std::all_of(data.begin() + n, data.end(), [](T v) { return v == T(77); });
  }
  std::vector<T> data;
  int64_t n;
};

}  // namespace

TEST_CASE_TEMPLATE("unary and binary maps equal the reference and stay inside their arrays", T, float, double) {
  using K = KernelTable<T>;
  const std::vector<typename K::Unary K::*> unary = {&K::exp,     &K::expm1,    &K::log,       &K::log1p,  &K::tanh,
                                                     &K::sigmoid, &K::softplus, &K::relu,      &K::square, &K::sqrt,
                                                     &K::abs,     &K::neg,      &K::reciprocal};
  const std::vector<typename K::Binary K::*> binary = {&K::add, &K::sub, &K::mul, &K::div, &K::maximum, &K::minimum};
  each_table<T>([&](const K& t, const K& reference) {
    for (int64_t n : odd_sizes()) {
      const std::vector<T> a = uniform<T>(n, 1, 0.01, 3), b = uniform<T>(n, 2, -3, 3);
      for (auto entry : unary) {
        std::vector<T> expected(n);
        Guarded<T> y(std::vector<T>(n, T(5))), in_place(a);
        (reference.*entry)(n, a.data(), expected.data());
        (t.*entry)(n, a.data(), y.get());
        (t.*entry)(n, in_place.get(), in_place.get());
        check_close(y.values(), expected, 4, "unary");
        CHECK(in_place.values() == y.values());
        CHECK(y.intact());
      }
      for (auto entry : binary) {
        std::vector<T> expected(n);
        Guarded<T> y(std::vector<T>(n, T(5))), in_place(b);
        (reference.*entry)(n, a.data(), b.data(), expected.data());
        (t.*entry)(n, a.data(), b.data(), y.get());
        (t.*entry)(n, a.data(), in_place.get(), in_place.get());
        CHECK(y.values() == expected);
        CHECK(in_place.values() == expected);
        CHECK(y.intact());
      }
    }
  });
}

TEST_CASE_TEMPLATE("scalar forms, fills and row maps equal the reference", T, float, double) {
  using K = KernelTable<T>;
  each_table<T>([&](const K& t, const K& reference) {
    for (int64_t n : odd_sizes()) {
      const std::vector<T> x = uniform<T>(n, 3), w = uniform<T>(n, 4, 0, 1), start = uniform<T>(n, 5);
      const auto compare = [&](auto run) {
        Guarded<T> y(start), expected(start);
        run(t, y.get());
        run(reference, expected.get());
        CHECK(y.values() == expected.values());
        CHECK(y.intact());
      };
      compare([&](const K& k, T* y) { k.axpb(n, T(1.7), x.data(), T(-0.3), y); });
      compare([&](const K& k, T* y) { k.axpy(n, T(1.7), x.data(), y); });
      compare([&](const K& k, T* y) { k.fill(n, T(1.7), y); });
      compare([&](const K& k, T* y) { k.muladd(n, x.data(), w.data(), y); });
      compare([&](const K& k, T* y) { k.lerp(n, w.data(), x.data(), y, y); });
    }
    for (int64_t rows : {0, 1, 3, 17})
      for (int64_t cols : {1, 7, 16, 33}) {
        const std::vector<T> x = uniform<T>(rows * cols, 6), b = uniform<T>(cols, 7), a = uniform<T>(rows, 8);
        const std::vector<T> start = uniform<T>(rows * cols, 9);
        for (bool accumulate : {false, true}) {
          const auto compare = [&](auto run) {
            Guarded<T> y(start), expected(start);
            run(t, y.get());
            run(reference, expected.get());
            CHECK(y.values() == expected.values());
            CHECK(y.intact());
          };
          compare([&](const K& k, T* y) { k.add_rows(rows, cols, x.data(), b.data(), y); });
          compare([&](const K& k, T* y) { k.mul_rows(rows, cols, x.data(), b.data(), y); });
          compare([&](const K& k, T* y) { k.scale_rows(rows, cols, x.data(), a.data(), y, accumulate); });
        }
      }
  });
}

TEST_CASE_TEMPLATE("gradients assign or add as asked and equal the reference", T, float, double) {
  using K = KernelTable<T>;
  const std::vector<typename K::UnaryGrad K::*> grads = {
      &K::tanh_grad, &K::sigmoid_grad, &K::relu_grad,   &K::exp_grad, &K::mul_grad,
      &K::log_grad,  &K::sqrt_grad,    &K::square_grad, &K::abs_grad, &K::softplus_grad};
  each_table<T>([&](const K& t, const K& reference) {
    for (int64_t n : odd_sizes())
      for (bool accumulate : {false, true}) {
        std::vector<T> dy = uniform<T>(n, 1), kept = uniform<T>(n, 2), start = uniform<T>(n, 3);
        if (n > 2) kept[1] = 0;
        if (!accumulate) std::fill(start.begin(), start.end(), std::numeric_limits<T>::quiet_NaN());
        for (auto entry : grads) {
          if (n > 2 && (entry == &K::log_grad || entry == &K::sqrt_grad)) kept[1] = 1;
          Guarded<T> dx(start);
          std::vector<T> expected = start;
          (t.*entry)(n, dy.data(), kept.data(), dx.get(), accumulate);
          (reference.*entry)(n, dy.data(), kept.data(), expected.data(), accumulate);
          check_close(dx.values(), expected, 8, "grad");
          CHECK(dx.intact());
          // In place over dy.
          std::vector<T> in_place = dy, in_place_expected = dy;
          (t.*entry)(n, in_place.data(), kept.data(), in_place.data(), accumulate);
          (reference.*entry)(n, in_place_expected.data(), kept.data(), in_place_expected.data(), accumulate);
          check_close(in_place, in_place_expected, 8, "grad in place");
        }
        Guarded<T> scaled(start), copied(start);
        std::vector<T> scaled_expected = start, copied_expected = start;
        t.scale_grad(n, dy.data(), T(0.7), scaled.get(), accumulate);
        reference.scale_grad(n, dy.data(), T(0.7), scaled_expected.data(), accumulate);
        t.copy_grad(n, dy.data(), copied.get(), accumulate);
        reference.copy_grad(n, dy.data(), copied_expected.data(), accumulate);
        CHECK(scaled.values() == scaled_expected);
        CHECK(copied.values() == copied_expected);
        CHECK((scaled.intact() && copied.intact()));
      }
  });
}

TEST_CASE_TEMPLATE("relu, maximum and max carry a NaN, relu_grad does not invent one", T, float, double) {
  using K = KernelTable<T>;
  const T nan = std::numeric_limits<T>::quiet_NaN(), inf = std::numeric_limits<T>::infinity();
  each_table<T>([&](const K& t, const K&) {
    for (int64_t n : {1, 3, 16, 37})
      for (int64_t at = 0; at < n; at += 5) {
        std::vector<T> x(n, T(1)), ones(n, T(1)), y(n);
        x[at] = nan;
        t.relu(n, x.data(), y.data());
        CHECK(std::isnan(y[at]));
        t.maximum(n, x.data(), ones.data(), y.data());
        CHECK(std::isnan(y[at]));
        t.maximum(n, ones.data(), x.data(), y.data());
        CHECK(std::isnan(y[at]));
        t.minimum(n, ones.data(), x.data(), y.data());
        CHECK(std::isnan(y[at]));
        CHECK(std::isnan(t.max(n, x.data())));
        t.relu_grad(n, ones.data(), x.data(), y.data(), false);
        CHECK(y[at] == 0);
        CHECK(t.any_nonfinite(n, x.data()));
        x[at] = -inf;
        CHECK(t.any_nonfinite(n, x.data()));
        x[at] = std::numeric_limits<T>::max();
        CHECK(!t.any_nonfinite(n, x.data()));
        CHECK(t.max(n, x.data()) == x[at]);
      }
    CHECK(t.max(0, nullptr) == -inf);
    CHECK(!t.any_nonfinite(0, nullptr));
  });
}

TEST_CASE_TEMPLATE("sums stay accurate however long, and repeat to the bit", T, float, double) {
  using K = KernelTable<T>;
  std::vector<int64_t> sizes = odd_sizes();
  sizes.insert(sizes.end(), {4095, 4097, 300001});
  each_table<T>([&](const K& t, const K&) {
    for (int64_t n : sizes) {
      const std::vector<T> a = uniform<T>(n, 1, 0, 1), b = uniform<T>(n, 2);
      long double sum = 0, dot = 0, squares = 0, magnitude = 0;
      for (int64_t i = 0; i < n; ++i) {
        sum += a[i];
        dot += static_cast<long double>(a[i]) * b[i];
        magnitude += std::fabs(static_cast<long double>(a[i]) * b[i]);
        squares += static_cast<long double>(b[i]) * b[i];
      }
      const double epsilon = static_cast<double>(std::numeric_limits<T>::epsilon());
      // Double collects block sums in double too: its error may grow with the number of blocks.
      const double tolerance = (20 + (sizeof(T) == 8 ? static_cast<double>(n) / 4096 : 0)) * epsilon;
      CHECK(std::fabs(static_cast<double>(t.sum(n, a.data()) - sum)) <= tolerance * static_cast<double>(sum));
      CHECK(std::fabs(static_cast<double>(t.dot(n, a.data(), b.data()) - dot)) <=
            tolerance * static_cast<double>(magnitude));
      CHECK(std::fabs(static_cast<double>(t.sum_squares(n, b.data()) - squares)) <=
            tolerance * static_cast<double>(squares));
      CHECK(t.sum(n, a.data()) == t.sum(n, std::vector<T>(a).data()));
      if (n > 0) CHECK(t.max(n, b.data()) == *std::max_element(b.begin(), b.end()));
    }
  });
}

TEST_CASE_TEMPLATE("column sums add rows in order, with the same bits in every instruction set", T, float, double) {
  using K = KernelTable<T>;
  each_table<T>([&](const K& t, const K& reference) {
    for (int64_t rows : {0, 1, 3, 31, 33, 100})
      for (int64_t cols : {1, 7, 16, 33, 130})
        for (bool accumulate : {false, true}) {
          const std::vector<T> x = uniform<T>(rows * (cols + 3), 1), start = uniform<T>(cols, 2);
          Guarded<T> sums(start);
          std::vector<T> expected = start;
          t.column_sums(rows, cols, x.data(), cols + 3, sums.get(), accumulate);
          reference.column_sums(rows, cols, x.data(), cols + 3, expected.data(), accumulate);
          CHECK(sums.values() == expected);
          CHECK(sums.intact());
        }
  });
}

TEST_CASE_TEMPLATE("softmax, its logarithm and their gradients equal the reference", T, float, double) {
  using K = KernelTable<T>;
  each_table<T>([&](const K& t, const K& reference) {
    for (int64_t rows : {0, 1, 5})
      for (int64_t cols : {1, 2, 7, 16, 33, 130})
        for (bool accumulate : {false, true}) {
          const std::vector<T> x = uniform<T>(rows * cols, 1, -20, 20), dy = uniform<T>(rows * cols, 2);
          const std::vector<T> start = uniform<T>(rows * cols, 3);
          std::vector<T> y(rows * cols), log_y(rows * cols);
          reference.softmax(rows, cols, x.data(), y.data());
          reference.log_softmax(rows, cols, x.data(), log_y.data());
          const auto compare = [&](const char* what, int64_t size, auto run) {
            std::vector<T> from(start.begin(), start.begin() + size);
            Guarded<T> out(from), expected(from);
            run(t, out.get());
            run(reference, expected.get());
            check_close(out.values(), expected.values(), 16, what);
            CHECK(out.intact());
          };
          const int64_t all = rows * cols;
          compare("softmax", all, [&](const K& k, T* o) { k.softmax(rows, cols, x.data(), o); });
          compare("log_softmax", all, [&](const K& k, T* o) { k.log_softmax(rows, cols, x.data(), o); });
          compare("softmax_grad", all,
                  [&](const K& k, T* o) { k.softmax_grad(rows, cols, dy.data(), y.data(), o, accumulate); });
          compare("log_softmax_grad", all,
                  [&](const K& k, T* o) { k.log_softmax_grad(rows, cols, dy.data(), log_y.data(), o, accumulate); });
          compare("row_max", rows, [&](const K& k, T* o) { k.row_max(rows, cols, x.data(), o); });
          compare("row_logsumexp", rows, [&](const K& k, T* o) { k.row_logsumexp(rows, cols, x.data(), o); });
          std::vector<T> lse(rows);
          reference.row_logsumexp(rows, cols, x.data(), lse.data());
          compare("row_exp_shifted", all,
                  [&](const K& k, T* o) { k.row_exp_shifted(rows, cols, x.data(), lse.data(), o); });
        }
  });
}

TEST_CASE_TEMPLATE("logsumexp of infinite rows is infinite, not NaN", T, float, double) {
  const T inf = std::numeric_limits<T>::infinity();
  each_table<T>([&](const KernelTable<T>& t, const KernelTable<T>&) {
    const std::vector<T> low(21, -inf);
    std::vector<T> high(21, T(1));
    high[20] = inf;
    T lse = 0;
    t.row_logsumexp(1, 21, low.data(), &lse);
    CHECK(lse == -inf);
    t.row_logsumexp(1, 21, high.data(), &lse);
    CHECK(lse == inf);
  });
}

TEST_CASE("an unknown or unsupported UNSPOOL_ISA leaves a supported set active") {
  CHECK(isa_supported(active_isa()));
  CHECK(isa_supported(Isa::scalar));
  CHECK(kernel_table<float>().isa == active_isa());
  CHECK(kernel_table<double>().isa == active_isa());
  for (Isa isa : available_isas()) CHECK(kernel_table_for<float>(isa).isa == isa);
}
