import { readFile, writeFile } from 'node:fs/promises';

/** Replaces what stands between `<!-- begin: name -->` and `<!-- end: name -->` of a page. @throws Error without them */
export async function writeBlock(path: string, name: string, text: string): Promise<void> {
  const page = await readFile(path, 'utf8');
  const [begin, end] = [`<!-- begin: ${name} -->`, `<!-- end: ${name} -->`];
  const from = page.indexOf(begin);
  const to = page.indexOf(end);
  if (from < 0 || to < from) throw new Error(`${path} has no block ${begin} … ${end}`);
  await writeFile(path, `${page.slice(0, from + begin.length)}\n\n${text.trim()}\n\n${page.slice(to)}`);
}
