#include "data/unit_table.hpp"

#include <bit>
#include <chrono>
#include <cstring>

namespace unspool::detail {
namespace {

constexpr std::uint64_t upper_half = 0xFFFFFFFF00000000u;

// The 128-bit product folded to 64 bits: every bit of both factors reaches every bit of the result.
std::uint64_t folded(std::uint64_t a, std::uint64_t b) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

std::uint64_t word_at(const char* bytes, std::size_t count) {
  std::uint64_t word = 0;
  std::memcpy(&word, bytes, count);
  return word;
}

}  // namespace

UnitTable::UnitTable(std::size_t expected) : slots_(std::bit_ceil(2 * expected + 64)) {
  // Where the loader, the stack and the heap lie, and when: what the writer of a text cannot know.
  const auto now = static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
  const auto heap = reinterpret_cast<std::uintptr_t>(slots_.data()), stack = reinterpret_cast<std::uintptr_t>(&now);
  key_[0] = folded(heap ^ 0x9E3779B97F4A7C15u, now ^ 0xD1B54A32D192ED03u) ^ stack;
  key_[1] = folded(stack ^ 0x8CB92BA72F3D8DD7u, now * 0xAAAAAAAAAAAAAAABu) | 1;
}

std::uint64_t UnitTable::hash(std::string_view unit) const noexcept {
  std::uint64_t h = folded(unit.size() ^ key_[0], key_[1]);
  const char* at = unit.data();
  std::size_t left = unit.size();
  for (; left > 8; left -= 8, at += 8) h = folded(h ^ word_at(at, 8), key_[1]) + key_[0];
  return folded(h ^ word_at(at, left), key_[1] ^ key_[0]);
}

std::size_t UnitTable::slot_of(std::string_view unit, std::uint64_t hashed) const noexcept {
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t at = hashed & mask;; at = (at + 1) & mask) {
    const Slot slot = slots_[at];
    if (slot == 0) return at;
    if (((slot ^ hashed) & upper_half) == 0 && entries_[(slot & ~upper_half) - 1].unit == unit) return at;
  }
}

std::int64_t& UnitTable::operator[](std::string_view unit) {
  const std::uint64_t hashed = hash(unit);
  std::size_t at = slot_of(unit, hashed);
  if (slots_[at] == 0) {
    if (2 * (entries_.size() + 1) > slots_.size()) {
      grow();
      at = slot_of(unit, hashed);
    }
    entries_.push_back({unit, 0});
    slots_[at] = (hashed & upper_half) | entries_.size();
  }
  return entries_[(slots_[at] & ~upper_half) - 1].value;
}

std::int64_t UnitTable::find(std::string_view unit) const {
  const Slot slot = slots_[slot_of(unit, hash(unit))];
  return slot == 0 ? -1 : entries_[(slot & ~upper_half) - 1].value;
}

void UnitTable::grow() {
  std::vector<Slot>(2 * slots_.size()).swap(slots_);
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const std::uint64_t hashed = hash(entries_[i].unit);
    slots_[slot_of(entries_[i].unit, hashed)] = (hashed & upper_half) | (i + 1);
  }
}

}  // namespace unspool::detail
