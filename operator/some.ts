/** The first few of a list, for a message, which must not grow with the installation. */
export function some(list: readonly string[], between = ', '): string {
  const shown = list.slice(0, 5).join(between);
  return list.length <= 5 ? shown : `${shown} and ${list.length - 5} more`;
}
