/** What `start` and `run` share: the stages, and the HTTP that tells how they are. */
import { systemClock } from '../clock/clock.js';
import type { Config, Settings } from '../config/settings.js';
import { startHttp, type HttpServer } from '../http/server.js';
import type { HealthReport } from '../observe/health.js';
import type { Log } from '../observe/log.js';
import type { Metrics } from '../observe/metrics.js';
import { createMetrics } from '../observe/prometheus.js';
import { startPipeline, type Pipeline, type StageName } from '../pipeline.js';
import type { Resources } from './resources.js';

const READY_POLL_MS = 50;

/** The parts of a process in which stages run. `/healthz` answers from the start, `/readyz` once the stages are. */
export class StageProcess {
  readonly http: HttpServer;
  readonly #metrics: Metrics;
  readonly #log: Log;
  #pipeline: Pipeline | null = null;

  private constructor(http: HttpServer, metrics: Metrics, log: Log) {
    this.http = http;
    this.#metrics = metrics;
    this.#log = log;
  }

  /** @throws InorderError config_invalid where the http port can't be had */
  static async open(settings: Settings, log: Log, resources: Resources): Promise<StageProcess> {
    const metrics = createMetrics();
    let report = (): HealthReport => ({ ready: false, reasons: ['starting'] });
    const http = await startHttp({
      port: settings.httpPort.port,
      portIsDefault: settings.httpPort.isDefault,
      metrics,
      health: () => report(),
      log,
    });
    resources.opened('http', () => http.close());
    const stageProcess = new StageProcess(http, metrics, log);
    report = () => stageProcess.health();
    return stageProcess;
  }

  health(): HealthReport {
    return this.#pipeline?.health() ?? { ready: false, reasons: ['starting'] };
  }

  /** @throws InorderError as startPipeline */
  async start(
    config: Config,
    stages: readonly StageName[],
    resources: Resources,
    output: NodeJS.WritableStream = process.stdout,
  ): Promise<Pipeline> {
    const pipeline = await startPipeline({ config, stages, log: this.#log, metrics: this.#metrics, output });
    this.#pipeline = pipeline;
    resources.opened('pipeline', () => pipeline.stop());
    return pipeline;
  }

  /** Resolves when the stages are ready, one has failed, or a stop was asked for. */
  async untilReady(pipeline: Pipeline, stop: AbortSignal, say: (reason: string) => void): Promise<void> {
    const failure = new AbortController();
    void pipeline.failed.then(() => failure.abort());
    const over = AbortSignal.any([failure.signal, stop]);
    while (!over.aborted) {
      const { ready, reasons } = pipeline.health();
      if (ready) return;
      say(reasons[0] ?? '');
      await systemClock.sleep(READY_POLL_MS, over);
    }
  }
}
