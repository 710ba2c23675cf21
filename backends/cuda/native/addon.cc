// The CUDA driver API and NVRTC for JavaScript. Both libraries are opened when first asked for: the addon builds without a CUDA SDK and
// loads on machines without a GPU, where `probe` says why nothing is there. Device addresses are BigInts. Every call throws on failure.
#include <dlfcn.h>
#include <napi.h>

#include <cstdint>
#include <string>
#include <vector>

namespace {

using Status = int;

// The part of the driver's interface that is used, by its own names.
struct Driver {
  Status (*cuInit)(unsigned);
  Status (*cuDriverGetVersion)(int*);
  Status (*cuDeviceGetCount)(int*);
  Status (*cuDeviceGet)(int*, int);
  Status (*cuDeviceGetName)(char*, int, int);
  Status (*cuDeviceGetAttribute)(int*, int, int);
  Status (*cuDevicePrimaryCtxRetain)(void**, int);
  Status (*cuDevicePrimaryCtxRelease_v2)(int);
  Status (*cuCtxSetCurrent)(void*);
  Status (*cuCtxSynchronize)();
  Status (*cuGetErrorString)(Status, const char**);
  Status (*cuMemAlloc_v2)(uint64_t*, size_t);
  Status (*cuMemFree_v2)(uint64_t);
  Status (*cuMemcpyHtoD_v2)(uint64_t, const void*, size_t);
  Status (*cuMemcpyDtoH_v2)(void*, uint64_t, size_t);
  Status (*cuMemcpyDtoD_v2)(uint64_t, uint64_t, size_t);
  Status (*cuMemsetD8_v2)(uint64_t, unsigned char, size_t);
  Status (*cuModuleLoadData)(void**, const void*);
  Status (*cuModuleUnload)(void*);
  Status (*cuModuleGetFunction)(void**, void*, const char*);
  Status (*cuLaunchKernel)(void*, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, void*, void**, void**);
  // Why it is not usable; empty when it is.
  std::string problem;
};

struct Compiler {
  Status (*nvrtcCreateProgram)(void**, const char*, const char*, int, const char* const*, const char* const*);
  Status (*nvrtcCompileProgram)(void*, int, const char* const*);
  Status (*nvrtcDestroyProgram)(void**);
  Status (*nvrtcGetProgramLogSize)(void*, size_t*);
  Status (*nvrtcGetProgramLog)(void*, char*);
  Status (*nvrtcGetCUBINSize)(void*, size_t*);
  Status (*nvrtcGetCUBIN)(void*, char*);
  std::string problem;
};

constexpr int kComputeCapabilityMajor = 75;
constexpr int kComputeCapabilityMinor = 76;

void* openFirst(const std::vector<const char*>& names, std::string& problem) {
  for (const char* name : names)
    if (void* library = dlopen(name, RTLD_NOW | RTLD_LOCAL)) return library;
  const char* reason = dlerror();
  problem = reason ? reason : "the library was not found";
  return nullptr;
}

template <typename F>
void resolve(void* library, const char* name, F& f, std::string& problem) {
  f = reinterpret_cast<F>(dlsym(library, name));
  if (!f && problem.empty()) problem = std::string("the library lacks ") + name;
}

Driver loadDriver() {
  Driver d{};
  void* library = openFirst({"libcuda.so.1", "libcuda.so"}, d.problem);
  if (!library) return d;
#define RESOLVE(name) resolve(library, #name, d.name, d.problem)
  RESOLVE(cuInit);
  RESOLVE(cuDriverGetVersion);
  RESOLVE(cuDeviceGetCount);
  RESOLVE(cuDeviceGet);
  RESOLVE(cuDeviceGetName);
  RESOLVE(cuDeviceGetAttribute);
  RESOLVE(cuDevicePrimaryCtxRetain);
  RESOLVE(cuDevicePrimaryCtxRelease_v2);
  RESOLVE(cuCtxSetCurrent);
  RESOLVE(cuCtxSynchronize);
  RESOLVE(cuGetErrorString);
  RESOLVE(cuMemAlloc_v2);
  RESOLVE(cuMemFree_v2);
  RESOLVE(cuMemcpyHtoD_v2);
  RESOLVE(cuMemcpyDtoH_v2);
  RESOLVE(cuMemcpyDtoD_v2);
  RESOLVE(cuMemsetD8_v2);
  RESOLVE(cuModuleLoadData);
  RESOLVE(cuModuleUnload);
  RESOLVE(cuModuleGetFunction);
  RESOLVE(cuLaunchKernel);
#undef RESOLVE
  if (!d.problem.empty()) return d;
  if (Status status = d.cuInit(0)) {
    const char* text = nullptr;
    d.cuGetErrorString(status, &text);
    d.problem = text ? text : "cuInit failed";
  }
  return d;
}

Compiler loadCompiler() {
  Compiler c{};
  void* library = openFirst({"libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so"}, c.problem);
  if (!library) return c;
#define RESOLVE(name) resolve(library, #name, c.name, c.problem)
  RESOLVE(nvrtcCreateProgram);
  RESOLVE(nvrtcCompileProgram);
  RESOLVE(nvrtcDestroyProgram);
  RESOLVE(nvrtcGetProgramLogSize);
  RESOLVE(nvrtcGetProgramLog);
  RESOLVE(nvrtcGetCUBINSize);
  RESOLVE(nvrtcGetCUBIN);
#undef RESOLVE
  return c;
}

Driver& driver() {
  static Driver d = loadDriver();
  return d;
}

Compiler& compiler() {
  static Compiler c = loadCompiler();
  return c;
}

Driver& usableDriver(Napi::Env env) {
  Driver& d = driver();
  if (!d.problem.empty()) throw Napi::Error::New(env, d.problem);
  return d;
}

void check(Napi::Env env, Status status, const char* what) {
  if (status == 0) return;
  const char* text = nullptr;
  driver().cuGetErrorString(status, &text);
  throw Napi::Error::New(env, std::string(what) + ": " + (text ? text : "error " + std::to_string(status)));
}

uint64_t address(const Napi::Value& v) {
  bool lossless = false;
  return v.As<Napi::BigInt>().Uint64Value(&lossless);
}

size_t bytesOf(const Napi::Value& v) { return static_cast<size_t>(v.As<Napi::Number>().Int64Value()); }

// { devices, problem?, name?, capability?, driver?, compiler: boolean }
Napi::Value probe(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Napi::Object out = Napi::Object::New(env);
  Driver& d = driver();
  int devices = 0;
  if (!d.problem.empty()) out["problem"] = Napi::String::New(env, d.problem);
  else d.cuDeviceGetCount(&devices);
  out["devices"] = Napi::Number::New(env, devices);
  if (devices > 0) {
    char name[256] = "";
    int device = 0, major = 0, minor = 0, version = 0;
    d.cuDeviceGet(&device, 0);
    d.cuDeviceGetName(name, sizeof name, device);
    d.cuDeviceGetAttribute(&major, kComputeCapabilityMajor, device);
    d.cuDeviceGetAttribute(&minor, kComputeCapabilityMinor, device);
    d.cuDriverGetVersion(&version);
    out["name"] = Napi::String::New(env, name);
    out["capability"] = Napi::Number::New(env, major * 10 + minor);
    out["driver"] = Napi::Number::New(env, version);
  }
  out["compiler"] = Napi::Boolean::New(env, compiler().problem.empty());
  return out;
}

Napi::Value open(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Driver& d = usableDriver(env);
  int device = 0;
  void* context = nullptr;
  check(env, d.cuDeviceGet(&device, info[0].As<Napi::Number>().Int32Value()), "cuDeviceGet");
  check(env, d.cuDevicePrimaryCtxRetain(&context, device), "cuDevicePrimaryCtxRetain");
  check(env, d.cuCtxSetCurrent(context), "cuCtxSetCurrent");
  return Napi::Number::New(env, device);
}

Napi::Value close(const Napi::CallbackInfo& info) {
  check(info.Env(), usableDriver(info.Env()).cuDevicePrimaryCtxRelease_v2(info[0].As<Napi::Number>().Int32Value()), "close");
  return info.Env().Undefined();
}

Napi::Value allocate(const Napi::CallbackInfo& info) {
  uint64_t at = 0;
  check(info.Env(), usableDriver(info.Env()).cuMemAlloc_v2(&at, bytesOf(info[0])), "cuMemAlloc");
  return Napi::BigInt::New(info.Env(), at);
}

Napi::Value release(const Napi::CallbackInfo& info) {
  check(info.Env(), usableDriver(info.Env()).cuMemFree_v2(address(info[0])), "cuMemFree");
  return info.Env().Undefined();
}

// write(address, Uint8Array)
Napi::Value write(const Napi::CallbackInfo& info) {
  auto data = info[1].As<Napi::Uint8Array>();
  check(info.Env(), usableDriver(info.Env()).cuMemcpyHtoD_v2(address(info[0]), data.Data(), data.ByteLength()), "cuMemcpyHtoD");
  return info.Env().Undefined();
}

// read(address, Uint8Array)
Napi::Value read(const Napi::CallbackInfo& info) {
  auto data = info[1].As<Napi::Uint8Array>();
  check(info.Env(), usableDriver(info.Env()).cuMemcpyDtoH_v2(data.Data(), address(info[0]), data.ByteLength()), "cuMemcpyDtoH");
  return info.Env().Undefined();
}

// copy(to, from, bytes)
Napi::Value copy(const Napi::CallbackInfo& info) {
  Driver& d = usableDriver(info.Env());
  check(info.Env(), d.cuMemcpyDtoD_v2(address(info[0]), address(info[1]), bytesOf(info[2])), "cuMemcpyDtoD");
  return info.Env().Undefined();
}

// fill(address, value, bytes)
Napi::Value fill(const Napi::CallbackInfo& info) {
  unsigned char value = static_cast<unsigned char>(info[1].As<Napi::Number>().Uint32Value());
  check(info.Env(), usableDriver(info.Env()).cuMemsetD8_v2(address(info[0]), value, bytesOf(info[2])), "cuMemsetD8");
  return info.Env().Undefined();
}

// compile(source, options): the cubin; throws with the compiler's log.
Napi::Value compile(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Compiler& c = compiler();
  if (!c.problem.empty()) throw Napi::Error::New(env, c.problem);
  std::string source = info[0].As<Napi::String>();
  Napi::Array given = info[1].As<Napi::Array>();
  std::vector<std::string> texts;
  for (uint32_t i = 0; i < given.Length(); i++) texts.push_back(given.Get(i).As<Napi::String>());
  std::vector<const char*> options;
  for (const std::string& t : texts) options.push_back(t.c_str());
  void* program = nullptr;
  if (c.nvrtcCreateProgram(&program, source.c_str(), "kernels.cu", 0, nullptr, nullptr))
    throw Napi::Error::New(env, "nvrtcCreateProgram failed");
  if (c.nvrtcCompileProgram(program, static_cast<int>(options.size()), options.data())) {
    size_t n = 0;
    c.nvrtcGetProgramLogSize(program, &n);
    std::string log(n, '\0');
    c.nvrtcGetProgramLog(program, log.data());
    c.nvrtcDestroyProgram(&program);
    throw Napi::Error::New(env, "nvrtc: " + std::string(log.c_str()));
  }
  size_t n = 0;
  c.nvrtcGetCUBINSize(program, &n);
  auto image = Napi::Uint8Array::New(env, n);
  c.nvrtcGetCUBIN(program, reinterpret_cast<char*>(image.Data()));
  c.nvrtcDestroyProgram(&program);
  return image;
}

// load(image): a module. Text images (PTX) end with a null byte, which the caller adds.
Napi::Value load(const Napi::CallbackInfo& info) {
  void* module = nullptr;
  check(info.Env(), usableDriver(info.Env()).cuModuleLoadData(&module, info[0].As<Napi::Uint8Array>().Data()), "cuModuleLoadData");
  return Napi::BigInt::New(info.Env(), reinterpret_cast<uint64_t>(module));
}

Napi::Value unload(const Napi::CallbackInfo& info) {
  check(info.Env(), usableDriver(info.Env()).cuModuleUnload(reinterpret_cast<void*>(address(info[0]))), "cuModuleUnload");
  return info.Env().Undefined();
}

// find(module, name): a function of a module
Napi::Value find(const Napi::CallbackInfo& info) {
  void* function = nullptr;
  std::string name = info[1].As<Napi::String>();
  Driver& d = usableDriver(info.Env());
  check(info.Env(), d.cuModuleGetFunction(&function, reinterpret_cast<void*>(address(info[0])), name.c_str()), name.c_str());
  return Napi::BigInt::New(info.Env(), reinterpret_cast<uint64_t>(function));
}

// launch(function, gridX, gridY, gridZ, lanes, pointers: BigUint64Array, scalars: Int32Array)
Napi::Value launch(const Napi::CallbackInfo& info) {
  unsigned sizes[4];
  for (int i = 0; i < 4; i++) sizes[i] = info[1 + i].As<Napi::Number>().Uint32Value();
  auto pointers = info[5].As<Napi::BigUint64Array>();
  auto scalars = info[6].As<Napi::Int32Array>();
  std::vector<void*> args;
  for (size_t i = 0; i < pointers.ElementLength(); i++) args.push_back(pointers.Data() + i);
  for (size_t i = 0; i < scalars.ElementLength(); i++) args.push_back(scalars.Data() + i);
  void* function = reinterpret_cast<void*>(address(info[0]));
  Driver& d = usableDriver(info.Env());
  check(info.Env(),
        d.cuLaunchKernel(function, sizes[0], sizes[1], sizes[2], sizes[3], 1, 1, 0, nullptr, args.data(), nullptr),
        "cuLaunchKernel");
  return info.Env().Undefined();
}

Napi::Value synchronize(const Napi::CallbackInfo& info) {
  check(info.Env(), usableDriver(info.Env()).cuCtxSynchronize(), "the GPU");
  return info.Env().Undefined();
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  auto add = [&](const char* name, Napi::Value (*f)(const Napi::CallbackInfo&)) { exports[name] = Napi::Function::New(env, f, name); };
  add("probe", probe);
  add("open", open);
  add("close", close);
  add("allocate", allocate);
  add("release", release);
  add("write", write);
  add("read", read);
  add("copy", copy);
  add("fill", fill);
  add("compile", compile);
  add("load", load);
  add("unload", unload);
  add("find", find);
  add("launch", launch);
  add("synchronize", synchronize);
  return exports;
}

}  // namespace

NODE_API_MODULE(infc_cuda, init)
