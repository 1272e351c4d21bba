import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';

import { Language } from './text';

/** The repository. The compiled code is in dashboards/build/dashboards/src. */
export const ROOT = path.resolve(__dirname, '../../../..');

const read = (file: string) => parse(readFileSync(path.join(ROOT, file), 'utf8'));

/** The colours of the channels, the same as on the overview page and in the plugin. */
export const COLOURS = read('exporter/overview/colours.yaml') as Record<
  'dark_social' | 'direct' | 'search' | 'social' | 'ai' | 'email' | 'paid' | 'referral' | 'unknown',
  string
>;

// The columns of annotations are known to Grafana by these names in every language.
const ANNOTATION = ['time', 'timeEnd', 'title', 'text', 'tags'];

/** What the apps are called whose link previews are counted, as the back end names them. */
export const APPS: Record<string, string> = appNames();

function appNames() {
  const names = read('exporter/overview/apps.yaml') as Record<string, string>;
  const agents = read('exporter/attribution/data/agents_previews.yaml').agents as Array<{
    class: string;
    app?: string;
  }>;
  const apps = new Set(agents.flatMap(({ app }) => app ?? []));
  return Object.fromEntries(
    [...apps].map((app) => {
      const spaced = app.replace(/_/g, ' ');
      return [app, names[app] ?? spaced[0].toUpperCase() + spaced.slice(1)];
    })
  );
}

const french = read('plugin/pkg/question/tables/fr.yaml').phrases as Record<string, string>;

/** What the back end calls something in a language: a column, a series, a value. */
export function called(name: string, language: Language): string {
  if (language === 'en' || ANNOTATION.includes(name)) {
    return name;
  }
  const word = french[name];
  if (!word) {
    throw new Error(`the back end has no French for "${name}"`);
  }
  return word;
}
