// The plain text in which compare.py and the driver exchange cases. In: lines "case NAME KIND", "set KEY VALUE",
// "tensor NAME RANK extents... values...", "ids NAME COUNT values...", "end". Out: "case NAME", "tensor NAME COUNT
// values..." or "error TEXT", "end". Numbers have 17 digits, so nothing is lost on the way.
#pragma once

#include <cstdio>
#include <istream>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "unspool/tensor.hpp"

struct Case {
  std::string name, kind;
  std::map<std::string, std::string> settings;
  std::map<std::string, unspool::Tensor<double>> tensors;
  std::map<std::string, std::vector<std::int64_t>> ids;

  double number(const std::string& key, double otherwise = 0) const {
    const auto at = settings.find(key);
    return at == settings.end() ? otherwise : std::stod(at->second);
  }
  std::int64_t integer(const std::string& key, std::int64_t otherwise = 0) const {
    const auto at = settings.find(key);
    return at == settings.end() ? otherwise : std::stoll(at->second);
  }
  bool flag(const std::string& key) const { return integer(key) != 0; }
  const std::string& word(const std::string& key) const { return settings.at(key); }
  bool has(const std::string& tensor) const { return tensors.contains(tensor); }
  const unspool::Tensor<double>& tensor(const std::string& key) const {
    const auto at = tensors.find(key);
    if (at == tensors.end()) throw std::runtime_error("the case has no tensor " + key);
    return at->second;
  }
};

inline unspool::Tensor<double> read_tensor(std::istream& in) {
  int rank = 0;
  in >> rank;
  std::vector<std::int64_t> extents(static_cast<std::size_t>(rank));
  for (std::int64_t& e : extents) in >> e;
  unspool::Tensor<double> x{unspool::Shape(extents)};
  for (double& v : x.values()) in >> v;
  return x;
}

/// False at the end of the input.
inline bool read_case(std::istream& in, Case& c) {
  c = Case();
  std::string word, name;
  while (in >> word && word != "end") {
    in >> name;
    if (word == "case") {
      c.name = name;
      in >> c.kind;
    } else if (word == "set") {
      in >> c.settings[name];
    } else if (word == "tensor") {
      c.tensors[name] = read_tensor(in);
    } else if (word == "ids") {
      std::size_t count = 0;
      in >> count;
      std::vector<std::int64_t>& ids = c.ids[name];
      ids.resize(count);
      for (std::int64_t& id : ids) in >> id;
    } else {
      throw std::runtime_error("unknown word " + word);
    }
  }
  if (!c.name.empty() && !in) throw std::runtime_error("case " + c.name + " is cut short");
  return !c.name.empty();
}

template <class Values>
void write_tensor(const std::string& name, const Values& values) {
  std::printf("tensor %s %zu", name.c_str(), static_cast<std::size_t>(values.size()));
  for (const double v : values) std::printf(" %.17g", v);
  std::printf("\n");
}
