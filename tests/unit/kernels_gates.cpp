// Fused LSTM and GRU gates: every instruction set against the reference, and the reference against differences.
#include <doctest/doctest.h>

#include <functional>

#include "kernels_support.hpp"

using namespace unspool::kernels;
using namespace unspool::kernels::test;

namespace {

/// d(loss)/d(values[i]) by central differences.
std::vector<double> numeric_gradient(std::vector<double>& values, const std::function<double()>& loss) {
  std::vector<double> gradient(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double kept = values[i], step = 1e-5;
    values[i] = kept + step;
    const double above = loss();
    values[i] = kept - step;
    const double below = loss();
    values[i] = kept;
    gradient[i] = (above - below) / (2 * step);
  }
  return gradient;
}

void check_gradient(const std::vector<double>& actual, const std::vector<double>& numeric) {
  REQUIRE(actual.size() == numeric.size());
  for (std::size_t i = 0; i < actual.size(); ++i) CHECK(std::fabs(actual[i] - numeric[i]) < 1e-8);
}

double weighted(const std::vector<double>& values, const std::vector<double>& weights) {
  double sum = 0;
  for (std::size_t i = 0; i < values.size(); ++i) sum += values[i] * weights[i];
  return sum;
}

}  // namespace

TEST_CASE("LSTM gate gradients equal central differences in every instruction set") {
  const int64_t B = 2, H = 5;
  std::vector<double> pre = uniform<double>(B * 4 * H, 1, -2, 2), c_prev = uniform<double>(B * H, 2);
  const std::vector<double> dh = uniform<double>(B * H, 3), dc = uniform<double>(B * H, 4);
  const std::vector<double> bias = uniform<double>(4 * H, 6);
  for (Isa isa : available_isas()) {
    const KernelTable<double>& t = kernel_table_for<double>(isa);
    std::vector<double> gates, c(B * H), h(B * H);
    const auto loss = [&] {
      gates = pre;
      t.lstm_forward(B, H, gates.data(), bias.data(), c_prev.data(), c.data(), h.data());
      return weighted(h, dh) + weighted(c, dc);
    };
    loss();
    std::vector<double> dgates(B * 4 * H), dc_prev(B * H, 0.5);
    t.lstm_backward(B, H, gates.data(), c_prev.data(), c.data(), dh.data(), dc.data(), dgates.data(), dc_prev.data(),
                    true);
    for (double& v : dc_prev) v -= 0.5;
    check_gradient(dgates, numeric_gradient(pre, loss));
    check_gradient(dc_prev, numeric_gradient(c_prev, loss));
  }
}

TEST_CASE("GRU gate gradients equal central differences in every instruction set") {
  const int64_t B = 2, H = 5;
  std::vector<double> xg = uniform<double>(B * 3 * H, 1, -2, 2), hg = uniform<double>(B * 3 * H, 2, -2, 2);
  std::vector<double> h_prev = uniform<double>(B * H, 3);
  const std::vector<double> dh = uniform<double>(B * H, 4), bias = uniform<double>(3 * H, 6);
  for (Isa isa : available_isas()) {
    const KernelTable<double>& t = kernel_table_for<double>(isa);
    std::vector<double> saved(B * 4 * H), h(B * H);
    const auto loss = [&] {
      t.gru_forward(B, H, xg.data(), hg.data(), bias.data(), h_prev.data(), saved.data(), saved.data() + 3 * B * H,
                    h.data());
      return weighted(h, dh);
    };
    loss();
    std::vector<double> dxg(B * 3 * H), dhg(B * 3 * H), dh_prev(B * H, 0.5);
    t.gru_backward(B, H, saved.data(), saved.data() + 3 * B * H, h_prev.data(), dh.data(), dxg.data(), dhg.data(),
                   dh_prev.data());
    for (double& v : dh_prev) v -= 0.5;
    check_gradient(dxg, numeric_gradient(xg, loss));
    check_gradient(dhg, numeric_gradient(hg, loss));
    check_gradient(dh_prev, numeric_gradient(h_prev, loss));
  }
}

