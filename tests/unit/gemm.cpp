// The matrix product of every instruction set against the triple loop, and its promise about bits.
#include "tensor/gemm.hpp"

#include <doctest/doctest.h>

#include <cstring>

#include "kernels_support.hpp"

using namespace unspool::kernels;
using namespace unspool::kernels::test;

namespace {

template <class T>
struct Operands {
  Operands(int64_t m, int64_t n, int64_t k, bool ta, bool tb, int64_t padding)
      : lda((ta ? m : k) + padding),
        ldb((tb ? k : n) + padding),
        ldc(n + padding),
        a(uniform<T>((ta ? k : m) * lda, 11)),
        b(uniform<T>((tb ? n : k) * ldb, 12)),
        c(uniform<T>(m * ldc, 13)) {}
  int64_t lda, ldb, ldc;
  std::vector<T> a, b, c;
};

/// Absolute error a correct product may show: k products of numbers below 1 in T.
template <class T>
double bound(int64_t k) {
  return (2.0 * static_cast<double>(k) + 8) * static_cast<double>(std::numeric_limits<T>::epsilon());
}

template <class T>
void check_product(const KernelTable<T>& table, int64_t m, int64_t n, int64_t k, bool ta, bool tb, bool accumulate,
                   int64_t padding) {
  Operands<T> o(m, n, k, ta, tb, padding);
  std::vector<T> expected = o.c, c = o.c;
  Workspace workspace;
  gemm_reference(ta, tb, m, n, k, o.a.data(), o.lda, o.b.data(), o.ldb, accumulate, expected.data(), o.ldc);
  gemm(table, ta, tb, m, n, k, o.a.data(), o.lda, o.b.data(), o.ldb, accumulate, c.data(), o.ldc, workspace);
  CAPTURE(std::string(isa_name(table.isa)));
  CAPTURE(m);
  CAPTURE(n);
  CAPTURE(k);
  CAPTURE(ta);
  CAPTURE(tb);
  CAPTURE(accumulate);
  double worst = 0;
  for (std::size_t i = 0; i < c.size(); ++i)
    worst = std::fmax(worst, std::fabs(static_cast<double>(c[i]) - static_cast<double>(expected[i])));
  CHECK(worst <= bound<T>(k));
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = n; j < o.ldc; ++j) REQUIRE(c[i * o.ldc + j] == o.c[i * o.ldc + j]);
  if (ta) return;
  std::vector<T> packed(static_cast<std::size_t>(gemm_packed_size(table, k, n)) + 1, T(77));
  gemm_pack(table, tb, k, n, o.b.data(), o.ldb, packed.data());
  CHECK(packed.back() == T(77));
  std::vector<T> from_packed = o.c;
  gemm_packed(table, m, n, k, o.a.data(), o.lda, packed.data(), accumulate, from_packed.data(), o.ldc, workspace);
  CHECK(from_packed == c);
}

/// C row by row in single-row products, against one product over all rows: bit for bit.
template <class T>
void check_rows(const KernelTable<T>& table, int64_t m, int64_t n, int64_t k, bool ta, bool tb) {
  Operands<T> o(m, n, k, ta, tb, 0);
  Workspace workspace;
  std::vector<T> together = o.c, alone = o.c;
  gemm(table, ta, tb, m, n, k, o.a.data(), o.lda, o.b.data(), o.ldb, true, together.data(), o.ldc, workspace);
  for (int64_t i = 0; i < m; ++i)
    gemm(table, ta, tb, 1, n, k, o.a.data() + (ta ? i : i * o.lda), o.lda, o.b.data(), o.ldb, true,
         alone.data() + i * o.ldc, o.ldc, workspace);
  CAPTURE(std::string(isa_name(table.isa)));
  CAPTURE(m);
  CAPTURE(n);
  CAPTURE(k);
  CHECK(std::memcmp(together.data(), alone.data(), together.size() * sizeof(T)) == 0);
}

}  // namespace

TEST_CASE_TEMPLATE("gemm equals the triple loop for odd sizes and every transposition", T, float, double) {
  const int64_t sizes[] = {1, 3, 7, 17, 31, 33};
  int turn = 0;
  for (Isa isa : available_isas())
    for (int64_t m : sizes)
      for (int64_t n : sizes)
        for (int64_t k : sizes)
          for (int transposes = 0; transposes < 4; ++transposes, ++turn)
            check_product(kernel_table_for<T>(isa), m, n, k, (transposes & 1) != 0, (transposes & 2) != 0,
                          turn % 2 == 0, turn % 3);
}

TEST_CASE_TEMPLATE("gemm equals the triple loop across its block edges", T, float, double) {
  struct Shape {
    int64_t m, n, k;
  };
  const Shape shapes[] = {{1, 100, 300},  {2, 700, 513},   {127, 65, 256}, {129, 48, 257}, {260, 96, 31},
                          {8, 1030, 40},  {300, 1, 600},   {300, 2, 600},  {1, 1, 1000},   {33, 2100, 5},
                          {5, 1100, 259}, {150, 130, 700}, {1, 16, 64},    {6, 32, 128},   {40, 2, 70}};
  int turn = 0;
  for (Isa isa : available_isas())
    for (const Shape& s : shapes)
      for (int transposes = 0; transposes < 4; ++transposes, ++turn)
        check_product(kernel_table_for<T>(isa), s.m, s.n, s.k, (transposes & 1) != 0, (transposes & 2) != 0,
                      turn % 2 == 0, turn % 3);
}

