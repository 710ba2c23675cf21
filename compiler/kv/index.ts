import { InfcError } from '../../runtime/errors.ts';
import { contiguous } from './contiguous.ts';
import type { KvPolicy } from './policy.ts';
import { q8 } from './q8.ts';
import { sliding } from './sliding.ts';

/** The KV policies, by `--kv` name; the first is the default. One file and one entry here each. */
export const kvPolicies: readonly KvPolicy[] = [contiguous, sliding, q8];

/** The policy of that name, or the default. Throws INFC1091. */
export function kvPolicy(name = 'contiguous'): KvPolicy {
  const found = kvPolicies.find((p) => p.name === name);
  if (!found)
    throw new InfcError('INFC1091', `there is no KV policy '${name}'`, {
      fix: `Choose one of ${kvPolicies.map((p) => p.name).join(', ')}`,
    });
  return found;
}
