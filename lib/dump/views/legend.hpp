// Legend: the shared parameters below a picture, and their marks; NodeFill: what a node's fill says.
#pragma once

#include "dump/roles.hpp"
#include "dump/views/canvas.hpp"

namespace unspool::detail {

class Legend {
 public:
  void place(const Graph& graph, const std::vector<std::int64_t>& uses, double left, double right);
  double height() const { return 26.0 * rows_; }
  void draw(SvgCanvas& canvas, double top) const;

  static constexpr double badge_height = 14;
  static double badge_width(std::string_view name);
  /// A parameter's mark with its left upper corner; a dot where the name is empty.
  static void badge(SvgCanvas& canvas, const Graph& graph, const std::vector<std::int64_t>& uses,
                    std::uint32_t parameter, double x, double y, std::string_view name);
  /// The same with what follows an underscore as an index.
  static double symbol_width(std::string_view symbol);
  static void symbol(SvgCanvas& canvas, const Graph& graph, const std::vector<std::int64_t>& uses,
                     std::uint32_t parameter, double x, double y, std::string_view symbol);

 private:
  struct Item {
    std::uint32_t parameter;
    double x;
    int row;
    std::string name;
    std::string text;
  };
  const Graph* graph_ = nullptr;
  const std::vector<std::int64_t>* uses_ = nullptr;
  std::vector<Item> items_;
  int rows_ = 0;
};

class NodeFill {
 public:
  NodeFill(const Graph& graph, GraphColor color);

  struct Paint {
    std::string fill, letters;  ///< empty: those of the role
  };
  Paint of(std::uint32_t node) const;
  bool plain() const { return color_ == GraphColor::none; }
  bool scaled() const { return color_ != GraphColor::op && color_ != GraphColor::none && scale_.known(); }
  const LogScale& scale() const { return scale_; }
  const char* what() const;

 private:
  double number(std::uint32_t node) const;
  const Graph& graph_;
  GraphColor color_;
  LogScale scale_;
};

}  // namespace unspool::detail