TEST_CASE_TEMPLATE("fused LSTM gates equal the reference for odd widths, null gradients and in place", T, float,
                   double) {
  const KernelTable<T>& reference = reference_table<T>();
  for (Isa isa : available_isas()) {
    const KernelTable<T>& t = kernel_table_for<T>(isa);
    for (int64_t B : {0, 1, 3})
      for (int64_t H : {1, 3, 7, 16, 17, 33}) {
        std::vector<T> gates = uniform<T>(B * 4 * H, 1, -6, 6), expected_gates = gates;
        const std::vector<T> c_prev = uniform<T>(B * H, 2), dh = uniform<T>(B * H, 3), dc = uniform<T>(B * H, 4);
        const std::vector<T> bias = uniform<T>(4 * H, 6);
        std::vector<T> c(B * H), h(B * H), expected_c(B * H), expected_h(B * H);
        t.lstm_forward(B, H, gates.data(), bias.data(), c_prev.data(), c.data(), h.data());
        reference.lstm_forward(B, H, expected_gates.data(), bias.data(), c_prev.data(), expected_c.data(),
                               expected_h.data());
        check_close(gates, expected_gates, 8, "gates");
        check_close(c, expected_c, 8, "c");
        check_close(h, expected_h, 8, "h");
        for (int nulls = 0; nulls < 8; ++nulls) {
          const T* const dh_or_null = nulls & 1 ? nullptr : dh.data();
          const T* const dc_or_null = nulls & 2 ? nullptr : dc.data();
          for (bool accumulate : {false, true}) {
            std::vector<T> dgates(B * 4 * H), expected_dgates(B * 4 * H), in_place = gates;
            std::vector<T> dc_prev = uniform<T>(B * H, 5), expected_dc_prev = dc_prev, in_place_dc = dc;
            t.lstm_backward(B, H, gates.data(), c_prev.data(), c.data(), dh_or_null, dc_or_null, dgates.data(),
                            nulls & 4 ? nullptr : dc_prev.data(), accumulate);
            reference.lstm_backward(B, H, gates.data(), c_prev.data(), c.data(), dh_or_null, dc_or_null,
                                    expected_dgates.data(), nulls & 4 ? nullptr : expected_dc_prev.data(), accumulate);
            check_close(dgates, expected_dgates, 8, "dgates");
            check_close(dc_prev, expected_dc_prev, 8, "dc_prev");
            if (nulls != 0 || accumulate) continue;
            t.lstm_backward(B, H, in_place.data(), c_prev.data(), c.data(), dh_or_null, in_place_dc.data(),
                            in_place.data(), in_place_dc.data(), false);
            CHECK(in_place == dgates);
            CHECK(in_place_dc == dc_prev);
          }
        }
      }
  }
}

TEST_CASE_TEMPLATE("fused GRU gates equal the reference for odd widths", T, float, double) {
  const KernelTable<T>& reference = reference_table<T>();
  for (Isa isa : available_isas()) {
    const KernelTable<T>& t = kernel_table_for<T>(isa);
    for (int64_t B : {0, 1, 3})
      for (int64_t H : {1, 3, 7, 16, 17, 33}) {
        const std::vector<T> xg = uniform<T>(B * 3 * H, 1, -4, 4), hg = uniform<T>(B * 3 * H, 2, -4, 4);
        const std::vector<T> h_prev = uniform<T>(B * H, 3), dh = uniform<T>(B * H, 4), bias = uniform<T>(3 * H, 6);
        std::vector<T> saved(B * 4 * H), h(B * H), expected_saved(B * 4 * H), expected_h(B * H);
        t.gru_forward(B, H, xg.data(), hg.data(), bias.data(), h_prev.data(), saved.data(), saved.data() + 3 * B * H,
                      h.data());
        reference.gru_forward(B, H, xg.data(), hg.data(), bias.data(), h_prev.data(), expected_saved.data(),
                              expected_saved.data() + 3 * B * H, expected_h.data());
        check_close(saved, expected_saved, 16, "saved");
        check_close(h, expected_h, 16, "h");
        for (bool wanted : {false, true}) {
          std::vector<T> dxg(B * 3 * H), dhg(B * 3 * H), dh_prev(B * H, T(1));
          std::vector<T> expected_dxg(B * 3 * H), expected_dhg(B * 3 * H), expected_dh_prev(B * H, T(1));
          t.gru_backward(B, H, saved.data(), saved.data() + 3 * B * H, h_prev.data(), dh.data(), dxg.data(), dhg.data(),
                         wanted ? dh_prev.data() : nullptr);
          reference.gru_backward(B, H, saved.data(), saved.data() + 3 * B * H, h_prev.data(), dh.data(),
                                 expected_dxg.data(), expected_dhg.data(), wanted ? expected_dh_prev.data() : nullptr);
          check_close(dxg, expected_dxg, 8, "dxg");
          check_close(dhg, expected_dhg, 8, "dhg");
          check_close(dh_prev, expected_dh_prev, 8, "dh_prev");
        }
      }
  }
}
