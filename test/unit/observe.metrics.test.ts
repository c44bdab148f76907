import { describe, expect, test } from '@jest/globals';
import { createMetrics } from '../../src/observe/prometheus.js';

describe('metrics', () => {
  test('come out as Prometheus text with their labels', async () => {
    const metrics = createMetrics();
    metrics.counter('inorder_a_total', 'A', ['reason']).inc(2, { reason: 'not_json' });
    metrics.gauge('inorder_b', 'B').set(5);
    metrics.histogram('inorder_c_seconds', 'C', [0.1, 1]).observe(0.5);
    const { body, contentType } = await metrics.exposition();
    expect(contentType).toContain('text/plain');
    expect(body).toContain('inorder_a_total{reason="not_json"} 2');
    expect(body).toContain('inorder_b 5');
    expect(body).toContain('inorder_c_seconds_bucket{le="1"} 1');
    expect(body).toContain('process_cpu_user_seconds_total');
  });

  test('one name is one instrument, however often it is asked for', async () => {
    const metrics = createMetrics();
    metrics.counter('inorder_a_total', 'A').inc();
    metrics.counter('inorder_a_total', 'A').inc();
    expect((await metrics.exposition()).body).toContain('inorder_a_total 2');
  });

  test('one name can not be two kinds', () => {
    const metrics = createMetrics();
    metrics.counter('inorder_a_total', 'A');
    expect(() => metrics.gauge('inorder_a_total', 'A')).toThrow('inorder_a_total is a counter');
  });

  test('what is gone is no longer reported', async () => {
    const metrics = createMetrics();
    const lag = metrics.gauge('inorder_lag', 'Lag', ['partition']);
    lag.set(4, { partition: 1 });
    lag.set(6, { partition: 2 });
    lag.remove({ partition: 1 });
    const { body } = await metrics.exposition();
    expect(body).not.toContain('partition="1"');
    expect(body).toContain('inorder_lag{partition="2"} 6');
  });

  test('registries do not share: two in one process count apart', async () => {
    createMetrics().counter('inorder_a_total', 'A').inc();
    const other = createMetrics();
    other.counter('inorder_a_total', 'A');
    expect((await other.exposition()).body).toContain('inorder_a_total 0');
  });
});
