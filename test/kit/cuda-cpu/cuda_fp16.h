// The four half conversions that printed kernels use, for the CPU.
#pragma once

struct __half { _Float16 value; };
inline __half __ushort_as_half(unsigned short bits) { __half h; __builtin_memcpy(&h, &bits, 2); return h; }
inline unsigned short __half_as_ushort(__half h) { unsigned short bits; __builtin_memcpy(&bits, &h, 2); return bits; }
inline float __half2float(__half h) { return float(h.value); }
inline __half __float2half_rn(float x) { return {_Float16(x)}; }
