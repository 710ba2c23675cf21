/** Keywords and reserved words of WGSL, and the predeclared names that printed kernels rely on. */
export const reserved: ReadonlySet<string> = new Set(
  `alias break case const const_assert continue continuing default diagnostic discard else enable false fn for if let loop
  override requires return struct switch true var while NULL Self abstract active alignas alignof as asm asm_fragment async
  attribute auto await become cast catch class co_await co_return co_yield coherent column_major common compile
  compile_fragment concept const_cast consteval constexpr constinit crate debugger decltype delete demote
  demote_to_helper do dynamic_cast enum explicit export extends extern external fallthrough filter final finally friend from
  fxgroup get goto groupshared highp impl implements import inline instanceof interface layout lowp macro macro_rules match
  mediump meta mod module move mut mutable namespace new nil noexcept noinline nointerpolation non_coherent noncoherent
  noperspective null nullptr of operator package packoffset partial pass patch pixelfragment precise precision premerge priv
  protected pub public readonly ref regardless register reinterpret_cast require resource restrict self set shared sizeof
  smooth snorm static static_assert static_cast std subroutine super target template this thread_local throw trait try type
  typedef typeid typename typeof union unless unorm unsafe unsized use using varying virtual volatile wgsl where with
  writeonly yield bool f16 f32 i32 u32 vec2 vec3 vec4 vec2f vec4f vec2i vec4i vec2u vec4u vec2h vec4h mat2x2 mat3x3 mat4x4
  array atomic ptr sampler texture_1d read write read_write function private workgroup uniform storage abs min max select
  clamp floor ceil trunc round sqrt exp exp2 log log2 pow fma sign bitcast countOneBits countLeadingZeros atomicAdd
  atomicAnd atomicOr atomicLoad atomicStore workgroupBarrier storageBarrier subgroupAdd subgroupMax subgroupMin
  subgroupBroadcastFirst subgroupShuffleXor dot4I8Packed unpack2x16float all any inverseSqrt lane groupX groupY groupZ
  local group scalars Scalars groups`.split(/\s+/),
);
