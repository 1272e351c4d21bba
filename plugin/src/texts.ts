import { config } from '@grafana/runtime';
import { initPluginTranslations, Resources } from '@grafana/i18n';
import { lt } from 'semver';

import pluginJson from './plugin.json';
import { Language } from './types';

const DEFAULT = 'en-US';
let spoken = DEFAULT;

/** The language of the texts, as a BCP 47 tag: English for users of a language without. */
export const language = (): string => spoken;

/** What a new query is to be answered in: nothing where the back end answers so anyway, in English. */
export const answers = (): { language?: Language } => (spoken === 'fr-FR' ? { language: 'fr' } : {});

/** To be spread into a text's values: React escapes what it shows, twice would show in the text. */
export const plain = { interpolation: { escapeValue: false } };

const files: Record<string, () => Promise<{ default: object }>> = {
  'en-US': () => import('./locales/en-US/darkshare-darksocial-datasource.json'),
  'fr-FR': () => import('./locales/fr-FR/darkshare-darksocial-datasource.json'),
};

async function load(lang: string): Promise<Resources> {
  return (await (files[lang] ?? files[DEFAULT])()).default as Resources;
}

/** Makes the texts of the user's language ready; Grafana before 12.1 does not load them by itself. */
export async function loadTexts(): Promise<void> {
  const loaders = lt(config.buildInfo.version, '12.1.0') ? [load] : undefined;
  const { language } = await initPluginTranslations(pluginJson.id, loaders);
  spoken = language && language in files ? language : DEFAULT;
}
