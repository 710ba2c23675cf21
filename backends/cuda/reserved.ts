/** C++ keywords and the predeclared names that printed kernels rely on. */
export const reserved: ReadonlySet<string> = new Set(
  `alignas alignof and and_eq asm auto bitand bitor bool break case catch char char8_t char16_t char32_t class compl concept
  const consteval constexpr constinit const_cast continue co_await co_return co_yield decltype default delete do double
  dynamic_cast else enum explicit export extern false float for friend goto if inline int long mutable namespace new noexcept
  not not_eq nullptr operator or or_eq private protected public register reinterpret_cast requires return short signed sizeof
  static static_assert static_cast struct switch template this thread_local throw true try typedef typeid typename union
  unsigned using virtual void volatile wchar_t while xor xor_eq main half threadIdx blockIdx blockDim gridDim warpSize vec
  min max abs floor ceil trunc round sqrt exp exp2 log log2 pow sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh
  erf fma fmod atan2 isnan lane groupX groupY groupZ linear INFINITY NAN std j0 j1 jn y0 y1 yn gamma signgam index remainder
  expf exp2f logf log2f powf sinf cosf tanf sqrtf floorf ceilf truncf rintf fabsf fmaf fmodf atan2f erff`.split(/\s+/),
);
