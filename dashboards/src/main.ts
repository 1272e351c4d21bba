/**
 * Writes the dashboards: node build/dashboards/src/main.js. With --check it writes nothing, and
 * fails where what is in the files is not what it would write.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { operations } from './operations';
import { overview } from './overview';
import { pages } from './pages';
import { sharing } from './sharing';
import { shifts } from './shifts';

import { LANGUAGES } from './text';
import { ROOT } from './words';

const checking = process.argv.includes('--check');
const stale: string[] = [];

for (const language of LANGUAGES) {
  for (const dashboard of [overview, pages, sharing, shifts, operations]) {
    const built = dashboard(language).build();
    const name = `${built.uid}.json`;
    const file = path.join(ROOT, 'dashboards', name);
    const text = `${JSON.stringify(built, null, 2)}\n`;
    if (!checking) {
      writeFileSync(file, text);
    } else if (!same(file, text)) {
      stale.push(name);
    }
  }
}
if (stale.length > 0) {
  console.error(`${stale.join(', ')}: not what dashboards/src makes; run npm --prefix dashboards run generate`);
  process.exitCode = 1;
}

function same(file: string, text: string): boolean {
  try {
    return readFileSync(file, 'utf8') === text;
  } catch {
    return false;
  }
}
