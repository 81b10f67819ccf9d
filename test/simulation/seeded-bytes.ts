import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import type { Random } from './random.ts';

/** Token keys are made of random bytes: for a while these come from the seed. @returns what ends it */
export function withSeededBytes(random: Random): () => void {
  const { randomBytes } = crypto;
  Object.assign(crypto, { randomBytes: (size: number) => random.bytes(size) });
  syncBuiltinESMExports();
  return () => {
    Object.assign(crypto, { randomBytes });
    syncBuiltinESMExports();
  };
}
