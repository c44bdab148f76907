/** What `inorder/client` is, as built: in a browser, in Node.js, and installed from a package. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import vm from 'node:vm';

const BROWSER_ENTRY = resolve('dist/client/index.js');
const PORTABLE = ['InorderError', 'MemorySequenceStore', 'Sender', 'Timeline', 'conversationIdOf'];
const NODE_ONLY = ['DeliveryConsumer', 'FileSequenceStore', 'openKafkaTransport'];

/** Everything that the module imports, and what that imports, by path. */
function importGraph(entry: string, found = new Map<string, string[]>()): Map<string, string[]> {
  if (found.has(entry)) return found;
  const text = readFileSync(entry, 'utf8');
  const specifiers = [...text.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*'([^']+)'/g)].map(
    ([, specifier = '']) => specifier,
  );
  found.set(entry, specifiers);
  for (const one of specifiers.filter((name) => name.startsWith('.'))) importGraph(join(dirname(entry), one), found);
  return found;
}

test('the browser entry imports no package, no Node module and nothing of client/node', () => {
  const graph = importGraph(BROWSER_ENTRY);
  expect(graph.size).toBeGreaterThan(8);
  expect([...graph.values()].flat().filter((specifier) => !specifier.startsWith('.'))).toEqual([]);
  expect([...graph.keys()].filter((path) => path.includes('/node/'))).toEqual([]);
});

test('the walk sees what the Node entry imports', () => {
  const all = [...importGraph(resolve('dist/client/node/index.js')).values()].flat();
  expect(all).toEqual(expect.arrayContaining(['node:fs', 'kafkajs']));
});

test('the browser entry runs where there is nothing but what the web has', async () => {
  const web = { setTimeout, clearTimeout, AbortController, TextEncoder, crypto: globalThis.crypto, result: '' };
  const context = vm.createContext(web);
  const modules = new Map<string, vm.SourceTextModule>();
  const load = (path: string): vm.SourceTextModule => {
    let module = modules.get(path);
    if (module === undefined) {
      module = new vm.SourceTextModule(readFileSync(path, 'utf8'), { context, identifier: path });
      modules.set(path, module);
    }
    return module;
  };
  const page = new vm.SourceTextModule(
    `import { MemorySequenceStore, Sender, Timeline } from '${BROWSER_ENTRY}';
     const timeline = new Timeline();
     const transport = async (envelope) => {
       timeline.add({ ...envelope, conversationId: 'single:a:b', seq: timeline.messages.length + 1, msgId: '1' });
     };
     const sender = new Sender({ senderId: 'a', sequence: new MemorySequenceStore(), transport });
     await sender.send({ to: 'b', body: 'from a browser' });
     await sender.close();
     globalThis.result = timeline.messages.map(({ body }) => body).join();`,
    { context, identifier: 'page' },
  );
  await page.link((specifier, from) => load(resolve(dirname(from.identifier), specifier)));
  await page.evaluate();
  expect(web.result).toBe('from a browser');
});

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'inorder-packed-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The names that `specifier` exports, as a program in `cwd` sees it. */
function exportsOf(specifier: string, cwd: string, ...flags: string[]): string[] {
  const program = `process.stdout.write(JSON.stringify(Object.keys(await import('${specifier}'))))`;
  const out = execFileSync(process.execPath, [...flags, '--input-type=module', '-e', program], { cwd });
  return JSON.parse(out.toString()) as string[];
}

test('a packed install gives each environment its entry', () => {
  execFileSync('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', folder], { stdio: 'ignore' });
  const [archive = ''] = readdirSync(folder);
  execFileSync('tar', ['-xzf', archive], { cwd: folder });
  mkdirSync(join(folder, 'node_modules'));
  renameSync(join(folder, 'package'), join(folder, 'node_modules', 'inorder'));
  expect(exportsOf('inorder/client', folder, '--conditions=browser').sort()).toEqual([...PORTABLE].sort());
  // Only now the dependencies: the browser's part needs none.
  for (const name of readdirSync('node_modules').filter((one) => !one.startsWith('.') && one !== 'inorder')) {
    symlinkSync(resolve('node_modules', name), join(folder, 'node_modules', name));
  }
  expect(exportsOf('inorder/client', folder).sort()).toEqual([...PORTABLE, ...NODE_ONLY].sort());
  expect(exportsOf('inorder', folder)).toEqual(expect.arrayContaining(['DeliveryConsumer', 'InorderError']));
});
