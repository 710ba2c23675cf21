import { create, globals } from 'webgpu';

/** Child process: compiles each shader on Dawn's null device. */
export async function run(kernels: readonly { name: string; code: string; entry: string }[]): Promise<string[]> {
  Object.assign(globalThis, globals);
  // Dawn hangs or aborts when this object is collected.
  const gpu = create(['backend=null']);
  Object.assign(globalThis, { gpu });
  const adapter = await gpu.requestAdapter();
  if (!adapter) throw new Error('no null adapter');
  const {
    maxComputeWorkgroupStorageSize,
    maxStorageBuffersPerShaderStage,
    maxComputeInvocationsPerWorkgroup,
    maxComputeWorkgroupSizeX,
  } = adapter.limits;
  const device = await adapter.requestDevice({
    requiredFeatures: ['subgroups'],
    requiredLimits: {
      maxComputeWorkgroupStorageSize,
      maxStorageBuffersPerShaderStage,
      maxComputeInvocationsPerWorkgroup,
      maxComputeWorkgroupSizeX,
    },
  });
  const complaints: string[] = [];
  for (const k of kernels) {
    device.pushErrorScope('validation');
    const module = device.createShaderModule({ code: k.code });
    const info = await module.getCompilationInfo();
    for (const m of info.messages)
      if (m.type !== 'info')
        complaints.push(
          `${k.name}: ${m.type} ${m.lineNum}:${m.linePos} ${m.message}\n${k.code.split('\n')[m.lineNum - 1] ?? ''}`,
        );
    try {
      await device.createComputePipelineAsync({ layout: 'auto', compute: { module, entryPoint: k.entry } });
    } catch (e) {
      complaints.push(`${k.name}: ${e instanceof Error ? e.message : String(e)}`);
    }
    await device.popErrorScope();
  }
  return complaints;
}
