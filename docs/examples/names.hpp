// The lists of first names: one name a line, a file for each gender. Names that both lists have are in twice.
#pragma once

#include <sstream>

#include "training.hpp"

namespace example {

struct Names {
  std::vector<std::string> texts;
  Ids genders;  // 0 female, 1 male

  explicit Names(const Options& o) {
    for (const auto& [option, gender] : {std::pair("female", 0), std::pair("male", 1)}) {
      std::istringstream lines(us::read_text(o.text(option)));
      for (std::string name; lines >> name;) texts.push_back(name), genders.push_back(gender);
    }
  }
  std::vector<std::string_view> views() const { return {texts.begin(), texts.end()}; }
};

}  // namespace example
