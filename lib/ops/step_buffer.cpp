// step_buffer and steps_done: the memory that the steps of a layer fill, and the whole of it once they have.
#include "ops/step.hpp"

namespace unspool::detail {
namespace {

struct StepBuffer {
  static Shape infer(const InferArgs& a) { return {a.integer(0), a.integer(1)}; }
  template <class T>
  static void forward(const ForwardArgs<T>&) {}
  // Its gradient is handed on by the steps.
  template <class T>
  static void backward(const BackwardArgs<T>&) {}
};

struct StepsDone {
  static Shape infer(const InferArgs& a) { return a.shape(0); }
  static std::int64_t place(const InferArgs&) { return 0; }
  template <class T>
  static void forward(const ForwardArgs<T>&) {}
  // The gradient is in the buffer's already; the walk goes on at the last step.
  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    bool first = false;
    a.dx(1).touch(first);
  }
};

constexpr OpRule step_buffer_rule = make_rule<StepBuffer>(
    {.name = "step_buffer", .arity = -1, .reads = Reads::neither, .attrs = "rows:int, width:int", .undefined = true});
constexpr OpRule steps_done_rule =
    make_rule<StepsDone>({.name = "steps_done", .arity = 2, .reads = Reads::neither, .in_place = 0});

}  // namespace

Handle step_buffer(std::initializer_list<Handle> operands, std::int64_t rows, std::int64_t width, Where where) {
  return record(step_buffer_rule, operands, Attrs(rows, width), where);
}

Handle steps_done(const Handle& buffer, const Handle& last, Where where) {
  return record(steps_done_rule, {buffer, last}, where);
}

}  // namespace unspool::detail
