// A device over pipes: reads commands from stdin, writes what is asked for to stdout. Included after the kernels; the includer defines
// run(kernel, grid, pointers, scalars), which returns an error text.
#pragma once
#include <cstdio>
#include <map>

namespace serve {

template <typename A>
A argument(const std::vector<unsigned char*>& pointers, const std::vector<int>& scalars, size_t i) {
  if constexpr (std::is_pointer_v<A>) return reinterpret_cast<A>(pointers[i]);
  else return A(scalars[i - pointers.size()]);
}

template <typename... A, size_t... I>
std::string call(void (*kernel)(A...), dim3 grid, unsigned lanes, const std::vector<unsigned char*>& p, const std::vector<int>& s,
                 std::index_sequence<I...>) {
  return cuda_cpu::launch(grid, {lanes, 1, 1}, [&] { kernel(argument<A>(p, s, I)...); });
}

template <typename... A>
std::string call(void (*kernel)(A...), dim3 grid, unsigned lanes, const std::vector<unsigned char*>& p, const std::vector<int>& s) {
  if (sizeof...(A) != p.size() + s.size()) return "wrong number of arguments";
  return call(kernel, grid, lanes, p, s, std::index_sequence_for<A...>{});
}

inline uint32_t word() {
  uint32_t v = 0;
  if (fread(&v, 4, 1, stdin) != 1) exit(0);
  return v;
}

struct Block {
  unsigned char* data;
  size_t bytes;
};

template <typename Run>
int main(Run run) {
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
        uint32_t kernel = word();
        unsigned x = word(), y = word(), z = word();
        dim3 grid{x, y, z};
        std::vector<unsigned char*> pointers(word());
        for (auto& p : pointers) {
          uint32_t id = word(), offset = word();
          p = range(id, offset, 0);
        }
        std::vector<int> scalars(word());
        for (auto& s : scalars) s = int(word());
        if (error.empty()) {
          std::string e = run(kernel, grid, pointers, scalars);
          if (!e.empty()) error = "kernel " + std::to_string(kernel) + ": " + e;
        }
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

}  // namespace serve
