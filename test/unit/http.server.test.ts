import { createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { startHttp, type HttpOptions, type HttpServer } from '../../src/http/server.js';
import type { HealthReport } from '../../src/observe/health.js';
import { silentLog } from '../../src/observe/log.js';
import { createMetrics } from '../../src/observe/prometheus.js';

const closers: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function start(options: Partial<HttpOptions> = {}): Promise<HttpServer> {
  const http = await startHttp({
    port: 0,
    portIsDefault: false,
    metrics: createMetrics(),
    health: () => ({ ready: true, reasons: [] }),
    log: silentLog,
    ...options,
  });
  closers.push(() => http.close());
  return http;
}

async function takenPort(): Promise<number> {
  const server = await new Promise<Server>((resolve) => {
    const listening = createServer().listen({ port: 0, host: '0.0.0.0' }, () => resolve(listening));
  });
  closers.push(() => new Promise((resolve) => server.close(() => resolve())));
  return (server.address() as AddressInfo).port;
}

describe('the http server', () => {
  test('answers /healthz while the process lives, ready or not', async () => {
    const { url } = await start({ health: () => ({ ready: false, reasons: ['logic: not yet in the group'] }) });
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
  });

  test('answers /readyz with 503 and the reasons until it is ready', async () => {
    let report: HealthReport = { ready: false, reasons: ['logic: lane 3 is taking'] };
    const { url } = await start({ health: () => report });
    const before = await fetch(`${url}/readyz`);
    expect(before.status).toBe(503);
    expect(await before.json()).toEqual({ ready: false, reasons: ['logic: lane 3 is taking'] });
    report = { ready: true, reasons: [] };
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
  });

  test('answers /metrics with what was counted', async () => {
    const metrics = createMetrics();
    metrics.counter('inorder_x_total', 'X').inc(3);
    const { url } = await start({ metrics });
    expect(await (await fetch(`${url}/metrics`)).text()).toContain('inorder_x_total 3');
  });

  test('refuses other paths and methods', async () => {
    const { url } = await start();
    expect((await fetch(`${url}/else`)).status).toBe(404);
    expect((await fetch(`${url}/healthz`, { method: 'POST' })).status).toBe(405);
    const head = await fetch(`${url}/healthz`, { method: 'HEAD' });
    expect(head.status).toBe(200);
    expect(await head.text()).toBe('');
  });

  test('a failing report is a 500, not the end of the process', async () => {
    const { url } = await start({
      health: () => {
        throw new Error('no report');
      },
    });
    expect((await fetch(`${url}/readyz`)).status).toBe(500);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
  });

  test('takes a free port where the default one is taken', async () => {
    const port = await takenPort();
    const { url } = await start({ port, portIsDefault: true });
    expect(url).not.toContain(String(port));
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
  });

  test('names INORDER_HTTP_PORT where the port that was asked for is taken', async () => {
    const port = await takenPort();
    await expect(start({ port, portIsDefault: false })).rejects.toMatchObject({
      code: 'config_invalid',
      message: `INORDER_HTTP_PORT is ${port}, but that port is taken`,
    });
  });
});