TEST_CASE_TEMPLATE("a row of a product has the same bits alone as in any batch", T, float, double) {
  for (Isa isa : available_isas()) {
    const KernelTable<T>& table = kernel_table_for<T>(isa);
    for (int transposes = 0; transposes < 4; ++transposes)
      for (int64_t m : {2, 3, 5, 8, 9, 13, 14, 15, 16, 29, 33, 130})
        check_rows(table, m, 75, 300, (transposes & 1) != 0, (transposes & 2) != 0);
    for (int transposes = 0; transposes < 4; ++transposes) {
      check_rows(table, 40, 1, 515, (transposes & 1) != 0, (transposes & 2) != 0);
      check_rows(table, 40, 3, 64, (transposes & 1) != 0, (transposes & 2) != 0);
      check_rows(table, 131, 1200, 20, (transposes & 1) != 0, (transposes & 2) != 0);
      // Few columns, whose products have four chains.
      for (int64_t n : {1, 2, 7, 16, 17, 31, 32})
        for (int64_t k : {32, 33, 34, 63, 64, 127, 128})
          check_rows(table, 19, n, k, (transposes & 1) != 0, (transposes & 2) != 0);
    }
  }
}

TEST_CASE_TEMPLATE("a transposed product has the same bits", T, float, double) {
  const int64_t m = 45, n = 37, k = 290;
  for (Isa isa : available_isas()) {
    const KernelTable<T>& table = kernel_table_for<T>(isa);
    Operands<T> o(m, n, k, false, false, 0);
    Workspace workspace;
    std::vector<T> c(m * n), flipped(m * n);
    gemm(table, false, false, m, n, k, o.a.data(), k, o.b.data(), n, false, c.data(), n, workspace);
    gemm(table, true, true, n, m, k, o.b.data(), n, o.a.data(), k, false, flipped.data(), m, workspace);
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < n; ++j) REQUIRE(c[i * n + j] == flipped[j * m + i]);
  }
}

TEST_CASE_TEMPLATE("fused instruction sets agree on a product to the bit", T, float, double) {
  if (!isa_supported(Isa::avx512) || !isa_supported(Isa::avx2)) return;
  const auto agree = [](int64_t m, int64_t n, int64_t k) {
    Operands<T> o(m, n, k, false, true, 0);
    Workspace workspace;
    std::vector<T> narrow = o.c, wide = o.c;
    gemm(kernel_table_for<T>(Isa::avx2), false, true, m, n, k, o.a.data(), o.lda, o.b.data(), o.ldb, true,
         narrow.data(), o.ldc, workspace);
    gemm(kernel_table_for<T>(Isa::avx512), false, true, m, n, k, o.a.data(), o.lda, o.b.data(), o.ldb, true,
         wide.data(), o.ldc, workspace);
    CHECK(narrow == wide);
  };
  agree(21, 50, 600);
  agree(5, 31, 99);
  agree(1, 20, 70);
}

TEST_CASE_TEMPLATE("gemm with a zero extent clears C or leaves it", T, float, double) {
  for (Isa isa : available_isas()) {
    const KernelTable<T>& table = kernel_table_for<T>(isa);
    Workspace workspace;
    std::vector<T> c = {1, 2, 3, 4, 5, 6};
    const T none = 0;
    gemm(table, false, false, 2, 3, 0, &none, 1, &none, 3, true, c.data(), 3, workspace);
    CHECK(c == std::vector<T>{1, 2, 3, 4, 5, 6});
    gemm(table, false, false, 0, 3, 2, &none, 1, &none, 3, false, c.data(), 3, workspace);
    gemm(table, false, false, 2, 0, 2, &none, 2, &none, 1, false, c.data(), 3, workspace);
    CHECK(c == std::vector<T>{1, 2, 3, 4, 5, 6});
    gemm(table, false, true, 2, 2, 0, &none, 1, &none, 1, false, c.data(), 3, workspace);
    CHECK(c == std::vector<T>{0, 0, 3, 0, 0, 6});
    CHECK(gemm_packed_size(table, 0, 5) == 0);
    gemm_packed(table, 2, 3, 0, &none, 1, &none, false, c.data(), 3, workspace);
    CHECK(c == std::vector<T>(6, T(0)));
  }
}

