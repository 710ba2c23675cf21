// A libcuda.so.1 for tests: device memory is host memory, a module is a shared library that fake-nvrtc.cc built from CUDA source over
// cuda-cpu.h and that finds the threads of runtime.h here. Addresses outside of live blocks are errors, as on a GPU with checking.
#include <dlfcn.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>

#include "runtime.h"

#define API extern "C" __attribute__((visibility("default")))

namespace {
enum { kOk = 0, kInvalidValue = 1, kNoDevice = 100, kInvalidImage = 200, kNotFound = 500, kLaunchFailed = 719 };
std::map<uint64_t, size_t> blocks;
std::string failure;

bool inside(uint64_t at, size_t bytes) {
  auto next = blocks.upper_bound(at);
  if (next == blocks.begin()) return false;
  --next;
  return at + bytes <= next->first + next->second;
}
}  // namespace

API int cuInit(unsigned) { return getenv("INFC_FAKE_NO_GPU") ? kNoDevice : kOk; }
API int cuDriverGetVersion(int* v) { *v = 13000; return kOk; }
API int cuDeviceGetCount(int* n) { *n = 1; return kOk; }
API int cuDeviceGet(int* device, int i) { *device = i; return i == 0 ? kOk : kInvalidValue; }
API int cuDeviceGetName(char* name, int n, int) { strncpy(name, "fake GPU on the CPU", size_t(n)); return kOk; }
API int cuDeviceGetAttribute(int* v, int attribute, int) { *v = attribute == 75 ? 8 : 0; return kOk; }
API int cuDevicePrimaryCtxRetain(void** context, int) { *context = &blocks; return kOk; }
API int cuDevicePrimaryCtxRelease_v2(int) { return kOk; }
API int cuCtxSetCurrent(void*) { return kOk; }
API int cuCtxSynchronize() { return failure.empty() ? kOk : kLaunchFailed; }
API int cuGetErrorString(int status, const char** text) {
  *text = status == kLaunchFailed ? failure.c_str() : status == kNoDevice ? "no CUDA-capable device is detected" : "invalid argument";
  return kOk;
}
API int cuMemAlloc_v2(uint64_t* at, size_t bytes) {
  void* p = aligned_alloc(256, (bytes + 255) / 256 * 256);
  memset(p, 0xcb, bytes);
  *at = reinterpret_cast<uint64_t>(p);
  blocks[*at] = bytes;
  return kOk;
}
API int cuMemFree_v2(uint64_t at) {
  if (!blocks.erase(at)) return kInvalidValue;
  free(reinterpret_cast<void*>(at));
  return kOk;
}
API int cuMemcpyHtoD_v2(uint64_t to, const void* from, size_t bytes) {
  if (!inside(to, bytes)) return kInvalidValue;
  memcpy(reinterpret_cast<void*>(to), from, bytes);
  return kOk;
}
API int cuMemcpyDtoH_v2(void* to, uint64_t from, size_t bytes) {
  if (!inside(from, bytes)) return kInvalidValue;
  memcpy(to, reinterpret_cast<void*>(from), bytes);
  return cuCtxSynchronize();
}
API int cuMemcpyDtoD_v2(uint64_t to, uint64_t from, size_t bytes) {
  if (!inside(to, bytes) || !inside(from, bytes)) return kInvalidValue;
  memmove(reinterpret_cast<void*>(to), reinterpret_cast<void*>(from), bytes);
  return kOk;
}
API int cuMemsetD8_v2(uint64_t at, unsigned char value, size_t bytes) {
  if (!inside(at, bytes)) return kInvalidValue;
  memset(reinterpret_cast<void*>(at), value, bytes);
  return kOk;
}
API int cuModuleLoadData(void** module, const void* image) {
  *module = dlopen(static_cast<const char*>(image), RTLD_NOW | RTLD_LOCAL);
  return *module ? kOk : kInvalidImage;
}
API int cuModuleUnload(void* module) { return dlclose(module) ? kInvalidValue : kOk; }
API int cuModuleGetFunction(void** function, void* module, const char* name) {
  *function = dlsym(module, (std::string("launch_") + name).c_str());
  return *function ? kOk : kNotFound;
}
API int cuLaunchKernel(void* function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned, unsigned, unsigned, void*, void** args,
                       void**) {
  unsigned grid[3] = {gx, gy, gz};
  std::string error = reinterpret_cast<const char* (*)(const unsigned*, unsigned, void**)>(function)(grid, bx, args);
  if (!error.empty() && failure.empty()) failure = error;
  return kOk;
}
