/**
 * Marks the lines that stand below something that came after them: an answer above its question, a sender's second
 * message above the first.
 * @param positions of the lines in the right order, as shown from top to bottom; each once
 */
export function inversionsOf(positions: readonly number[]): boolean[] {
  let highest = Number.NEGATIVE_INFINITY;
  return positions.map((position) => {
    const isBelowLater = position < highest;
    highest = Math.max(highest, position);
    return isBelowLater;
  });
}
