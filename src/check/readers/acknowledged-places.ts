import { InorderError } from '../../errors.js';
import { shown } from '../difference.js';
import type { IngestPlace } from '../evidence.js';
import { PlaceSet } from '../place-set.js';
import { linesAs } from './json-lines.js';

/**
 * What `produce --acknowledged` noted: a place a line, a bit of memory each. A last line that breaks off is one that is
 * being written, and left out. @throws InorderError usage where the file can't be read or a line is no place
 */
export async function acknowledgedPlaces(path: string): Promise<PlaceSet> {
  const places = new PlaceSet();
  let broken: InorderError | null = null;
  const read = (line: string, number: number): IngestPlace | null => {
    if (broken !== null) throw broken;
    const place = placeIn(line);
    if (place !== null) return place;
    const said = `${path}, line ${number}: ${shown(line)} is no place: expected {"partition":0,"offset":12}`;
    const error = new InorderError('usage', said);
    if (line.endsWith('}')) throw error;
    broken = error;
    return null;
  };
  for await (const batch of linesAs(path, read)) {
    for (const place of batch) if (place !== null) places.add(place);
  }
  return places;
}

function placeIn(line: string): IngestPlace | null {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null || !('partition' in value) || !('offset' in value)) return null;
  const { partition, offset } = value;
  return isCount(partition) && isCount(offset) ? { partition, offset } : null;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
