/**
 * A copy of a text that holds no more memory than itself. What is sliced from a message keeps the whole message
 * alive, so whatever outlives its transaction is copied first.
 */
export function ownText(text: string): string {
  return Buffer.from(text).toString();
}
