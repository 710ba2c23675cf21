import type { Compilation } from './compile.ts';
import { artifactFiles, writeArtifact as writeFiles } from './plan/artifact.ts';
import type { ArtifactFile } from './plan/weights-file.ts';

/** The whole contents of one compiled target: plan, kernels, weights, typed module and the runtime it needs. */
export const filesOf = ({ plan, files, device }: Compilation['targets'][number]): Promise<ArtifactFile[]> =>
  artifactFiles({ plan, files }, { device });

/** Folder of each target below the artifact's: the artifact itself when there is one target, else one folder each. */
export const folderOf = (compilation: Compilation, target: string): string =>
  compilation.targets.length > 1 ? `${target}/` : '';

/**
 * Writes a compilation to a folder, all of it or nothing. With several targets each has a folder of its own name. `more` are further
 * files for the top folder.
 */
export async function writeArtifact(
  compilation: Compilation,
  folder: string,
  options: { readonly signal?: AbortSignal; readonly more?: readonly ArtifactFile[] } = {},
): Promise<void> {
  const all: ArtifactFile[] = [...(options.more ?? [])];
  for (const target of compilation.targets) {
    const prefix = folderOf(compilation, target.target);
    for (const file of await filesOf(target)) all.push({ ...file, name: `${prefix}${file.name}` });
  }
  await writeFiles(folder, all, options.signal);
}
