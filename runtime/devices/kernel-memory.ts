export const PAGE = 65536;
/** Pages that addresses of 32 bits reach. Kernel files import a memory that has a maximum, of at most this. */
export const MAX_PAGES = 65536;

/** Memory of at least so many bytes in which kernel files can be played. */
export const kernelMemory = (bytes: number): WebAssembly.Memory =>
  new WebAssembly.Memory({ initial: Math.ceil(bytes / PAGE), maximum: MAX_PAGES });
