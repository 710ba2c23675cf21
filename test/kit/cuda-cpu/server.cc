// Plays kernels of a shared library (cuda-cpu.h) on memory of its own: server LIBRARY ORDER KERNEL... Reads commands from stdin, writes
// what is asked for to stdout. Built with -rdynamic, so that the library finds the threads of runtime.h.
#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <map>

#include "runtime.h"

namespace {

struct Kernel {
  const char* (*launch)(const unsigned* grid, unsigned lanes, void** args);
  unsigned (*parameters)();
};

uint32_t word() {
  uint32_t v = 0;
  if (fread(&v, 4, 1, stdin) != 1) exit(0);
  return v;
}

struct Block {
  unsigned char* data;
  size_t bytes;
};

}  // namespace

int main(int count, char** given) {
  if (count < 3) return 2;
  void* library = dlopen(given[1], RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    fprintf(stderr, "%s\n", dlerror());
    return 2;
  }
  cuda_cpu::orderMode = atoi(given[2]);
  std::vector<Kernel> kernels;
  for (int i = 3; i < count; i++) {
    std::string name = given[i];
    kernels.push_back({reinterpret_cast<decltype(Kernel::launch)>(dlsym(library, ("launch_" + name).c_str())),
                       reinterpret_cast<decltype(Kernel::parameters)>(dlsym(library, ("parameters_" + name).c_str()))});
  }
  std::map<uint32_t, Block> blocks;
  std::string error;
  auto range = [&](uint32_t id, size_t offset, size_t bytes) -> unsigned char* {
    auto at = blocks.find(id);
    if (at == blocks.end() || offset + bytes > at->second.bytes) {
      if (error.empty()) error = "access outside of block " + std::to_string(id);
      static unsigned char nowhere[1 << 20];
      return bytes <= sizeof nowhere ? nowhere : static_cast<unsigned char*>(malloc(bytes));
    }
    return at->second.data + offset;
  };
  for (;;) {
    switch (word()) {
      case 1: {  // allocate
        uint32_t id = word();
        size_t bytes = word();
        auto* data = static_cast<unsigned char*>(aligned_alloc(256, (bytes + 511) / 256 * 256));
        memset(data, 0xcb, bytes);
        blocks[id] = {data, bytes};
        break;
      }
      case 2: {  // free
        uint32_t id = word();
        free(blocks[id].data);
        blocks.erase(id);
        break;
      }
      case 3: {  // write
        uint32_t id = word(), offset = word(), bytes = word();
        if (bytes && fread(range(id, offset, bytes), 1, bytes, stdin) != bytes) return 1;
        break;
      }
      case 4: {  // fill
        uint32_t id = word(), offset = word(), bytes = word(), value = word();
        memset(range(id, offset, bytes), int(value), bytes);
        break;
      }
      case 5: {  // copy
        uint32_t from = word(), fromOffset = word(), to = word(), toOffset = word(), bytes = word();
        memmove(range(to, toOffset, bytes), range(from, fromOffset, bytes), bytes);
        break;
      }
      case 6: {  // launch
        uint32_t kernel = word(), lanes = word();
        unsigned grid[3];
        for (auto& g : grid) g = word();
        std::vector<unsigned char*> pointers(word());
        for (auto& p : pointers) {
          uint32_t id = word(), offset = word();
          p = range(id, offset, 0);
        }
        std::vector<int> scalars(word());
        for (auto& s : scalars) s = int(word());
        if (!error.empty()) break;
        std::vector<void*> args;
        for (auto& p : pointers) args.push_back(&p);
        for (auto& s : scalars) args.push_back(&s);
        const char* failure = kernel >= kernels.size() || !kernels[kernel].launch ? "no such kernel"
                              : kernels[kernel].parameters() != args.size()       ? "wrong number of arguments"
                                                                                  : kernels[kernel].launch(grid, lanes, args.data());
        if (*failure) error = "kernel " + std::to_string(kernel) + ": " + failure;
        break;
      }
      case 7: {  // read: a length of the error text, the text, then the bytes
        uint32_t id = word(), offset = word(), bytes = word();
        unsigned char* data = range(id, offset, bytes);
        uint32_t n = uint32_t(error.size());
        fwrite(&n, 4, 1, stdout);
        fwrite(error.data(), 1, n, stdout);
        fwrite(data, 1, bytes, stdout);
        fflush(stdout);
        break;
      }
    }
  }
}
