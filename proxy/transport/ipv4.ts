/** IPv4 addresses as numbers of 32 bits. */

/** Of a dotted quad; what is none makes no sense. */
export function numberOf(address: string): number {
  let number = 0;
  let byte = 0;
  for (let i = 0; i < address.length; i++) {
    const c = address.charCodeAt(i);
    if (c === 46) {
      number = (number << 8) | byte;
      byte = 0;
    } else byte = byte * 10 + c - 48;
  }
  return ((number << 8) | byte) >>> 0;
}

export function textOf(address: number): string {
  return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;
}