TEST_CASE_TEMPLATE("a product onto a row has the bits of one onto C filled with that row", T, float, double) {
  const int64_t sizes[] = {0, 1, 3, 17, 33, 260};
  for (Isa isa : available_isas())
    for (int64_t m : sizes)
      for (int64_t n : sizes)
        for (int64_t k : sizes)
          for (bool tb : {false, true}) {
            const KernelTable<T>& table = kernel_table_for<T>(isa);
            const Operands<T> o(m, n, k, false, tb, 1);
            const std::vector<T> row = uniform<T>(n, 14);
            std::vector<T> filled = o.c, onto = o.c;
            for (int64_t i = 0; i < m; ++i) std::copy(row.begin(), row.end(), filled.begin() + i * o.ldc);
            Workspace workspace;
            gemm(table, false, tb, m, n, k, o.a.data(), o.lda, o.b.data(), o.ldb, true, filled.data(), o.ldc,
                 workspace);
            gemm(table, false, tb, m, n, k, o.a.data(), o.lda, o.b.data(), o.ldb, Onto<T>::row(row.data()), onto.data(),
                 o.ldc, workspace);
            REQUIRE(onto == filled);
            std::vector<T> packed(static_cast<std::size_t>(gemm_packed_size(table, k, n)) + 1);
            gemm_pack(table, tb, k, n, o.b.data(), o.ldb, packed.data());
            std::vector<T> from_packed = o.c;
            gemm_packed(table, m, n, k, o.a.data(), o.lda, packed.data(), Onto<T>::row(row.data()), from_packed.data(),
                        o.ldc, workspace);
            REQUIRE(from_packed == filled);
          }
}

TEST_CASE_TEMPLATE("products with one left factor have the bits of each alone", T, float, double) {
  // The last list is too wide to be packed at once, the one before has a narrow factor.
  const std::vector<int64_t> widths[] = {{16, 8}, {33, 7, 64}, {256, 128}, {20, 1}, {1500, 700}};
  for (Isa isa : available_isas())
    for (const std::vector<int64_t>& ns : widths)
      for (int64_t m : {1, 9, 64, 200})
        for (int64_t k : {0, 1, 30, 300}) {
          const KernelTable<T>& table = kernel_table_for<T>(isa);
          const std::vector<T> a = uniform<T>(m * k, 21);
          std::vector<std::vector<T>> b, alone, together;
          for (int64_t n : ns) {
            b.push_back(uniform<T>(k * (n + 1), static_cast<std::uint32_t>(n)));
            alone.push_back(uniform<T>(m * n, 22));
          }
          together = alone;
          Workspace workspace;
          std::vector<RightFactor<T>> factors;
          for (std::size_t f = 0; f < ns.size(); ++f) {
            const bool accumulate = f != 1;
            factors.push_back({ns[f], b[f].data(), ns[f] + 1, accumulate, together[f].data()});
            gemm(table, true, false, m, ns[f], k, a.data(), m, b[f].data(), ns[f] + 1, accumulate, alone[f].data(),
                 ns[f], workspace);
          }
          gemm_same_left<T>(table, true, m, k, a.data(), m, factors, workspace);
          REQUIRE(together == alone);
        }
}

TEST_CASE_TEMPLATE("a NaN in one row of A stays in that row of C", T, float, double) {
  for (Isa isa : available_isas()) {
    Operands<T> o(17, 35, 20, false, true, 0);
    o.a[3 * o.lda + 4] = std::numeric_limits<T>::quiet_NaN();
    Workspace workspace;
    gemm(kernel_table_for<T>(isa), false, true, 17, 35, 20, o.a.data(), o.lda, o.b.data(), o.ldb, false, o.c.data(),
         o.ldc, workspace);
    for (int64_t i = 0; i < 17; ++i)
      for (int64_t j = 0; j < 35; ++j) REQUIRE(std::isnan(o.c[i * o.ldc + j]) == (i == 3));
  }
}

TEST_CASE_TEMPLATE("the product through xtensor-blas equals the triple loop", T, float, double) {
  for (int transposes = 0; transposes < 4; ++transposes)
    for (int64_t m : {1, 3, 17})
      for (int64_t n : {1, 5, 31}) {
        const bool ta = (transposes & 1) != 0, tb = (transposes & 2) != 0;
        Operands<T> o(m, n, 23, ta, tb, 2);
        std::vector<T> expected = o.c;
        gemm_reference(ta, tb, m, n, 23, o.a.data(), o.lda, o.b.data(), o.ldb, true, expected.data(), o.ldc);
        gemm_blas(ta, tb, m, n, 23, o.a.data(), o.lda, o.b.data(), o.ldb, true, o.c.data(), o.ldc);
        check_close(o.c, expected, 64, "blas");
      }
}

TEST_CASE("a workspace grows once and is then reused") {
  Workspace workspace;
  Operands<float> o(40, 90, 300, false, true, 0);
  const auto run = [&] {
    gemm(false, true, 40, 90, 300, o.a.data(), o.lda, o.b.data(), o.ldb, false, o.c.data(), o.ldc, workspace);
  };
  run();
  const std::size_t bytes = workspace.bytes();
  float* const first = workspace.reserve<float>(1);
  run();
  CHECK(workspace.bytes() == bytes);
  CHECK(workspace.reserve<float>(1) == first);
  CHECK(reinterpret_cast<std::uintptr_t>(first) % 64 == 0);
}
