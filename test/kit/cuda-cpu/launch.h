// An entry the fake driver can call for each kernel: LAUNCH(name).
#pragma once
#include <tuple>
#include <utility>

namespace cuda_cpu {
template <typename... A, size_t... I>
std::string launchPacked(void (*kernel)(A...), dim3 grid, unsigned lanes, void** args, std::index_sequence<I...>) {
  // Copied out of the argument array first, as the driver does.
  std::tuple<A...> values(*static_cast<A*>(args[I])...);
  return launch(grid, {lanes, 1, 1}, [&] { kernel(std::get<I>(values)...); });
}
template <typename... A>
std::string launchPacked(void (*kernel)(A...), dim3 grid, unsigned lanes, void** args) {
  return launchPacked(kernel, grid, lanes, args, std::index_sequence_for<A...>{});
}
}  // namespace cuda_cpu

#define LAUNCH(NAME)                                                                                              \
  extern "C" __attribute__((visibility("default"))) const char* launch_##NAME(const unsigned* g, unsigned lanes, void** args) { \
    static std::string error;                                                                                     \
    error = cuda_cpu::launchPacked(NAME, {g[0], g[1], g[2]}, lanes, args);                                         \
    return error.c_str();                                                                                         \
  }
