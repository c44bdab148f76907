import { afterEach, expect, test } from '@jest/globals';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { choosePort, isFree } from '../../src/embedded/ports.js';

const open: Server[] = [];

async function takePort(host = '127.0.0.1'): Promise<number> {
  const server = createServer();
  open.push(server);
  await new Promise<void>((done) => server.listen({ port: 0, host }, done));
  return (server.address() as AddressInfo).port;
}

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const port = await takePort();
  await close(open.pop());
  return port;
}

const close = (server?: Server): Promise<void> => new Promise((done) => server?.close(() => done()) ?? done());

afterEach(async () => {
  await Promise.all(open.splice(0).map(close));
});

const wish = { asked: null, variable: 'INORDER_KAFKA_PORT', remembered: undefined, usual: null };

test('the port of the last run goes before the usual one, and that before any other', async () => {
  const [remembered, usual] = [await freePort(), await freePort()];
  expect(await choosePort({ ...wish, remembered, usual })).toBe(remembered);
  expect(await choosePort({ ...wish, usual })).toBe(usual);
});

test('a port that is taken gives way to the next choice, and in the end to a free one outside the range for clients', async () => {
  const [remembered, usual] = [await takePort(), await freePort()];
  expect(await choosePort({ ...wish, remembered, usual })).toBe(usual);
  expect(await choosePort({ ...wish, remembered, usual: remembered })).toBeLessThan(32_000);
  expect(await choosePort({ ...wish, usual }, [usual])).not.toBe(usual);
});

test('a port that was asked for is used or refused, by the name of its setting; never replaced', async () => {
  const [free, taken] = [await freePort(), await takePort()];
  expect(await choosePort({ ...wish, asked: free, remembered: await freePort() })).toBe(free);
  await expect(choosePort({ ...wish, asked: taken })).rejects.toMatchObject({
    code: 'config_invalid',
    message: expect.stringContaining(`INORDER_KAFKA_PORT is ${taken}`),
  });
});

test('0 asks for a free one: the last one, else any, not the usual one', async () => {
  const [remembered, usual] = [await freePort(), await freePort()];
  expect(await choosePort({ ...wish, asked: 0, remembered, usual })).toBe(remembered);
  expect(await choosePort({ ...wish, asked: 0, usual })).not.toBe(usual);
});

test('a server on every address of the machine takes the port too', async () => {
  expect(await isFree(await takePort('0.0.0.0'))).toBe(false);
});
