// Compiles src/ to dist/. Runs as `prepare`, so `npm ci` leaves a runnable checkout; where the compiler is not
// installed (a production install of an already built tree) there is nothing to do.
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
let tsc;
try {
  tsc = require.resolve('typescript/bin/tsc');
} catch {
  process.exit(existsSync('dist/cli/main.js') ? 0 : 1);
}
rmSync('dist', { recursive: true, force: true });
const { status } = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { stdio: 'inherit' });
if (status !== 0) process.exit(status ?? 1);
mkdirSync('dist/embedded', { recursive: true });
if (existsSync('src/embedded/pom.xml')) copyFileSync('src/embedded/pom.xml', 'dist/embedded/pom.xml');
chmodSync('dist/cli/main.js', 0o755);
