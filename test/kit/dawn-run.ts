import { create, globals } from 'webgpu';

export interface WgslJob {
  readonly name: string;
  readonly code: string;
  readonly entry: string;
  readonly buffers: readonly { readonly writable: boolean; readonly data: Uint8Array }[];
  readonly scalars: readonly number[];
  readonly grid: readonly [number, number, number];
}

export type WgslResult = { readonly buffers: readonly Uint8Array[] } | { readonly error: string };

/** Child process: runs each job once and reads its buffers back. */
export async function run({
  flags,
  jobs,
}: {
  flags: readonly string[];
  jobs: readonly WgslJob[];
}): Promise<WgslResult[]> {
  Object.assign(globalThis, globals);
  const gpu = create([...flags]);
  Object.assign(globalThis, { gpu });
  const adapter = await gpu.requestAdapter();
  if (!adapter) throw new Error('no adapter');
  const {
    maxComputeWorkgroupStorageSize,
    maxStorageBuffersPerShaderStage,
    maxComputeInvocationsPerWorkgroup,
    maxStorageBufferBindingSize,
  } = adapter.limits;
  const device = await adapter.requestDevice({
    requiredFeatures: adapter.features.has('subgroups') ? ['subgroups'] : [],
    requiredLimits: {
      maxComputeWorkgroupStorageSize,
      maxStorageBuffersPerShaderStage,
      maxComputeInvocationsPerWorkgroup,
      maxStorageBufferBindingSize,
    },
  });
  const out: WgslResult[] = [];
  for (const job of jobs) out.push(await runJob(device, job));
  return out;
}

async function runJob(device: GPUDevice, job: WgslJob): Promise<WgslResult> {
  device.pushErrorScope('validation');
  const S = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
  const size = (bytes: number) => Math.max(16, Math.ceil(bytes / 16) * 16);
  const buffers = job.buffers.map(({ data }) => {
    const b = device.createBuffer({ size: size(data.byteLength), usage: S });
    const padded = new Uint8Array(size(data.byteLength));
    padded.set(data);
    device.queue.writeBuffer(b, 0, padded);
    return b;
  });
  const entries: GPUBindGroupEntry[] = buffers.map((buffer, binding) => ({ binding, resource: { buffer } }));
  const layout: GPUBindGroupLayoutEntry[] = job.buffers.map((b, binding) => ({
    binding,
    visibility: GPUShaderStage.COMPUTE,
    buffer: { type: b.writable ? 'storage' : 'read-only-storage' },
  }));
  if (job.scalars.length > 0) {
    const uniform = device.createBuffer({
      size: size(job.scalars.length * 4),
      usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
    });
    device.queue.writeBuffer(uniform, 0, Int32Array.from(job.scalars));
    entries.push({ binding: buffers.length, resource: { buffer: uniform } });
    layout.push({ binding: buffers.length, visibility: GPUShaderStage.COMPUTE, buffer: { type: 'uniform' } });
  }
  const group = device.createBindGroupLayout({ entries: layout });
  const pipeline = device.createComputePipeline({
    layout: device.createPipelineLayout({ bindGroupLayouts: [group] }),
    compute: { module: device.createShaderModule({ code: job.code }), entryPoint: job.entry },
  });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, device.createBindGroup({ layout: group, entries }));
  pass.dispatchWorkgroups(...job.grid);
  pass.end();
  const reads = buffers.map((b) => {
    const r = device.createBuffer({ size: b.size, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ });
    encoder.copyBufferToBuffer(b, 0, r, 0, b.size);
    return r;
  });
  device.queue.submit([encoder.finish()]);
  const error = await device.popErrorScope();
  if (error) return { error: `${job.name}: ${error.message}` };
  const contents: Uint8Array[] = [];
  for (const [i, r] of reads.entries()) {
    await r.mapAsync(GPUMapMode.READ);
    contents.push(new Uint8Array(r.getMappedRange()).slice(0, job.buffers[i]?.data.byteLength ?? 0));
    r.unmap();
  }
  for (const b of [...buffers, ...reads]) b.destroy();
  return { buffers: contents };
}
