import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { BinaryArray, type ElementType } from '../../src/postgres/binary-array.js';
import { testSchema } from '../support/postgres-schema.js';

const schema = testSchema();

/** What the server makes of the array, element by element, as the text it prints. */
async function readByServer(type: ElementType, array: BinaryArray): Promise<(string | null)[]> {
  const { rows } = await schema.client.query<{ element: string | null }>(
    `SELECT CASE WHEN '${type}' = 'bytea' THEN encode(element::text::bytea, 'hex') ELSE element::text END AS element
       FROM unnest($1::${type}[]) WITH ORDINALITY AS e (element, position) ORDER BY position`,
    [array.finish()],
  );
  return rows.map(({ element }) => element);
}

async function expectRoundTrip<T>(
  type: ElementType,
  element: fc.Arbitrary<T>,
  write: (array: BinaryArray, value: T | null) => void,
  print: (value: T) => string,
): Promise<void> {
  const array = new BinaryArray(type); // one for all runs: nothing of a run may show in the next
  await fc.assert(
    fc.asyncProperty(fc.array(fc.option(element), { maxLength: 40 }), async (values) => {
      array.clear();
      for (const value of values) write(array, value);
      expect(await readByServer(type, array)).toEqual(values.map((value) => (value === null ? null : print(value))));
    }),
  );
}

test('int8 from numbers', async () => {
  await expectRoundTrip('int8', fc.maxSafeInteger(), (array, value) => array.int8(value), String);
});

test('int8 from bigints', async () => {
  const int8 = fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n);
  await expectRoundTrip('int8', int8, (array, value) => (value === null ? array.null() : array.bigInt8(value)), String);
});

test('int4', async () => {
  await expectRoundTrip(
    'int4',
    fc.integer(),
    (array, value) => (value === null ? array.null() : array.int4(value)),
    String,
  );
});

test('bool', async () => {
  await expectRoundTrip(
    'bool',
    fc.boolean(),
    (array, value) => (value === null ? array.null() : array.bool(value)),
    String,
  );
});

const text = fc
  .oneof(
    fc.string({ maxLength: 70 }),
    fc.string({ unit: 'binary', maxLength: 200 }),
    fc.constantFrom('', 'NULL', '{}', '"\\'),
  )
  .filter((value) => !value.includes('\0'));

test('text from strings', async () => {
  await expectRoundTrip('text', text, (array, value) => array.text(value), String);
});

test('text from UTF-8 bytes', async () => {
  const write = (array: BinaryArray, value: string | null): void =>
    array.bytes(value === null ? null : Buffer.from(value));
  await expectRoundTrip('text', text, write, String);
});

test('bytea', async () => {
  const bytes = fc.uint8Array({ maxLength: 300 }).map((value) => Buffer.from(value));
  await expectRoundTrip(
    'bytea',
    bytes,
    (array, value) => array.bytes(value),
    (value) => value.toString('hex'),
  );
});

test('columns of nulls may be left out: unnest in a select list fills them', async () => {
  const [numbers, nulls] = [new BinaryArray('int8'), new BinaryArray('text')];
  for (const value of [1, 2, 3]) {
    numbers.int8(value);
    nulls.null();
  }
  expect(nulls.finishSparse()).toBeNull();
  const { rows } = await schema.client.query('SELECT unnest($1::int8[]) AS number, unnest($2::text[]) AS nothing', [
    numbers.finishSparse(),
    nulls.finishSparse(),
  ]);
  expect(rows).toEqual(['1', '2', '3'].map((number) => ({ number, nothing: null })));
});
