/**
 * Health and metrics over HTTP: `/healthz` (the process answers), `/readyz` (it can do its work; 503 with the reasons
 * if not), `/metrics` (Prometheus text). Reads only. Binds all interfaces, so that a container's probe reaches it.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { InorderError, messageOf } from '../errors.js';
import type { HealthReport } from '../observe/health.js';
import type { Log } from '../observe/log.js';
import type { Metrics } from '../observe/metrics.js';

export interface HttpOptions {
  /** 0 takes a free port. */
  readonly port: number;
  /** Whether nobody asked for this port: then a free one will do where it is taken. */
  readonly portIsDefault: boolean;
  readonly metrics: Metrics;
  readonly health: () => HealthReport;
  readonly log: Log;
}

export interface HttpServer {
  readonly url: string;
  /** Stops listening and ends open connections. Idempotent. */
  close(): Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/** @throws InorderError config_invalid where the port that the user set is taken or not allowed. */
export async function startHttp(options: HttpOptions): Promise<HttpServer> {
  const { log } = options;
  const server = createServer((request, response) => {
    answer(request, options).then(
      (given) => send(request, response, given),
      (error: unknown) => {
        log.error('http request failed', { path: request.url, cause: error });
        send(request, response, json(500, { error: messageOf(error) }));
      },
    );
  });
  const port = await listen(server, options);
  const url = `http://127.0.0.1:${port}`;
  log.info('http listening', { url });
  return { url, close: () => close(server) };
}

async function answer(request: IncomingMessage, { health, metrics }: HttpOptions): Promise<Answer> {
  if (request.method !== 'GET' && request.method !== 'HEAD') return json(405, { error: 'only GET is answered here' });
  const path = (request.url ?? '/').split('?', 1)[0];
  switch (path) {
    case '/healthz':
      return json(200, { alive: true });
    case '/readyz': {
      const report = health();
      return json(report.ready ? 200 : 503, report);
    }
    case '/metrics': {
      const { contentType, body } = await metrics.exposition();
      return { status: 200, contentType, body };
    }
    default:
      return json(404, { error: 'not found', paths: ['/healthz', '/readyz', '/metrics'] });
  }
}

function json(status: number, body: unknown): Answer {
  return { status, contentType: 'application/json; charset=utf-8', body: `${JSON.stringify(body)}\n` };
}

function send(request: IncomingMessage, response: ServerResponse, { status, contentType, body }: Answer): void {
  response.writeHead(status, {
    'content-type': contentType,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}

async function listen(server: Server, { port, portIsDefault, log }: HttpOptions): Promise<number> {
  try {
    return await listenOn(server, port);
  } catch (error) {
    const reason = refusal(error);
    if (reason === null) throw error;
    if (!portIsDefault) {
      throw new InorderError('config_invalid', `INORDER_HTTP_PORT is ${port}, but that port ${reason}`, {
        cause: error,
      });
    }
    const free = await listenOn(server, 0);
    log.warn('the default http port is not to be had, a free one was taken', { port, reason, taken: free });
    return free;
  }
}

function refusal(error: unknown): string | null {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'EADDRINUSE') return 'is taken';
  return code === 'EACCES' ? 'may not be used by this user' : null;
}

function listenOn(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, host: '0.0.0.0' }, () => {
      server.off('error', reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
