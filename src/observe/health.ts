/** Whether a process can do its work now, and if not, why: what /readyz answers and a container's health check asks. */
export interface HealthReport {
  readonly ready: boolean;
  /** Sentences a person understands; empty when ready. */
  readonly reasons: readonly string[];
  /** What a person should look at before it becomes a reason; absent when there is nothing. */
  readonly warnings?: readonly string[];
}
