// A libnvrtc.so.13 for tests: compiles CUDA source with g++ over cuda-cpu.h; the "cubin" is the path of the shared library.
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <regex>
#include <string>

#define API extern "C" __attribute__((visibility("default")))

namespace {
struct Program {
  std::string source, log, image;
};

std::string contents(const std::string& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}
}  // namespace

API int nvrtcCreateProgram(Program** p, const char* source, const char*, int, const char* const*, const char* const*) {
  *p = new Program{source, "", ""};
  return 0;
}
API int nvrtcDestroyProgram(Program** p) {
  delete *p;
  *p = nullptr;
  return 0;
}
API int nvrtcCompileProgram(Program* p, int, const char* const*) {
  const char* shim = getenv("INFC_CUDA_CPU");
  const char* folder = getenv("INFC_FAKE_FOLDER");
  if (!shim || !folder) return 6;
  char name[4096];
  snprintf(name, sizeof name, "%s/program-XXXXXX", folder);
  if (!mkdtemp(name)) return 6;
  std::string dir = name, text = p->source + "\n";
  std::regex kernel(R"(__global__ void (?:__launch_bounds__\(\d+\) )?(\w+)\()");
  for (std::sregex_iterator i(p->source.begin(), p->source.end(), kernel), end; i != end; ++i) text += "LAUNCH(" + (*i)[1].str() + ")\n";
  std::ofstream(dir + "/kernels.cu") << text;
  std::string command = "g++ -std=c++17 -O1 -w -fPIC -shared -ffp-contract=off -I" + std::string(shim) + " -include " + shim +
                        "/cuda-cpu.h -x c++ -o " + dir + "/kernels.so " + dir + "/kernels.cu -L" + folder +
                        " -l:libcuda.so.1 2> " + dir + "/log";
  int status = system(command.c_str());
  p->log = contents(dir + "/log");
  p->image = dir + "/kernels.so";
  return status ? 6 : 0;
}
API int nvrtcGetProgramLogSize(Program* p, size_t* n) { *n = p->log.size() + 1; return 0; }
API int nvrtcGetProgramLog(Program* p, char* out) { memcpy(out, p->log.c_str(), p->log.size() + 1); return 0; }
API int nvrtcGetCUBINSize(Program* p, size_t* n) { *n = p->image.size() + 1; return 0; }
API int nvrtcGetCUBIN(Program* p, char* out) { memcpy(out, p->image.c_str(), p->image.size() + 1); return 0; }
