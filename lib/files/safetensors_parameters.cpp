// save_safetensors and load_safetensors: weight files and parameter sets.
#include <algorithm>

#include "base/check.hpp"
#include "files/safetensors_reader.hpp"
#include "files/safetensors_writer.hpp"
#include "unspool/parameter.hpp"
#include "unspool/safetensors.hpp"

namespace unspool {
namespace detail {
namespace {

// Everything that is wrong between a file and a set of parameters, in one text. A hostile file may have megabytes of
// names: past a length that no reader wants, the rest is only counted.
class MismatchReport {
 public:
  bool empty() const noexcept { return text_.empty(); }

  void add(std::string_view heading, std::string_view item) {
    if (text_.size() > longest) {
      ++left_out_;
      return;
    }
    text_ += text_.empty() ? "" : heading == heading_ ? ", " : "; ";
    if (heading != heading_) fmt::format_to(std::back_inserter(text_), "{} ", heading);
    text_ += item;
    heading_ = heading;
  }

  [[noreturn]] void raise(const std::string& path) const {
    std::string what = "the file must have exactly the parameters' tensors; " + text_;
    if (left_out_ > 0) fmt::format_to(std::back_inserter(what), " and {} more", left_out_);
    throw Error(ErrorCode::weight_mismatch, "load_safetensors", what, "in " + path);
  }

 private:
  static constexpr std::size_t longest = 65'536;
  std::string text_;
  std::string_view heading_;
  std::size_t left_out_ = 0;
};

template <RealScalar T>
void check_match(const ParameterSet<T>& params, const SafetensorsHeader& header, const std::string& path) {
  MismatchReport report;
  for (const Parameter<T>& p : params) {
    if (header.find(p.name()) == nullptr) report.add("missing", quoted(p.name()) + " " + p.shape().to_string());
  }
  for (const TensorEntry& entry : header.tensors) {
    if (params.find(header.name(entry)) == nullptr) {
      report.add("unused", quoted(header.name(entry)) + " " + header.shape(entry).to_string());
    }
  }
  for (const Parameter<T>& p : params) {
    const TensorEntry* const entry = header.find(p.name());
    if (entry == nullptr || header.shape(*entry) == p.shape()) continue;
    report.add("misshapen", fmt::format("{} is {} and must be {}", quoted(p.name()), header.shape(*entry).to_string(),
                                        p.shape().to_string()));
  }
  if (!report.empty()) report.raise(path);
}

void check_dtypes(const SafetensorsHeader& header, const std::string& path) {
  for (const TensorEntry& entry : header.tensors) {
    if (is_convertible(entry.dtype)) continue;
    throw Error(ErrorCode::unsupported, "load_safetensors",
                fmt::format("parameters are loaded from F16, BF16, F32 and F64; {} is {}", quoted(header.name(entry)),
                            dtype_name(entry.dtype)),
                "in " + path);
  }
}

}  // namespace
}  // namespace detail

template <RealScalar T>
void save_safetensors(const ParameterSet<T>& params, const std::string& path, const Metadata& metadata) {
  std::vector<NamedTensor> tensors;
  tensors.reserve(params.size());
  for (const Parameter<T>& p : params) {
    tensors.push_back(
        {p.name(), scalar_bytes(scalar_type<T>) == 4 ? "F32" : "F64", p.shape(), std::as_bytes(p.values())});
  }
  detail::write_tensors("save_safetensors", path, tensors, metadata);
}

template <RealScalar T>
void load_safetensors(ParameterSet<T>& params, const std::string& path) {
  detail::SafetensorsReader reader("load_safetensors", path);
  detail::check_match(params, reader.header(), path);
  detail::check_dtypes(reader.header(), path);
  const std::unique_ptr<std::byte[]> data = reader.read_data();
  // Nothing below fails: parameters change only once all there is to load has been read and checked.
  for (Parameter<T>& p : params) {
    const detail::TensorEntry& entry = *reader.header().find(p.name());
    detail::convert(entry.dtype, {data.get() + entry.begin, static_cast<std::size_t>(entry.end - entry.begin)},
                    p.mutable_values());
  }
}

template UNSPOOL_API void save_safetensors(const ParameterSet<float>&, const std::string&, const Metadata&);
template UNSPOOL_API void save_safetensors(const ParameterSet<double>&, const std::string&, const Metadata&);
template UNSPOOL_API void load_safetensors(ParameterSet<float>&, const std::string&);
template UNSPOOL_API void load_safetensors(ParameterSet<double>&, const std::string&);

}  // namespace unspool
