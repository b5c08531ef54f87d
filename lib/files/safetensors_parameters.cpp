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

// A list in a report. A hostile file may have megabytes of names: past a length that no reader wants, the rest is only
// counted.
class ReportText {
 public:
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
  std::string finish() const { return left_out_ == 0 ? text_ : fmt::format("{} and {} more", text_, left_out_); }

 private:
  static constexpr std::size_t longest = 65'536;
  std::string text_;
  std::string_view heading_;
  std::size_t left_out_ = 0;
};

template <RealScalar T>
LoadReport compare(const ParameterSet<T>& params, const SafetensorsHeader& header, const std::string& prefix) {
  LoadReport report;
  for (const Parameter<T>& p : params) {
    const TensorEntry* const entry = header.find(prefix + p.name());
    if (entry == nullptr)
      report.missing.push_back({prefix + p.name(), p.shape()});
    else if (header.shape(*entry) != p.shape())
      report.misshapen.push_back({prefix + p.name(), header.shape(*entry), p.shape()});
  }
  for (const TensorEntry& entry : header.tensors) {
    const std::string_view name = header.name(entry);
    if (name.starts_with(prefix) && params.find(name.substr(prefix.size())) == nullptr)
      report.unused.push_back({std::string(name), header.shape(entry)});
  }
  return report;
}

/// The tensor that a parameter is loaded from, null where none fits.
template <RealScalar T>
const TensorEntry* source_of(const Parameter<T>& p, const SafetensorsHeader& header, const std::string& prefix) {
  const TensorEntry* const entry = header.find(prefix + p.name());
  return entry != nullptr && header.shape(*entry) == p.shape() ? entry : nullptr;
}

void check_dtype(const SafetensorsHeader& header, const TensorEntry& entry, const std::string& path) {
  if (is_convertible(entry.dtype)) return;
  throw Error(ErrorCode::unsupported, "load_safetensors",
              fmt::format("parameters are loaded from F16, BF16, F32 and F64; {} is {}", quoted(header.name(entry)),
                          dtype_name(entry.dtype)),
              "in " + path);
}

}  // namespace
}  // namespace detail

std::string LoadReport::to_string() const {
  detail::ReportText text;
  for (const Tensor& t : missing) text.add("missing", detail::quoted(t.name) + " " + t.shape.to_string());
  for (const Tensor& t : unused) text.add("unused", detail::quoted(t.name) + " " + t.shape.to_string());
  for (const Misshapen& t : misshapen)
    text.add("misshapen", fmt::format("{} is {} and must be {}", detail::quoted(t.name), t.given.to_string(),
                                      t.expected.to_string()));
  return text.finish();
}

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
LoadReport load_safetensors(ParameterSet<T>& params, const std::string& path, const LoadOptions& options) try {
  detail::SafetensorsReader reader("load_safetensors", path);
  LoadReport report = detail::compare(params, reader.header(), options.prefix);
  if (options.strict && !report.exact())
    throw Error(ErrorCode::weight_mismatch, "load_safetensors",
                "the file must have exactly the parameters' tensors; " + report.to_string(), "in " + path);
  const auto source = [&](const Parameter<T>& p) { return detail::source_of(p, reader.header(), options.prefix); };
  for (const Parameter<T>& p : params)
    if (const detail::TensorEntry* const entry = source(p)) detail::check_dtype(reader.header(), *entry, path);
  const std::unique_ptr<std::byte[]> data = reader.read_data();
  // Nothing below fails: parameters change only once all there is to load has been read and checked.
  for (Parameter<T>& p : params)
    if (const detail::TensorEntry* const entry = source(p))
      detail::convert(entry->dtype, {data.get() + entry->begin, static_cast<std::size_t>(entry->end - entry->begin)},
                      p.mutable_values());
  return report;
} catch (const std::bad_alloc&) {
  detail::fail(ErrorCode::out_of_memory, "load_safetensors", "memory for {} and what it lacks could not be had", path);
}

template UNSPOOL_API void save_safetensors(const ParameterSet<float>&, const std::string&, const Metadata&);
template UNSPOOL_API void save_safetensors(const ParameterSet<double>&, const std::string&, const Metadata&);
template UNSPOOL_API LoadReport load_safetensors(ParameterSet<float>&, const std::string&, const LoadOptions&);
template UNSPOOL_API LoadReport load_safetensors(ParameterSet<double>&, const std::string&, const LoadOptions&);

}  // namespace unspool
