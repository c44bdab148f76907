import type { Log } from '../observe/log.js';

interface Resource {
  readonly name: string;
  readonly close: () => Promise<void>;
}

/** What was opened, closed in reverse order; half a start leaves nothing behind. */
export class Resources {
  readonly #log: Log;
  readonly #open: Resource[] = [];
  #isClosed = false;

  constructor(log: Log) {
    this.#log = log;
  }

  /** Remembers how to close what was just opened; after `closeAll` closes it at once. */
  opened(name: string, close: () => Promise<void>): void {
    if (this.#isClosed) void this.#close({ name, close });
    else this.#open.push({ name, close });
  }

  /** Closes everything, last opened first. One that fails is logged and doesn't keep the others open. */
  async closeAll(): Promise<void> {
    this.#isClosed = true;
    for (const resource of this.#open.splice(0).reverse()) await this.#close(resource);
  }

  async #close({ name, close }: Resource): Promise<void> {
    try {
      await close();
      this.#log.debug('closed', { what: name });
    } catch (error) {
      this.#log.warn('closing failed', { what: name, cause: error });
    }
  }
}

/** Runs the work and closes what it opened, whether it succeeds or throws. */
export async function withResources<T>(log: Log, work: (resources: Resources) => Promise<T>): Promise<T> {
  const resources = new Resources(log);
  try {
    return await work(resources);
  } finally {
    await resources.closeAll();
  }
}
