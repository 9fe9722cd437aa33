// Typed errors. The text is built only on failure: [op] what was expected, what came, the fix.
#pragma once
#include <cstdint>
#include <exception>
#include <span>
#include <sstream>
#include <string>

namespace flambeau {

enum class ErrorKind { Runtime, Shape, DType, Index, Value, Type, NotImplemented, OutOfMemory, Linalg };

class Error : public std::exception {
 public:
  Error(ErrorKind kind, std::string text) : kind(kind), text(std::move(text)) {}
  const char* what() const noexcept override { return text.c_str(); }
  ErrorKind kind;
  std::string text;
};

inline std::ostream& operator<<(std::ostream& out, std::span<const int64_t> dims) {
  out << '(';
  for (size_t i = 0; i < dims.size(); i++) out << (i ? ", " : "") << dims[i];
  return out << (dims.size() == 1 ? ",)" : ")");
}

template <class... Parts>
[[noreturn, gnu::cold, gnu::noinline]] void fail(ErrorKind kind, const char* op, const Parts&... parts) {
  std::ostringstream out;
  out << '[' << op << "] ";
  (out << ... << parts);
  throw Error(kind, out.str());
}

#define FL_FAIL(kind, op, ...) ::flambeau::fail(::flambeau::ErrorKind::kind, op, __VA_ARGS__)
#define FL_CHECK(condition, kind, op, ...) \
  do {                                     \
    if (!(condition)) [[unlikely]]         \
      FL_FAIL(kind, op, __VA_ARGS__);      \
  } while (0)

}  // namespace flambeau
