const form = /^([+-]?)(\d*)(?:\.(\d*))?(?:(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)|[eE]([+-]?\d{1,2}))?$/;

/** Powers of ten. */
const decimal: Readonly<Record<string, number>> = { n: -9, u: -6, m: -3, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 };
/** Powers of 1024. */
const binary: Readonly<Record<string, number>> = { Ki: 1, Mi: 2, Gi: 3, Ti: 4, Pi: 5, Ei: 6 };

/**
 * A Kubernetes quantity (`1`, `0.5`, `500m`, `8Gi`, `1e3`) in billionths, the least that the API server keeps:
 * what is finer is rounded up, as there. Undefined for what is no quantity.
 */
export function parseQuantity(quantity: unknown): bigint | undefined {
  const match = form.exec(String(quantity));
  if (match === null) return undefined;
  const [, sign, whole = '', fraction = '', suffix, exponent] = match;
  if (whole === '' && fraction === '') return undefined;
  const tens = 9 - fraction.length + (suffix === undefined ? Number(exponent ?? 0) : (decimal[suffix] ?? 0));
  const digits = BigInt(whole + fraction) * 1024n ** BigInt(suffix === undefined ? 0 : (binary[suffix] ?? 0));
  const value = tens >= 0 ? digits * 10n ** BigInt(tens) : (digits + 10n ** BigInt(-tens) - 1n) / 10n ** BigInt(-tens);
  return sign === '-' ? -value : value;
}

/** A quantity of bytes, rounded down. Throws RangeError for what is none. */
export function bytesOf(quantity: string): number {
  const billionths = parseQuantity(quantity);
  if (billionths === undefined)
    throw new RangeError(`'${quantity}' is no quantity: write a number and Ki, Mi, Gi, Ti, k, M, G or T`);
  return Number(billionths / 1_000_000_000n);
}
